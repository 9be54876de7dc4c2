"""Finding the credential in `Authorization`, or in a header of a scheme's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .._exchange import Exchange
from .._layer import Verdict
from ..principal import Principal
from ._challenge import TOKEN
from ._judge import MALFORMED, SEVERAL, UNSUPPORTED, Chosen, Judge
from ._scheme import Scheme

_SPACE = b" "
_COMMA_BYTE, _SPACE_BYTE = b", "


class InHeaders:
    """Judges the one credential in the headers of a request.

    Parameters:
        judge: what comes after finding it.
        by_name: schemes by their name in `Authorization`, in lower case and in their own spelling.
        by_header: schemes by a header of their own.
    """

    def __init__(
        self, judge: Judge, by_name: Mapping[bytes, Scheme], by_header: Mapping[bytes, Scheme]
    ) -> None:
        self._judge = judge
        self._challenges = judge.challenges
        self._by_name = {name: judge.chosen[scheme] for name, scheme in by_name.items()}
        self._by_header = tuple(
            (header, judge.chosen[scheme]) for header, scheme in by_header.items()
        )
        # Where no scheme reads it, what another layer of the stack makes of it is not ours.
        self._authorization = b"authorization" if by_name else b""
        self._in_authorization = self._by_its_name if by_name else self._nobody
        self.on_request: Callable[[Exchange], Verdict] = (
            self._in_any if self._by_header else self._in_authorization
        )

    def _nobody(self, exchange: Exchange) -> Verdict:
        exchange.challenges = self._challenges
        return self._judge.nobody(exchange)

    def named(self, name: bytes) -> Chosen | None:
        """The scheme of a name in lower case."""
        return self._by_name.get(name)

    def holds(self, exchange: Exchange) -> bool:
        """Whether a header that is read here is there."""
        headers = exchange.headers
        return self._authorization in headers or any(
            header in headers for header, _ in self._by_header
        )

    def _in_any(self, exchange: Exchange) -> Verdict:
        headers = exchange.headers
        found = [(chosen, name) for name, chosen in self._by_header if name in headers]
        if not found:
            return self._in_authorization(exchange)
        exchange.challenges = self._challenges
        if self._authorization in headers or len(found) > 1:
            return self._judge.refuse(exchange, SEVERAL)
        chosen, header = found[0]
        return self._judge.judge(exchange, chosen, headers[header])

    def _by_its_name(self, exchange: Exchange) -> Verdict:
        exchange.challenges = self._challenges
        value = exchange.authorization
        if value is None:
            return self._judge.nobody(exchange)
        name, _, credential = value.partition(_SPACE)
        named = self._by_name.get(name)
        # What most requests hold is judged without a detour.
        if (
            named is None
            or not credential
            or _COMMA_BYTE in credential
            or _SPACE_BYTE in credential
        ):
            return self._judge_unusual(exchange, name, credential)
        judgement = named.authenticate(credential, exchange)
        if type(judgement) is Principal:
            exchange.authenticate(judgement)
            exchange.decisions.append(named.allowed)
            return None
        return self._judge.settle(exchange, named, judgement)

    def _judge_unusual(self, exchange: Exchange, name: bytes, credential: bytes) -> Verdict:
        chosen = self._by_name.get(name.lower())
        if chosen is None:
            # A list of parameters after an unknown scheme is nothing to take apart here.
            known = TOKEN.match(name.decode("latin-1"))
            return self._judge.refuse(exchange, UNSUPPORTED if known else MALFORMED)
        # RFC 9110 section 11.4 allows several spaces before it.
        return self._judge.judge(exchange, chosen, credential.lstrip(_SPACE))
