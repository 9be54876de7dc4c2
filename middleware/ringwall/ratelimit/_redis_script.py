"""The wire format of a call to the script of the Redis store, and of its answer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from ._redis_lua import SCRIPT, SHA
from .engine import GCRA, Check, FixedWindow, Limit, SlidingWindow

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
        keys: the hash of each check's key. places: of each check in the decision.
        slot: the hash slot of the keys, on a cluster.
    """

    __slots__ = ("args", "checks", "keys", "places", "slot")

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
        self.places = places or range(len(checks))
        self.slot = slot
        if len(checks) == 1 and not receipts and checks[0].cost == 1:  # nearly all
            self.keys = b"$%d\r\n%b\r\n" % (len(keys[0]), keys[0])
            self.args = _one_unit(what, checks[0].limit)
            return
        self.keys = b"".join(map(bulk, keys))
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
def _one_unit(what: bytes, limit: Limit) -> bytes:
    """All arguments of a request for one unit of one limit."""
    return b"$1\r\n%b\r\n$1\r\n1\r\n%b" % (what, _for_one(limit))


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


class Reply:
    """What the script found for one request.

    Attributes:
        status: 0 denied, 1 done, 2 a key that is none of ours.
        now: microseconds of the server's clock.
        states: of each check before, as the engine writes them.
    """

    __slots__ = ("now", "states", "status")

    def __init__(self, request: Request, now: int, numbers: Sequence[int]) -> None:
        self.now = now
        self.status = numbers[0]
        self.states: list[int] = []
        states = self.states
        for i, (limit, _, _) in enumerate(request.checks):
            state, last = numbers[2 * i + 1], numbers[2 * i + 2]
            if not isinstance(limit, GCRA):
                index = now // limit.window
                if isinstance(limit, SlidingWindow):
                    index = index << 32 | last
                state |= index << 32
            states.append(state)


def replies(answer: bytes, requests: Sequence[Request]) -> list[Reply]:
    """The answer of one `call`, one reply for each request.

    Raises:
        ValueError: it is no answer of this script.
    """
    try:
        now, *numbers = map(int, answer.split())
        at, found = 0, []
        for request in requests:
            end = at + 1 + 2 * len(request.checks)
            found.append(Reply(request, now, numbers[at:end]))
            at = end
    except (AttributeError, IndexError, TypeError):
        raise ValueError("not an answer of this script") from None
    if at != len(numbers):
        raise ValueError("an answer for more than was asked")
    return found
