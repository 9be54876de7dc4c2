"""How long each layer took, in a share of the records."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._layer import Verdict
from .._timing import Timings
from .record import clean, quote_clean

_LONGEST_NAME = 256

Start = Callable[[Exchange], Verdict]


def noting(share: float, clock: Callable[[], float]) -> Callable[[Start], Start]:
    """What makes a hook for the start have the times of a share of the exchanges noted.

    Raises:
        ConfigurationError: it is no share.
    """
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise ConfigurationError(f"timings={share!r}: write a share of the requests, such as 0.01")
    if not share:
        return lambda hook: hook
    counter, every = count(), round(1 / share)

    def noted(hook: Start) -> Start:
        def on_request(exchange: Exchange) -> Verdict:
            if next(counter) % every == 0:
                exchange.timings = Timings(clock)
            return hook(exchange)

        return on_request

    return noted


def told_timings(exchange: Exchange, duration: float) -> str:
    """The member of a record: microseconds by layer; the rest is the app's, where it was called."""
    timings: Timings | None = exchange.timings
    if timings is None:
        return ""
    micros = {
        clean(name, _LONGEST_NAME): max(0, int(spent * 1_000_000))
        for name, spent in timings.spent.items()
    }
    if timings.passing and not _stopped_at_the_boundary(exchange):
        rest = max(0, int(duration * 1_000_000) - sum(micros.values()))
        micros["app"] = micros.get("app", 0) + rest
    names = sorted(micros, key=lambda name: name.encode("utf-16-be"))  # RFC 8785 section 3.2.3
    return f',"timings":{{{",".join(f"{quote_clean(name)}:{micros[name]}" for name in names)}}}'


def _stopped_at_the_boundary(exchange: Exchange) -> bool:
    return bool(exchange.decisions) and exchange.decisions[-1].layer == "boundary"
