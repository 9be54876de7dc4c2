"""Errors that teach."""

from __future__ import annotations

import pytest

import ringwall
from ringwall import ConfigurationError
from ringwall._errors import MissingDependency, did_you_mean


def test_the_nearest_option_is_offered_or_all_of_them():
    assert did_you_mean("RS265", ["ES256", "RS256"]) == "; did you mean 'RS256'?"
    assert did_you_mean("zzz", ["b", "a"]) == "; use one of 'a', 'b'"


def test_a_missing_dependency_comes_with_the_line_that_mends_it():
    error = MissingDependency("redis", "redis", "RateLimit(store='redis://...')")
    assert isinstance(error, ImportError)
    assert isinstance(error, ConfigurationError)
    assert "pip install 'ringwall[redis]'" in str(error)


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Stak'"):
        _ = ringwall.Stak
    assert "Stack" in dir(ringwall)
