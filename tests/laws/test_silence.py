"""Law 6: no secret in a response, a log, an exception or a repr."""

from __future__ import annotations

from hypothesis import given, settings

from core_support import layers_of
from laws import strategies as our
from ringwall.testing import SampleApp, check_silence

TOKEN = b"s3cr3t-t0k3n"


@settings(deadline=None, max_examples=60)
@given(our.stacks, our.requests())
def test_what_a_request_holds_and_what_an_exception_says_comes_out_nowhere(scripts, request):
    """Not even where layers fail: their exceptions' messages may hold anything."""
    scripts = [s for s in scripts if not s.request.startswith("read")]
    request = request.__class__(
        **{
            **request.__dict__,
            "headers": (*request.headers, (b"x-want", TOKEN), (b"authorization", TOKEN)),
            "target": request.target + b"?" + TOKEN,
            "body": (TOKEN,),
        }
    )
    check_silence(lambda: layers_of(scripts), SampleApp(), request, [TOKEN, b"SECRET-IN-EXCEPTION"])
