"""The index finds what a naive search over all templates would find, in the same order."""

from __future__ import annotations

import gc
import itertools
import sys
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz_support import UUID1
from ringwall import ConfigurationError
from ringwall._template import KINDS, parse_template
from ringwall._template_index import TemplateIndex
from ringwall.authz._overlay import Overlay

# --- a naive reference: try every template, take the most specific one ---------------------------

_RANK = {"int": 1, "uuid": 2, "str": 3}


def naive_match(template, path, *, loose=False):
    """None, or (values, canonical)."""
    if not path.startswith("/"):
        return None
    segments = path.split("/")[1:]
    parts = list(template.segments)
    if loose:
        segments, parts = [s for s in segments if s], [p for p in parts if p != ""]
    if template.below:
        if len(segments) < len(parts) + (not loose):
            return None
        segments = segments[: len(parts)]
    if len(segments) != len(parts):
        return None
    values, canonical = [], True
    for part, segment in zip(parts, segments, strict=True):
        if isinstance(part, str):
            if part != segment:
                return None
            continue
        if len(part.parameters) > 1 or part is not part.parameters[0]:
            found = naive_partial(part, segment)
            if found is None:
                return None
            canonical &= found != "alias"
            values.extend([None] * len(part.parameters) if found == "alias" else found)
            continue
        value = part.kind.read(segment)
        if value is None:
            if not part.kind.alias(segment):
                return None
            canonical = False
        values.append(value)
    return tuple(values), canonical


def naive_partial(part, segment):
    """Every way to split it: the values, "alias", or None."""
    literals = part.kind.read.__self__.literals
    ways = []

    def split(rest, at, texts):
        if at == len(literals):
            if not rest:
                ways.append(texts)
            return
        for end in range(1, len(rest) + 1):
            if rest[end:].startswith(literals[at]):
                split(rest[end + len(literals[at]) :], at + 1, [*texts, rest[:end]])

    if segment.startswith(literals[0]):
        split(segment[len(literals[0]) :], 1, [])
    ways = [way for way in ways if len(way) == len(part.parameters)]
    if not ways:
        return None
    if len(ways) > 1:
        return "alias"
    kinds = [parameter.kind for parameter in part.parameters]
    read = [kind.read(text) for kind, text in zip(kinds, ways[0], strict=True)]
    if None not in read:
        return read
    known = [k.read(t) is not None or k.alias(t) for k, t in zip(kinds, ways[0], strict=True)]
    return "alias" if all(known) else None


def specificity(template):
    ranks = [
        (-100, "") if isinstance(p, str) else (_RANK.get(p.kind.name, p.kind.rank), p.kind.name)
        for p in template.segments
    ]
    return [*ranks, (4, "")] if template.below else ranks


def naive_find(templates, path):
    hits = [(t, naive_match(t, path)) for t in templates]
    hits = [(t, m) for t, m in hits if m is not None]
    if not hits:
        return None
    template, (values, canonical) = min(hits, key=lambda hit: specificity(hit[0]))
    return template.text, named(template, values) if canonical else None


def named(template, values):
    return dict(zip(template.parameters, values, strict=True))


# --- strategies: small alphabets, so that templates and paths collide ----------------------------

_part = st.sampled_from(
    [
        *("a", "b", "7", "07", "{i:int}", "{u:uuid}", "{s}", UUID1, "a{s}", "{s}7", "{s}:act"),
        *("{s}.{t}", "{i:int}.{j:int}", "{s}aa{t}", "a{s}.{t}.{r}", "v{i:int}", "{r}.{s}.{t}"),
    ]
)


@st.composite
def template_text(draw):
    parts = draw(st.lists(_part, min_size=0, max_size=4))
    parts = [p.replace("{", "{" + "xyzw"[n]) for n, p in enumerate(parts)]
    tail = draw(st.sampled_from(["", "", "/", "/**"]))
    return ("/" + "/".join(parts) + tail).replace("//", "/") if parts else (tail or "/")


_segment = st.sampled_from(
    ["a", "b", "7", "07", "+7", "x", "", UUID1, UUID1.upper(), "٧", "1" * 32]
) | st.text("a7.:vct0", max_size=8)
paths = st.lists(_segment, max_size=6).map(lambda parts: "/" + "/".join(parts))


def distinct(texts):
    seen = {}
    for text in texts:
        seen.setdefault(parse_template(text).shape, parse_template(text))
    return list(seen.values())


@given(st.lists(template_text(), max_size=12), st.lists(paths, min_size=1, max_size=8))
def test_the_index_agrees_with_a_search_over_all_templates(texts, asked):
    templates = distinct(texts)
    index = TemplateIndex()
    for template in templates:
        index.put(template, template.text)
    for path in asked:
        assert index.find(path) == naive_find(templates, path)


@given(st.lists(template_text(), max_size=8), st.lists(paths, min_size=1, max_size=6))
def test_the_overlay_finds_every_template_that_matches_loosely(texts, asked):
    templates = distinct(texts)
    overlay = Overlay()
    for template in templates:
        overlay.put(template, template.text)
    for path in asked:
        expected = {}
        for template in templates:
            hit = naive_match(template, path, loose=True)
            if hit is not None:
                expected[template.text] = named(template, hit[0]) if hit[1] else None
        found = overlay.find(path)
        assert (dict(found), len(found)) == (expected, len(expected))


def test_the_order_of_the_templates_does_not_matter():
    texts = ["/a/b", "/a/{i:int}", "/a/{u:uuid}", "/a/{s}", "/a/**", "/{s}/b", "/**"]
    asked = ["/a/b", "/a/7", "/a/07", f"/a/{UUID1}", "/a/x", "/a/x/y", "/c/b", "/c", "/"]
    orders = list(itertools.islice(itertools.permutations(texts), 0, None, 211))
    assert len(orders) > 20
    for order in orders:
        index = TemplateIndex()
        for text in order:
            index.put(parse_template(text), text)
        assert [index.find(path) for path in asked] == [
            ("/a/b", {}),
            ("/a/{i:int}", {"i": 7}),
            ("/a/{i:int}", None),
            ("/a/{u:uuid}", {"u": KINDS["uuid"].read(UUID1)}),
            ("/a/{s}", {"s": "x"}),
            ("/a/**", {}),
            ("/{s}/b", {"s": "c"}),
            ("/**", {}),
            ("/**", {}),
        ]


def test_an_alias_counts_only_where_the_rest_of_the_path_matches():
    index = TemplateIndex()
    for text in ("/{v:int}/x", "/{name}/y"):
        index.put(parse_template(text), text)
    assert index.find("/07/x") == ("/{v:int}/x", None)
    assert index.find("/07/y") == ("/{name}/y", {"name": "07"})


@pytest.mark.parametrize("path", ["", "a", "a/b", "*", "http://h/a"])
def test_what_does_not_begin_with_a_slash_matches_nothing(path):
    index = TemplateIndex()
    for text in ("/**", "/{a}", "/a", "/{a}/{b}"):
        index.put(parse_template(text), text)
    assert index.find(path) is None


@pytest.mark.parametrize("path", ["//b", "/x//c", "/x/", "/", "//"])
def test_an_empty_segment_fills_no_parameter(path):
    index = TemplateIndex()
    for text in ("/{a}/b", "/x/{a}/c", "/x/{a}", "/{a}", "/{a:int}/{b:int}"):
        index.put(parse_template(text), text)
    assert index.find(path) is None


def test_a_long_path_is_no_recursion():
    index = TemplateIndex()
    index.put(parse_template("/{a}/**"), 1)
    assert index.find("/x" * 30_000) == (1, {"a": "x"})


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("orders", "must begin with '/'"),
        (None, "must begin with '/'"),
        ("/orders/{id:itn}", "did you mean 'int'"),
        ("/files/{rest:path}", r"write '/\*\*' at the end"),
        ("/orders/{}", "write '{order_id:int}'"),
        ("/orders/{1x}", "write '{order_id:int}'"),
        ("/orders/{ordér}", "write '{order_id:int}'"),
        ("/orders/x}", "write a parameter as '{name}'"),
        ("/orders/{id}}", "write a parameter as '{name}'"),
        ("/orders/{a}{b}", "nothing tells where one parameter ends"),
        ("/orders/{a}-{b}{c}", "nothing tells where one parameter ends"),
        ("/orders/{a}*", "write '{name}' for one segment"),
        ("/orders/{a};{b}", "can never match"),
        ("/orders/{a}.{a}", "two parameters 'a'"),
        ("/orders/{a}/{a:int}.json", "two parameters 'a'"),
        ("/orders/{a:itn}.json", "did you mean 'int'"),
        ("/orders/{}.json", "write '{order_id:int}'"),
        ("/orders/*", "write '{name}' for one segment"),
        ("/**/x", "write '{name}' for one segment"),
        ("/a//b", "can never match"),
        ("//**", "can never match"),
        ("/a/../b", "can never match"),
        ("/a/./b", "can never match"),
        ("/a?x=1", "can never match"),
        ("/a%20b", "can never match"),
        ("/a;b", "can never match"),
        ("/a\\b", "can never match"),
        ("/a\nb", "can never match"),
        ("/{a}/{a:int}", "two parameters 'a'"),
    ],
)
def test_a_template_that_could_never_match_or_mean_two_things_is_refused(text, hint):
    with pytest.raises(ConfigurationError, match=hint):
        parse_template(text)


@pytest.mark.parametrize(
    "spelling",
    [
        "07", "+7", "-7", " 7", "7 ", "7\n", "\t7", "7.0", "7e0", "0_7", "٧", "７", "-0", "00",
        "9223372036854775808", "9" * 5000, "1_000", "\u00a07", "7\x1f",
        "+" + "9" * 5000, "1" + "_1" * 50_000, "-" + "٧" * 9000,
    ],
)  # fmt: skip
def test_every_other_spelling_of_an_int_is_an_alias(spelling):
    assert KINDS["int"].read(spelling) is None
    assert KINDS["int"].alias(spelling)


@given(st.text(alphabet="07٧²_+- .e", max_size=8))
def test_whatever_int_takes_is_one_spelling_or_another(text):
    try:
        int(text)
    except ValueError:
        return
    assert KINDS["int"].read(text) is not None or KINDS["int"].alias(text)


@pytest.mark.parametrize("word", ["", "x", "7x", "0x7", "seven", "inf", "nan", "7.5", "²", "1e999"])
def test_what_no_parser_takes_for_an_int_is_no_alias(word):
    assert KINDS["int"].read(word) is None
    assert not KINDS["int"].alias(word)


@pytest.mark.parametrize(
    "spelling",
    [UUID1.upper(), UUID1.replace("-", ""), "{" + UUID1 + "}", "urn:uuid:" + UUID1, UUID1 + "\n"],
)
def test_every_other_spelling_of_a_uuid_is_an_alias(spelling):
    assert KINDS["uuid"].read(spelling) is None
    assert KINDS["uuid"].alias(spelling)


@pytest.mark.parametrize("word", ["", "x", UUID1[:-1], "z" * 36, "0" * 36])
def test_what_no_parser_takes_for_a_uuid_is_no_alias(word):
    assert KINDS["uuid"].read(word) is None
    assert not KINDS["uuid"].alias(word)


@given(st.integers(0, 2**63 - 1))
def test_an_int_has_one_canonical_spelling(number):
    assert KINDS["int"].read(str(number)) == number
    assert type(KINDS["int"].read(str(number))) is int


@given(st.text(max_size=30))
def test_reading_is_never_an_error_and_never_lossy(text):
    for kind in KINDS.values():
        value = kind.read(text)
        assert value is None or str(value) == text
        assert isinstance(kind.alias(text), bool)


def index_of(*texts):
    index = TemplateIndex()
    for text in texts:
        index.add(parse_template(text), text)
    return index


@pytest.mark.parametrize(
    ("template", "path", "params"),
    [
        ("/", "/", {}),
        ("/v1/orders", "/v1/orders", {}),
        ("/v1/orders/", "/v1/orders/", {}),
        ("/orders/{id:int}", "/orders/0", {"id": 0}),
        ("/orders/{id:int}", "/orders/9223372036854775807", {"id": 2**63 - 1}),
        ("/orders/{id:uuid}", f"/orders/{UUID1}", {"id": UUID(UUID1)}),
        ("/{a}/x/{b:str}", "/1/x/é", {"a": "1", "b": "é"}),
        ("/admin/**", "/admin/", {}),
        ("/admin/**", "/admin/a/b", {}),
        ("/{tenant}/**", "/acme/a", {"tenant": "acme"}),
        ("/**", "/", {}),
    ],
)
def test_a_template_matches_and_gives_typed_parameters(template, path, params):
    assert index_of(template).find(path) == (template, params)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/v1/orders", "/v1/orders/"),
        ("/v1/orders", "/V1/orders"),
        ("/v1/orders", "/v1/orders/1"),
        ("/v1/orders/", "/v1/orders"),
        ("/orders/{name}", "/orders/"),
        ("/orders/{name}", "/orders/a/b"),
        ("/orders/{id:int}/x", "/orders/1"),
        ("/orders/{id:int}/x", "/orders/1/y"),
        ("/admin/**", "/admin"),
        ("/admin/**", "/administrator/x"),
        ("/orders/{id:uuid}", "/orders/abc"),
    ],
)
def test_nothing_else_matches(template, path):
    assert index_of(template).find(path) is None


@pytest.mark.parametrize(
    ("one", "two"), [("/a/{x}", "/a/{y:str}"), ("/a", "/a"), ("/a/**", "/a/**"), ("/**", "/**")]
)
def test_two_templates_for_the_same_paths_are_a_mistake(one, two):
    with pytest.raises(ConfigurationError, match="match the same paths"):
        index_of(one, two)


def test_a_longer_literal_that_fails_gives_way_to_a_parameter():
    assert index_of("/a/b/c", "/{x}/b/d").find("/a/b/d") == ("/{x}/b/d", {"x": "a"})


def test_parameters_of_a_tried_and_left_branch_do_not_leak():
    found = index_of("/{i:int}/x", "/{s}/{t}").find("/7/y")
    assert found == ("/{s}/{t}", {"s": "7", "t": "y"})


@given(st.text(alphabet="/ab1_{}*.+٣", max_size=40))
def test_any_path_is_matched_or_not_without_an_error(path):
    hit = index_of("/a/{i:int}", "/a/{s}", "/b/**").find("/" + path)
    assert hit is None or hit[0].startswith(("/a/", "/b/"))


@pytest.mark.parametrize(
    ("template", "path", "params"),
    [
        ("/users/{id:int}:activate", "/users/7:activate", {"id": 7}),
        ("/users/{id:int}:activate", "/users/07:activate", None),
        ("/files/{name}.{ext}", "/files/a.txt", {"name": "a", "ext": "txt"}),
        ("/files/{name}.{ext}", "/files/a.b.txt", None),
        ("/v{major:int}.{minor:int}/x", "/v1.10/x", {"major": 1, "minor": 10}),
        ("/{owner}--{repo}/**", "/a--b/c", {"owner": "a", "repo": "b"}),
        ("/{owner}--{repo}/**", "/a---b/c", None),
    ],
)
def test_literal_text_around_parameters(template, path, params):
    index = index_of(template, "/**", "/{any}/**", "/{any}/{other}")
    assert index.find(path) == (template, params)


@pytest.mark.parametrize(
    "path", ["/users/:activate", "/users/7:deactivate", "/users/7:activate/", "/users/x:activat"]
)
def test_what_a_partial_segment_does_not_match(path):
    assert index_of("/users/{id}:activate").find(path) is None


@pytest.mark.parametrize("path", ["/files/a.", "/files/.a", "/files/.", "/files/a"])
def test_no_parameter_of_a_partial_segment_is_empty(path):
    assert index_of("/files/{name}.{ext}").find(path) is None


def test_a_partial_segment_is_narrower_than_a_parameter_in_any_order():
    texts = ["/u/{id}", "/u/{id}:on", "/u/{n:int}", "/u/{a}.{b}", "/u/{a}.{b}:on", "/u/x:on"]
    asked = ["/u/7", "/u/7:on", "/u/a.b", "/u/a.b:on", "/u/x:on", "/u/x", "/u/7.0"]
    for order in itertools.permutations(texts):
        index = index_of(*order)
        assert [index.find(path)[0] for path in asked] == [
            *("/u/{n:int}", "/u/{id}:on", "/u/{a}.{b}", "/u/{a}.{b}:on", "/u/x:on", "/u/{id}"),
            "/u/{a}.{b}",
        ]


def test_two_spellings_of_one_partial_template_are_the_same_paths():
    with pytest.raises(ConfigurationError, match="match the same paths"):
        index_of("/f/{name}.{ext}", "/f/{a}.{b}")


def test_a_long_segment_is_split_in_linear_time():
    index = index_of("/{a}.{b}.{c}.{d}:x")
    assert index.find("/" + "." * 100_000 + ":x") == ("/{a}.{b}.{c}.{d}:x", None)
    assert index.find("/" + "." * 100_000) is None


# --- paths that an attacker chooses --------------------------------------------------------------


def calls(function, *arguments):
    """How many functions are called, and of those that were written in C, too."""
    made = []
    gc.disable()  # what hears of a collection would count
    sys.setprofile(lambda frame, event, argument: made.append(event))
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
        gc.enable()
    return sum("call" in event for event in made)


LEVELS = ("7", "{%s:int}", "{%s}", "{%s}.x")
BRANCHING = [
    "/" + "/".join(part.replace("%s", "abcd"[at]) for at, part in enumerate(parts))
    for parts in itertools.product(LEVELS, repeat=4)
]


@pytest.mark.parametrize("kind", [TemplateIndex, Overlay])
@pytest.mark.parametrize("last", ["/end", "", "/**"])
def test_no_path_costs_more_than_a_look_at_each_node(kind, last):
    """However templates branch, no place in the tree is come to twice."""
    index = kind()
    for text in BRANCHING:
        index.put(parse_template(text + last), text)
    nodes = sum(4**depth for depth in range(6))
    for path in ("/7/7/7/7", "/7/7/7/7/end", "/7/7/7/7/x", "/07/07/07/07/y", "/7.x/7.x/7.x/7.x/z"):
        assert calls(index.find, path) < 25 * nodes
        # What is too long for every template costs no more, and neither do rules elsewhere.
        long = calls(index.find, path + "/7" * 1000)
        assert long <= calls(index.find, path + "/7") + 1
    before = [calls(index.find, path) for path in ("/7/7/7/7/x", "/7/7/7/7/end")]
    for number in range(500):
        index.put(parse_template(f"/elsewhere{number}/{{a:int}}/{{b}}/end"), number)
    assert [calls(index.find, path) for path in ("/7/7/7/7/x", "/7/7/7/7/end")] == before


@pytest.mark.parametrize("size", [1000, 2000])
def test_ten_thousand_rules_cost_what_ten_cost(size):
    few, many = TemplateIndex(), TemplateIndex()
    for index, count in ((few, 10), (many, size)):
        for number in range(count):
            index.put(parse_template(f"/v1/r{number}/{{id:int}}"), number)
            index.put(parse_template(f"/v1/r{number}/{{id}}/items"), number)
    for path in ("/v1/r7/1", "/v1/r7/01", "/v1/r7/x", "/v1/r7/1/items", "/v1/rx/1/items", "/" * 99):
        assert calls(few.find, path) == calls(many.find, path)
