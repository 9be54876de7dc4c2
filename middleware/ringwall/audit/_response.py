"""What a response tells of its record and its trace."""

from __future__ import annotations

from collections.abc import Callable

from .._layer import ResponseHead
from ._setup import Trace

Edit = Callable[[str, "Trace | None", ResponseHead], None]


def response_edits(
    header: bytes | None, *, traceresponse: bool
) -> tuple[tuple[Edit, ...], frozenset[bytes]]:
    """The edits of a response's head, and the headers that they write or ask for.

    Parameters:
        header: the name of the one that tells the request's id; None: none does.
        traceresponse: tell the trace.
    """
    edits: list[Edit] = []
    names: set[bytes] = set()
    if header is not None:
        name = header

        def tell_request(request_id: str, trace: Trace | None, head: ResponseHead) -> None:
            head.remove(name)  # the app's, and the addition
            head.extend(((name, request_id.encode()),))  # hexadecimal digits need no check

        edits.append(tell_request)
        names.add(name)
    if traceresponse:
        edits.append(_tell_trace)
        names.add(b"traceresponse")
    return tuple(edits), frozenset(names)


def _tell_trace(request_id: str, trace: Trace | None, head: ResponseHead) -> None:
    value = None if trace is None else trace.response_header()
    if value is not None:
        head.set(b"traceresponse", value)
