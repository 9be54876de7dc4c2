"""Finding the credential in other places than headers, and with the connection itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .._exchange import Exchange
from .._layer import Verdict
from ._failure import Refused
from ._first_message import FirstMessage
from ._judge import SEVERAL, Chosen, Judge
from ._places import Place
from ._scheme import Scheme


class Elsewhere:
    """Judges the one credential of a request, wherever it is.

    A certificate of the connection counts only where the request itself shows no credential: it
    comes along with everything that the connection carries, and must not mend what was refused.

    Parameters:
        judge: what comes after finding it.
        in_headers: whether there is a credential in headers. on_request: judges that one.
        places: where else to look, each with the scheme of what is there.
        ambient: the scheme whose credential comes with the connection, if there is one.
        first_message: judges websockets that show nothing, if they may.
    """

    def __init__(
        self,
        judge: Judge,
        in_headers: Callable[[Exchange], bool],
        on_request: Callable[[Exchange], Verdict],
        places: Iterable[tuple[Place, Chosen]],
        ambient: Scheme | None,
        first_message: FirstMessage | None,
    ) -> None:
        self._judge = judge
        self._in_headers = in_headers
        self._judge_headers = on_request
        self._places = tuple(places)
        self._ambient = ambient
        self._first_message = first_message

    def on_request(self, exchange: Exchange) -> Verdict:
        exchange.challenges = self._judge.challenges
        found = [
            (chosen, credential) for place, chosen in self._places for credential in place(exchange)
        ]
        in_headers = self._in_headers(exchange)
        if len(found) + in_headers > 1:
            return self._judge.refuse(exchange, SEVERAL)
        if found:
            return self._judge.judge(exchange, *found[0])
        if in_headers:
            return self._judge_headers(exchange)
        if self._ambient is not None:
            chosen = self._judge.chosen[self._ambient]
            try:
                carried = self._ambient.carried(exchange)
            except Refused as refused:
                return self._judge.settle(exchange, chosen, refused.failure)
            if carried is not None:
                return self._judge.settle(exchange, chosen, chosen.authenticate(carried, exchange))
        if self._first_message is not None and exchange.kind == "websocket":
            return self._first_message.on_request(exchange)
        return self._judge.nobody(exchange)
