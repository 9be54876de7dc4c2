"""Permissions-Policy: a structured dictionary (RFC 9651), of features and origins that exist."""

from __future__ import annotations

import json

import pytest

from https_support import vectors
from ringwall._errors import ConfigurationError
from ringwall.headers._structured import (
    Item,
    Malformed,
    Token,
    parse_dictionary,
    serialize_dictionary,
)
from ringwall.headers.permissions import permissions_policy
from ringwall.headers.presets import PRESETS


def cases():
    folder = vectors()
    if folder is None:
        return []
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted((folder / "sf").glob("*.json"))
        for case in json.loads(path.read_text())
    ]


def in_subset(value):
    """Whether an expected value is made of tokens, strings, inner lists and parameters alone."""
    bare, parameters = value
    if not all(kind is True or is_word(kind) for _, kind in parameters):
        return False
    return all(map(in_subset, bare)) if isinstance(bare, list) else is_word(bare)


def is_word(bare):
    return isinstance(bare, str) or (isinstance(bare, dict) and bare["__type"] == "token")


def as_expected(member):
    parameters = [[key, bare_as_expected(value)] for key, value in member.parameters.items()]
    if isinstance(member, Item):
        return [bare_as_expected(member.value), parameters]
    return [[as_expected(item) for item in member.items], parameters]


def bare_as_expected(value):
    return {"__type": "token", "value": str(value)} if isinstance(value, Token) else value


def members_of(expected):
    return all(value[0] is True or in_subset(value) for _, value in expected)


@pytest.mark.skipif(vectors() is None, reason="the shared vectors are not here")
@pytest.mark.parametrize("case", cases())
def test_the_parser_agrees_with_the_vectors(case):
    """Items and lists stand as member of a dictionary; other types are refused, as malformed."""
    raw = ", ".join(case["raw"])
    kind = case["header_type"]
    if kind == "item":
        text = "a=" + raw.strip(" ")
        expected = [["a", case["expected"]]] if "expected" in case else None
    elif kind == "list":
        return  # Permissions-Policy has no bare lists; inner ones are in the dictionaries
    else:
        text, expected = raw, case.get("expected")
    # A lone key stands for ?1, which is malformed where it is written out.
    written_out = kind == "item" and expected and expected[0][1][0] is True
    if case.get("must_fail") or written_out or not members_of(expected):
        if kind == "item" and not raw.strip(" "):
            return  # an empty item, which is no member at all
        with pytest.raises(Malformed):
            parse_dictionary(text)
        return
    found = dict(parse_dictionary(text))
    assert [[key, as_expected(member)] for key, member in found.items()] == [
        [key, [True, value[1]] if value[0] is True else value] for key, value in expected
    ]
    if kind == "dictionary":
        assert serialize_dictionary(found) == ", ".join(case.get("canonical", case["raw"]))
    assert dict(parse_dictionary(serialize_dictionary(found))) == found


@pytest.mark.skipif(vectors() is None, reason="the shared vectors are not here")
def test_the_lists_of_the_vectors_stand_inside_as_well():
    seen = 0
    for path in sorted((vectors() / "sf").glob("*list*.json")):
        for case in json.loads(path.read_text()):
            if case.get("must_fail") or not case.get("expected"):
                continue
            if not all(in_subset(value) for value in case["expected"]):
                continue
            # A list is a dictionary once its members have keys.
            members = [f"a{i}={raw}" for i, raw in enumerate(", ".join(case["raw"]).split(", "))]
            found = dict(parse_dictionary(", ".join(members)))
            assert [as_expected(member) for member in found.values()] == case["expected"]
            seen += 1
    assert seen >= 2


@pytest.mark.parametrize(
    "text", ["a=(self", "a=(self b", 'a=("x', "a=((b))", "a=(b)c", 'a=("x""y")', "a b", "a,"]
)
def test_what_is_cut_off_or_run_together_is_malformed(text):
    with pytest.raises(Malformed):
        parse_dictionary(text)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"camera": []}, "camera=()"),
        ({"camera": ()}, "camera=()"),
        ({"camera": "*"}, "camera=*"),
        ({"camera": ["*"]}, "camera=*"),
        ({"camera": "self"}, "camera=(self)"),
        ({"camera": ["self", "https://*.example.com:8443"]}, 'camera=(self "https://*.example.com:8443")'),
        ({"usb": "https://[2001:db8::1]"}, 'usb=("https://[2001:db8::1]")'),
        ("camera=(),usb=*", "camera=(), usb=*"),
        ('camera=self, usb="https://a.example"', 'camera=self, usb="https://a.example"'),
        ("camera=();report-to=main", "camera=();report-to=main"),
    ],
)  # fmt: skip
def test_who_may_use_a_feature_is_written_as_browsers_read_it(given, text):
    assert permissions_policy(given, {}) == text
    assert permissions_policy(text, {}) == text


def test_a_mapping_changes_the_base_feature_by_feature():
    base = {"camera": [], "usb": [], "midi": []}
    given = {"camera": ["self"], "usb": None, "hid": []}
    assert permissions_policy(given, base) == "camera=(self), midi=(), hid=()"
    assert permissions_policy("hid=()", base) == "hid=()"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("camra=()", "did you mean 'camera'"),
        ({"geolocaton": []}, "did you mean 'geolocation'"),
        ({3: []}, "unknown feature '3'"),
        ("camera 'none'", "no structured dictionary"),
        ("camera=() usb=()", "no structured dictionary"),
        ("camera=(), ", "no structured dictionary"),
        ("camera=()\r\nX-Evil: 1", "no structured dictionary"),
        ("camera=(self)\n", "no structured dictionary"),
        ("camera=1", "no structured dictionary"),
        ("camera=?0", "no structured dictionary"),
        ("camera", "allows True"),
        ("camera=(), camera=(self)", "names 'camera' twice"),
        ("camera=(none)", "allows 'none'"),
        ("camera=(https://a.example)", "in double quotes"),
        ('camera=("self")', "no origin"),
        ("camera=(self);reports=x", "unknown parameter 'reports'"),
        ("camera=(self;x)", "unknown parameter 'x'"),
        ({"camera": ["https://a.example/path"]}, "no origin"),
        ({"camera": ['https://a.example") evil=("x']}, "no origin"),
        ({"camera": ["https://a.example\r\nX: 1"]}, "no origin"),
        ({"camera": ["https://a.example\n"]}, "no origin"),
        ({"camera": [3]}, "no origin"),
        ({"camera": ["https://a.example:\u0661"]}, "no origin"),
        ({"camera": 3}, "takes a list"),
        ({"camera": ""}, "no origin"),
        ("", "is empty; use None"),
        ({}, "is empty; use None"),
        ({"camera": None}, "is empty; use None"),
        (3, "takes a text, or a mapping"),
    ],
)
def test_what_browsers_would_ignore_is_refused(given, message):
    with pytest.raises(ConfigurationError, match=message):
        permissions_policy(given, {})


@pytest.mark.skipif(vectors() is None, reason="the shared vectors are not here")
def test_the_policy_of_owasp_is_understood():
    listed = json.loads((vectors() / "http" / "owasp_headers_add.json").read_text())["headers"]
    [policy] = [line["value"] for line in listed if line["name"] == "Permissions-Policy"]
    assert permissions_policy(policy, {}) == policy


@pytest.mark.parametrize("preset", PRESETS)
def test_the_presets_switch_powerful_features_off(preset):
    policy = dict(parse_dictionary(permissions_policy({}, PRESETS[preset]["permissions_policy"])))
    assert {"camera", "microphone", "geolocation", "payment", "usb"} <= policy.keys()
    assert all(str(member) == "()" for member in policy.values())
