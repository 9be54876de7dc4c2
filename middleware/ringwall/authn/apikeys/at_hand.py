"""Keys whose records are in memory: who shows one that is good is let in without a detour."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from ..._challenges import Challenges
from ..._exchange import Decision, Exchange
from ..._layer import Verdict
from .key import ID_PLACE, LONGEST
from .record import APIKeyRecord

FindOctets = Callable[[bytes], "APIKeyRecord | None"]


class _Nobody:
    """Stands for the record that is not there, so that an unknown id takes the way of a wrong
    secret: one hash, one comparison. No key has this hash, which would be a preimage of zeros, and
    it is never in force."""

    digest = bytes(32)
    begins, ends = float("inf"), float("-inf")


NOBODY: Any = _Nobody()


class AtHand:
    """Lets in who shows a good key in `Authorization`. Everything else goes on as if it had not
    been looked at, and is judged and answered there.

    Parameters:
        find: the record of an id. clock: seconds since the epoch.
    """

    def __init__(self, find: FindOctets, clock: Callable[[], float]) -> None:
        self._find = find
        self._clock = clock

    def before(
        self,
        name: bytes,
        challenges: Challenges,
        allowed: Decision,
        judge: Callable[[Exchange], Verdict],
    ) -> Callable[[Exchange], Verdict]:
        """The hook.

        Parameters:
            name: the scheme's, as most clients write it. challenges: of the layer. allowed: the
            decision for whom it lets in. judge: the hook behind it.
        """
        find, clock, prefix = self._find, self._clock, name + b" "
        begin = len(prefix)
        longest = begin + LONGEST  # longer ones are refused without being hashed

        def on_request(exchange: Exchange) -> Verdict:
            value = exchange.authorization
            if value is None or value[:begin] != prefix or len(value) > longest:
                return judge(exchange)
            # The id lies as far from the end as it does without the prefix.
            record: APIKeyRecord = find(value[ID_PLACE]) or NOBODY
            if not compare_digest(sha256(value[begin:]).digest(), record.digest) or not (
                record.begins <= clock() < record.ends
            ):
                return judge(exchange)
            exchange.challenges = challenges
            # As `exchange.authenticate` does, without the call.
            exchange.principal = principal = record._principal or record.principal
            exchange.identified = exchange.to_tell = True
            if exchange.parent is not None:
                exchange.parent.authenticate(principal)
            exchange.decisions.append(allowed)
            return None

        return on_request
