"""Each DPoP proof is good for one request: a store is asked whether it was used."""

from __future__ import annotations

import logging
from typing import Any, Final

from .._pending import Call, Pending, perform
from ..principal import Principal
from ._bound import Bound
from ._failure import Failure
from ._ports import port_of
from .replays import AsyncReplayStore, ReplayStore

REPLAYED: Final = Failure(
    "proof-replayed",
    "The DPoP proof was used already; make one for each request.",
    error="invalid_dpop_proof",
)
REPLAYS_UNAVAILABLE: Final = Failure(
    "replays-unavailable",
    "Whether the DPoP proof is new cannot be found out at the moment; try again later.",
    error=None,
    status=503,
)

_log = logging.getLogger("ringwall.authn")


class UsedProofs:
    """Lets a principal pass if its proof is used for the first time.

    Parameters:
        store: see `DPoP`.
        keep: for how many seconds a proof must be remembered.

    Raises:
        ConfigurationError: the store has neither method.
    """

    failures = (REPLAYED, REPLAYS_UNAVAILABLE)

    def __init__(self, store: ReplayStore | AsyncReplayStore, keep: float) -> None:
        self._port = port_of(
            store,
            "first_use",
            "replays must be Replays(), RedisReplays(url), or an object with first_use(key, proof,"
            " keep) for WSGI or async afirst_use(key, proof, keep) for ASGI",
        )
        self._keep = keep
        self.colours = self._port.colours

    def use(
        self, principal: Principal, key: str, proof: str
    ) -> Principal | Failure | Pending[Principal | Bound | Failure]:
        """Remember a proof, and say whether it was new.

        Parameters:
            key: thumbprint of the client's key. proof: what names the proof.
        """
        if not self._port.immediate:
            return self._use_later(principal, key, proof)
        try:
            new: Any = self._port.sync(key, proof, self._keep)
        except Exception as error:  # noqa: BLE001 - whatever a store throws, nothing is known new
            return _unavailable(error)
        return principal if new is True else REPLAYED

    def _use_later(
        self, principal: Principal, key: str, proof: str
    ) -> Pending[Principal | Bound | Failure]:
        call = Call[bool](self._port.sync, self._port.aio, key, proof, self._keep)
        try:
            new = yield from perform(call)
        except Exception as error:  # noqa: BLE001 - whatever a store throws, nothing is known new
            return _unavailable(error)
        return principal if new is True else REPLAYED


def _unavailable(error: Exception) -> Failure:
    _log.error("the store of used DPoP proofs failed: %s", type(error).__name__)
    return REPLAYS_UNAVAILABLE
