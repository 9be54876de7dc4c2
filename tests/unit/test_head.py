"""The response head that layers edit: the same on both interfaces."""

from __future__ import annotations

import pytest

from core_support import LayerBug, Script, Scripted
from ringwall import Layer
from ringwall.testing import Request, SampleApp, run

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
APP = ((b"Content-Type", b"text/plain"), (b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=\xe9"))


def edited(interface, edit, headers=APP):
    """The result of one edit, and what the edit returned."""
    returned = []

    class Edits(Layer):
        sets = frozenset({b"set-cookie", b"content-type", b"x-new"})

        def on_response(self, exchange, head):
            returned.append(edit(head))

    result = run(interface, [Edits()], SampleApp(headers=headers), Request()).result
    return result, returned


@INTERFACES
def test_a_header_is_found_whatever_its_case_and_the_first_one_counts(interface):
    _, returned = edited(
        interface, lambda head: [head.get(n) for n in (b"set-cookie", b"content-type", b"x-new")]
    )
    assert returned == [[b"a=1", b"text/plain", None]]


@INTERFACES
def test_add_set_setdefault_and_remove(interface):
    def edit(head):
        head.add(b"set-cookie", b"c=3")
        head.set(b"content-type", b"text/html")
        head.setdefault(b"content-type", b"never")
        head.setdefault(b"x-new", b"1")

    result, _ = edited(interface, edit)
    assert result.lines == {
        b"set-cookie": [b"a=1", b"b=\xe9", b"c=3"],
        b"content-type": [b"text/html"],
        b"x-new": [b"1"],
    }
    result, _ = edited(interface, lambda head: head.remove(b"set-cookie"))
    assert result.lines == {b"content-type": [b"text/plain"]}


@INTERFACES
def test_a_new_status_comes_with_its_own_reason(interface):
    def edit(head):
        head.status = 404

    assert edited(interface, edit)[0].status == 404


@INTERFACES
def test_rewrite_changes_drops_and_keeps_lines_in_their_order(interface):
    seen = []

    def edit(name, value):
        seen.append((name, value))
        return {b"a=1": b"a=1; Secure", b"b=\xe9": b"b=\xe9", b"text/plain": None}[value]

    names = frozenset({b"set-cookie", b"content-type"})
    result, _ = edited(interface, lambda head: head.rewrite(names, edit))
    assert seen == [
        (b"content-type", b"text/plain"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=\xe9"),
    ]
    assert result.lines == {b"set-cookie": [b"a=1; Secure", b"b=\xe9"]}


@INTERFACES
def test_rewrite_leaves_other_names_and_other_responses_alone(interface):
    only = frozenset({b"set-cookie"})
    result, _ = edited(interface, lambda head: head.rewrite(only, lambda name, value: b"x"))
    assert result.lines == {b"content-type": [b"text/plain"], b"set-cookie": [b"x", b"x"]}
    absent = frozenset({b"x-new"})
    result, _ = edited(interface, lambda head: head.rewrite(absent, lambda name, value: b"x"))
    assert result.lines[b"set-cookie"] == [b"a=1", b"b=\xe9"]


@INTERFACES
def test_rewrite_guards_what_it_writes(interface):
    names = frozenset({b"set-cookie"})
    result, _ = edited(interface, lambda head: head.rewrite(names, lambda *line: b"a\r\nb: c"))
    assert result.status == 500
    assert b"set-cookie" not in result.lines


@INTERFACES
def test_an_observer_that_fails_halfway_through_a_rewrite_loses_no_header(interface):
    class Fails(Layer):
        observes = True
        sets = frozenset({b"set-cookie"})

        def on_response(self, exchange, head):
            def edit(name, value):
                if value != b"a=1":
                    raise LayerBug
                return

            head.rewrite(self.sets, edit)

    result = run(interface, [Fails()], SampleApp(headers=APP), Request()).result
    assert result.status == 200
    assert result.lines[b"set-cookie"] == [b"a=1", b"b=\xe9"]


@INTERFACES
def test_the_outer_layers_edit_what_replaces_a_response(interface):
    outer = Scripted("outer", Script(constant=((b"x-a", b"1"),), response=(("add", b"x-b"),)))
    inner = Scripted("inner", Script(constant=((b"x-c", b"1"),), response=(("raise", b""),)))
    lines = run(interface, [outer, inner], SampleApp(headers=APP), Request()).result.lines
    assert lines[b"x-a"] == [b"1"]
    assert lines[b"x-b"] == [b"outer"]
    assert not {b"x-c", b"set-cookie"} & set(lines)
