"""Principals: immutable, silent, and what frameworks expect of a user."""

from __future__ import annotations

import pytest

from ringwall import Principal
from ringwall.principal import ANONYMOUS


def alice(**more):
    return Principal("alice@example.com", scheme="bearer", scopes={"a"}, roles={"r"}, **more)


def test_it_answers_what_rules_and_frameworks_ask():
    who = alice(issuer="https://id", claims={"tenant": "t1"}, credential_id="k1")
    assert who.has_scope("a")
    assert not who.has_scope("b")
    assert who.has_role("r")
    assert not who.has_role("a")
    assert who.is_authenticated
    assert who.display_name == who.identity == who.subject == "alice@example.com"
    assert (who.issuer, who.credential_id, who.claims["tenant"]) == ("https://id", "k1", "t1")
    assert who.scopes == frozenset({"a"})


@pytest.mark.parametrize("name", ["subject", "roles", "claims", "anything"])
def test_it_cannot_be_changed(name):
    who = alice()
    with pytest.raises(AttributeError):
        setattr(who, name, frozenset({"admin"}))
    with pytest.raises(AttributeError):
        delattr(who, name)
    assert who.roles == frozenset({"r"})


def test_it_shares_nothing_that_its_maker_can_change():
    claims, roles = {"a": 1}, {"r"}
    who = Principal("x", scheme="s", claims=claims, roles=roles)
    claims["a"] = 2
    roles.add("admin")
    assert who.claims["a"] == 1
    assert not who.has_role("admin")
    with pytest.raises(TypeError):
        who.claims["a"] = 3


def test_its_repr_shows_no_claim():
    assert repr(alice(claims={"email": "alice@example.com"})) == "<Principal scheme='bearer'>"


def test_nobody_is_not_authenticated_and_may_nothing():
    assert not ANONYMOUS.is_authenticated
    assert (ANONYMOUS.display_name, ANONYMOUS.identity) == ("", "")
    assert ANONYMOUS.scopes == frozenset()
    assert repr(ANONYMOUS) == "<Anonymous>"
