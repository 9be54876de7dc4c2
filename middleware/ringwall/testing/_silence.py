"""The law of silence: no secret comes out of a layer, by any way."""

from __future__ import annotations

import contextlib
import io
import logging
import traceback
from collections.abc import Iterator, Sequence
from typing import get_args

from ..stack import Stack
from ._app import SampleApp
from ._drive import Interface
from ._laws import LawBroken, MakeLayers
from ._request import Request
from ._run import Run, run


def check_silence(
    make_layers: MakeLayers,
    app: SampleApp,
    request: Request,
    secrets: Sequence[bytes],
    *,
    other_output: Sequence[bytes] = (),
) -> None:
    """Silence: no secret in a response, a decision, a log, an exception or a `repr`.

    Parameters:
        make_layers: makes equal layers each time, outermost first.
        app: what they stand around; it must not know the secrets itself.
        request: what to send; it should hold the secrets.
        secrets: credentials, keys, body values: what must not come out. At least four bytes each,
            so that none is found by chance.
        other_output: what else the layers wrote, such as the content of an audit file.

    Raises:
        LawBroken: a secret came out; the message names the place, not the secret.
        ValueError: a secret is too short to look for.
    """
    if any(len(secret) < 4 for secret in secrets):
        raise ValueError("a secret shorter than four bytes is found everywhere")
    interfaces: tuple[Interface, ...] = ("asgi",) if request.websocket else get_args(Interface)
    for interface in interfaces:
        layers = make_layers()
        with _heard() as written:
            done = run(interface, layers, app, request)
        places = {
            "the response's headers": b"\n".join(b": ".join(line) for line in done.result.headers),
            "the response's body": done.result.body,
            "the decisions": _bytes(*done.decisions),
            "a repr": _bytes(Stack(*layers), *layers, done.principal, done.outcome, done.seen),
            "an exception": _exception(done),
            "a log": _bytes(written.getvalue()),
            "the other output": b"\n".join(other_output),
        }
        for place, text in places.items():
            if any(secret in text for secret in secrets):
                raise LawBroken(f"silence: a secret is in {place} ({interface})")


def _bytes(*values: object) -> bytes:
    return "\n".join(value if isinstance(value, str) else repr(value) for value in values).encode(
        "utf-8", "backslashreplace"
    )


def _exception(done: Run) -> bytes:
    error = done.result.error
    return b"" if error is None else _bytes("".join(traceback.format_exception(error)))


@contextlib.contextmanager
def _heard() -> Iterator[io.StringIO]:
    """Everything that is logged, at any level, or printed."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    ours = logging.getLogger("ringwall")
    levels = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    try:
        with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
            yield written
    finally:
        root.removeHandler(handler)
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
