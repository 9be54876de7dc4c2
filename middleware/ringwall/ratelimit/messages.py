"""How many messages a client may send over its websockets."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from typing import Any

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._layer import Layer, Verdict
from ._after import After
from ._judge import Judge
from ._selection import Selection
from .keys import Key
from .rules import Rate, Rule, check_rules
from .store import Store


class MessageLimit(Layer):
    """So many websocket messages in so much time; one more closes the connection with 1008.

    The app does not see the message that is too many: to it, the client has gone. Handshakes are
    counted by `RateLimit`, connections by `ConcurrencyLimit`. Under WSGI it does nothing.

    Parameters:
        rates, key, policy, algorithm: as in `Rule`. By client, all its connections count together.
        store, when_down, workers, ipv6_prefix, clock: as in `RateLimit`.

    Raises:
        ConfigurationError: an argument cannot work. MissingDependency: `limits` is missing.

    Source: RFC 6455 section 7.4.1.

    >>> layer = MessageLimit("20/second", key="client")
    """

    name = "messages"
    tolerant = True

    def __init__(
        self,
        *rates: Rate,
        key: Key = "client",
        policy: str | None = None,
        algorithm: str = "gcra",
        store: str | Store | None = None,
        when_down: str = "deny",
        workers: int | None = None,
        ipv6_prefix: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        rule = Rule(*rates, key=key, policy=policy, algorithm=algorithm)
        check_rules([rule])
        judge = Judge(
            self.name, self, rule.policy, store=store, when_down=when_down, headers="off",
            workers=workers, login=False, shadow=False, clock=clock,
        )  # fmt: skip
        judge.check_algorithms({algorithm})
        if "asgi" not in judge.store.colours:
            raise ConfigurationError("websockets need a store that an event loop can ask")
        if rule.identified:
            self.inside: frozenset[str] = frozenset({"authentication"})
        self.rules: tuple[Rule, ...] = (rule,)
        self.store: Store = judge.store
        self.ipv6_prefix: int = ipv6_prefix
        self._judge = Selection(
            judge, [rule], rule.policy, after=After(self), ipv6_prefix=ipv6_prefix
        ).judge

    def __repr__(self) -> str:
        return f"<MessageLimit {self.rules[0].policy}>"

    def on_message(self, exchange: Exchange, message: MutableMapping[str, Any]) -> Verdict:
        return self._judge(exchange)
