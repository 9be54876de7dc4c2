"""HSTS: what may be announced, and that what is announced reads back (RFC 6797)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from https_support import vectors
from ringwall._errors import ConfigurationError
from ringwall.https import HSTS

YEAR = 31536000


def read(value):
    """A reader of the header that keeps to RFC 6797: (fields, errors, warnings) by vector names."""
    fields = {"preload": False, "includeSubDomains": False, "max_age": None}
    errors, warnings = [], []
    directives = [part.strip() for part in value.split(";")]
    if directives == [""]:
        return fields, errors, ["header.parse.empty"]
    seen = set()
    empty = False
    for directive in directives:
        name, equals, digits = directive.partition("=")
        name = name.lower()
        if name == "":
            empty = True
        elif name in ("preload", "includesubdomains") and not equals:
            key = "preload" if name == "preload" else "includeSubDomains"
            if name in seen and f"header.parse.repeated.{key}" not in warnings:
                warnings.append(f"header.parse.repeated.{key}")
            fields[key] = True
        elif name == "max-age":
            if not equals:
                errors.append("header.parse.invalid.max_age.no_value")
            elif not digits:
                errors.append("header.parse.max_age.parse_int_error")
            elif not digits.isdigit():
                errors.append("header.parse.max_age.non_digit_characters")
            else:
                if digits[0] == "0" and digits != "0":
                    warnings.append("header.parse.max_age.leading_zero")
                fields["max_age"] = int(digits)
        else:
            warnings.append("header.parse.unknown_directive")
        seen.add(name)
    if empty:
        warnings.append("header.parse.empty_directive")
    return (None if errors else fields), errors, warnings


def table(name, wanted=lambda case: True):
    folder = vectors()
    if folder is None:
        return [pytest.param(None, marks=pytest.mark.skip(reason="no RINGWALL_VECTORS"))]
    cases = json.loads((folder / "http" / "hsts_header_vectors.json").read_text())
    return [pytest.param(c, id=c["description"]) for c in cases if c["table"] == name and wanted(c)]


@pytest.mark.parametrize(
    "case", table("parseHeaderStringTests") + table("parseHeaderStringWithErrorsTests")
)
def test_the_reader_of_these_tests_agrees_with_the_vectors(case):
    fields, errors, warnings = read(case["header"])
    assert sorted(errors) == sorted(case["errors"])
    assert set(warnings) == set(case["warnings"])
    if not errors:
        assert fields == case["parsed"]


@pytest.mark.parametrize("case", table("parseHeaderStringTests"))
def test_a_policy_of_the_vectors_is_said_in_our_words_or_refused(case):
    """Every readable policy is constructed and reads back, unless it has no max-age or breaks the
    preload rules."""
    fields = case["parsed"]
    arguments = (fields["max_age"], fields["includeSubDomains"], fields["preload"])
    if fields["max_age"] is None:
        with pytest.raises(ConfigurationError, match="max_age= takes"):
            HSTS(*arguments)
    elif fields["preload"] and (not fields["includeSubDomains"] or fields["max_age"] < YEAR):
        with pytest.raises(ConfigurationError, match="preload=True needs"):
            HSTS(*arguments)
    else:
        assert read(HSTS(*arguments).header[1].decode()) == (fields, [], [])


def _asks_for_preload(case):
    fields, _, _ = read(case["header"])
    return fields is not None and fields["preload"]


@pytest.mark.parametrize("case", table("preloadableHeaderStringTests", _asks_for_preload))
def test_preload_is_refused_exactly_where_the_preload_list_refuses_it(case):
    fields, _, _ = read(case["header"])
    arguments = (fields["max_age"], fields["includeSubDomains"], fields["preload"])
    if case["errors"] or case["warnings"]:
        with pytest.raises(ConfigurationError):
            HSTS(*arguments)
    else:
        assert HSTS(*arguments).preload is True


@given(st.integers(0, 10 * YEAR), st.booleans())
def test_what_is_announced_reads_back(max_age, include_subdomains):
    name, value = HSTS(max_age, include_subdomains).header
    assert name == b"strict-transport-security"
    expected = {"preload": False, "includeSubDomains": include_subdomains, "max_age": max_age}
    assert read(value.decode()) == (expected, [], [])


def test_the_line_is_spelled_as_the_rfc_spells_it():
    assert HSTS().header[1] == b"max-age=63072000; includeSubDomains"
    assert HSTS(YEAR, True, True).header[1] == b"max-age=31536000; includeSubDomains; preload"
    assert HSTS(0, False).header[1] == b"max-age=0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_age": -1}, "whole number of seconds"),
        ({"max_age": 1.5}, "whole number of seconds"),
        ({"max_age": True}, "whole number of seconds"),
        ({"max_age": "63072000"}, "whole number of seconds"),
        ({"max_age": 63072000000}, "more than ten years"),
        ({"include_subdomains": "yes"}, "include_subdomains= takes True or False"),
        ({"preload": 1}, "preload= takes True or False"),
        ({"preload": True, "include_subdomains": False}, "needs include_subdomains=True"),
        ({"preload": True, "max_age": YEAR - 1}, "needs max_age=31536000"),
    ],
)
def test_a_policy_that_cannot_work_is_refused_with_what_to_write(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        HSTS(**arguments)


def test_a_policy_cannot_be_changed_afterwards():
    with pytest.raises(AttributeError):
        HSTS().preload = True
