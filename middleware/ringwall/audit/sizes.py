"""How large the bodies of an exchange were, in octets."""

from __future__ import annotations

from .._body import BodyIncomplete, declared_length
from .._exchange import Exchange, Outcome

_WITHOUT_BODY = (204, 304)


def sizes(exchange: Exchange, outcome: Outcome) -> tuple[int | None, int | None]:
    """The size of the request's and of the response's body; None: not known.

    A request's is what it declares, or what was read of it. A response's is what left, to the end
    of a stream or to where it broke off; of a refusal, what it declares.
    """
    body = exchange.body
    received = len(body) if body is not None else _declared(exchange.headers.get(b"content-length"))
    sent = exchange.sent
    if exchange.method == "HEAD" or outcome.status in _WITHOUT_BODY:
        sent = 0
    return (
        exchange.received if received is None else received,
        _declared(exchange.declared) if sent is None else sent,
    )


def told_sizes(exchange: Exchange, outcome: Outcome) -> str:
    """The members of a record."""
    received, sent = ("null" if size is None else size for size in sizes(exchange, outcome))
    return f',"request_size":{received},"response_size":{sent}'


def _declared(length: bytes | None) -> int | None:
    try:
        return None if length is None else declared_length(length)
    except BodyIncomplete:
        return None  # a header that is malformed tells no size
