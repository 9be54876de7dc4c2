"""The laws of Ringwall, for the layers you write: each check raises `LawBroken` and says why.

>>> from ringwall import Layer, Response
>>> from ringwall.testing import Request, SampleApp, check_fusion, check_interface
>>> class Teapot(Layer):
...     name = "teapot"
...     def on_request(self, exchange):
...         return Response(418) if exchange.path == "/coffee" else None
>>> for path in (b"/tea", b"/coffee"):
...     check_fusion(lambda: [Teapot(), Teapot()], SampleApp(), Request(target=path), "asgi")
...     check_interface(lambda: [Teapot()], SampleApp(), Request(target=path))

It needs neither a server nor a test framework; `drive` sends one described request through any
ASGI or WSGI app.
"""

from ._app import SampleApp, Seen
from ._drive import Interface, Result, drive
from ._laws import (
    LawBroken,
    MakeLayers,
    check_closed,
    check_fusion,
    check_interface,
    check_order,
    check_transparency,
)
from ._request import Request
from ._run import Probe, Run, run
from ._silence import check_silence
from ._validator import ASGIViolation, validate_asgi

__all__ = [
    "ASGIViolation",
    "Interface",
    "LawBroken",
    "MakeLayers",
    "Probe",
    "Request",
    "Result",
    "Run",
    "SampleApp",
    "Seen",
    "check_closed",
    "check_fusion",
    "check_interface",
    "check_order",
    "check_silence",
    "check_transparency",
    "drive",
    "run",
    "validate_asgi",
]
