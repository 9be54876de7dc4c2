"""The wire format of a call to the script of the Redis store, and of its answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ._redis_lua import SCRIPT, SHA
from .engine import GCRA, Check, FixedWindow, Limit, SlidingWindow
from .store import StoreUnavailable

if TYPE_CHECKING:
    import asyncio

_KINDS: dict[type[Limit], bytes] = {GCRA: b"1", FixedWindow: b"2", SlidingWindow: b"3"}
_BY_SHA = b"$7\r\nEVALSHA\r\n$40\r\n%b\r\n" % SHA
_BY_TEXT = b"$4\r\nEVAL\r\n$%d\r\n%b\r\n" % (len(SCRIPT), SCRIPT)


def bulk(value: bytes) -> bytes:
    """One RESP bulk string."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


def command(*words: bytes) -> bytes:
    """One command on the wire."""
    return b"*%d\r\n" % len(words) + b"".join(map(bulk, words))


class Request:
    """What one script call may hold of a decision: checks whose keys lie on one server.

    Parameters:
        what: a acquire, p peek, f debit, r refund, d delete.
        checks: and with them their `receipts`, of a refund.
        keys: the name of each check's key, as a bulk string.
        places, slot: of each check in the decision, and the keys' hash slot, on a cluster.

    Attributes:
        plain: whether it is about one GCRA limit, whose state is a number of the answer.
        future: where an event loop waits for the answer.
    """

    __slots__ = ("args", "checks", "future", "keys", "places", "plain", "slot")

    future: asyncio.Future[Answer]

    def __init__(
        self,
        what: bytes,
        checks: Sequence[Check],
        keys: Sequence[bytes],
        receipts: Sequence[int] = (),
        places: Sequence[int] = (),
        slot: int = 0,
    ) -> None:
        self.checks = checks
        self.places = places
        self.slot = slot
        if len(checks) == 1 and not receipts:
            limit, _, cost = checks[0]
            if cost == 1:  # nearly all
                (self.keys,) = keys
                self.args, self.plain = _one_unit(what, limit)
                return
        self.plain = False
        self.keys = b"".join(keys)
        args = map(arguments, checks, receipts) if receipts else map(arguments, checks)
        self.args = b"$1\r\n%b\r\n%b%b" % (what, bulk(b"%d" % len(checks)), b"".join(args))


@lru_cache(maxsize=1024)
def _constants(limit: Limit) -> bytes:
    """The arguments of a check that its limit alone decides."""
    field = hashlib.blake2b(limit.id.encode(), digest_size=8).hexdigest().encode()
    if isinstance(limit, GCRA):
        numbers = limit.interval, limit.burst
    else:
        numbers = limit.window, limit.quota
    words = field, _KINDS[type(limit)], *(b"%d" % number for number in numbers)
    return b"".join(map(bulk, words))


@lru_cache(maxsize=1024)
def _for_one(limit: Limit) -> bytes:
    return _constants(limit) + b"$1\r\n1\r\n$1\r\n0\r\n"


@lru_cache(maxsize=1024)
def _one_unit(what: bytes, limit: Limit) -> tuple[bytes, bool]:
    """All arguments of a request for one unit of one limit, and whether that is GCRA."""
    return b"$1\r\n%b\r\n$1\r\n1\r\n%b" % (what, _for_one(limit)), isinstance(limit, GCRA)


def arguments(check: Check, receipt: int = 0) -> bytes:
    """The arguments of one check. A cost above the quota never passes: it is cut to stay exact."""
    limit, _, cost = check
    if cost == 1 and not receipt:
        return _for_one(limit)
    if isinstance(limit, FixedWindow):
        receipt >>= 32
    elif isinstance(limit, SlidingWindow):
        receipt >>= 64
    tail = bulk(b"%d" % min(cost, limit.quota + 1)) + bulk(b"%d" % receipt)
    return _constants(limit) + tail


def call(requests: Sequence[Request], *, text: bool = False) -> bytes:
    """One EVALSHA for all these requests; EVAL where `text`, which also loads the script."""
    count = sum(len(request.checks) for request in requests)
    return b"*%d\r\n%b%b%b%b" % (
        3 + 7 * count + 2 * len(requests),
        _BY_TEXT if text else _BY_SHA,
        bulk(b"%d" % count),
        b"".join([request.keys for request in requests]),
        b"".join([request.args for request in requests]),
    )


class Reply(NamedTuple):
    """What the script found for one request.

    status: 0 denied, 1 done, 2 a key that is none of ours.
    now: microseconds of the server's clock.
    states: of each check before, as the engine writes them.
    """

    status: int
    now: int
    states: Sequence[int]


Answer: TypeAlias = Reply | StoreUnavailable

# Half the price of the constructor, as in `engine`.
_make_reply: Callable[[tuple[int, int, Sequence[int]]], Reply] = partial(tuple.__new__, Reply)


def replies(answer: bytes, requests: Sequence[Request]) -> list[Reply]:
    """The answer of one `call`, one reply for each request.

    Raises:
        ValueError: it is no answer of this script.
    """
    try:
        now, *numbers = map(int, answer.split())
        at, found = 0, []
        for request in requests:
            if request.plain:
                found.append(_make_reply((numbers[at], now, (numbers[at + 1],))))
                at += 3
                continue
            end = at + 1 + 2 * len(request.checks)
            states = numbers[at + 1 : end : 2]
            for i, (limit, _, _) in enumerate(request.checks):
                if not isinstance(limit, GCRA):
                    states[i] = _in_window(limit, now, states[i], numbers[at + 2 * i + 2])
            found.append(_make_reply((numbers[at], now, states)))
            at = end
    except (AttributeError, IndexError, TypeError):
        raise ValueError("not an answer of this script") from None
    if at != len(numbers):
        raise ValueError("not an answer to what was asked")
    return found


def _in_window(limit: Limit, now: int, count: int, last: int) -> int:
    """What the script tells of a window in two numbers, as the engine writes it."""
    index = now // limit.window
    if isinstance(limit, SlidingWindow):
        index = index << 32 | last
    return index << 32 | count
