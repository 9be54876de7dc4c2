"""Which account a login is for: what a client wrote, read strictly, made canonical, hashed."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from .._errors import ConfigurationError
from .._exchange import BodyIncomplete, BodyTooLarge, Exchange
from .._pending import Pending
from ..problem import Response, problem

Account: TypeAlias = "str | Sequence[str] | Callable[[Exchange], str | None]"

_FIELD = re.compile(r"(form|json):(.{1,64})\Z", re.DOTALL)
_TYPES = {"form": b"application/x-www-form-urlencoded", "json": b"application/json"}
_MOST_FIELDS = 100
# No name is longer (an address has 254 characters, RFC 5321), and normalizing takes time that grows
# with the square of a run of combining marks.
_LONGEST_NAME = 256

_TOO_LARGE = problem(413, "The login is too large.", code="body-too-large")
_UNREADABLE = problem(400, "The login cannot be read.", code="malformed-body")
_UNSUPPORTED = problem(415, "The login has a type that is not accepted here.", code="media-type")


class Unreadable(Exception):
    """What the body holds, two readers could read differently. `response`: the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def canonical_account(text: str) -> str:
    """One spelling of what a login may take for one account: without case, spaces, accents and
    characters that do not show (many databases compare so). Coarser than the app is safe, finer
    would be a way around.

    >>> canonical_account(" Alice\\u200b") == canonical_account("\\uff21lice")
    True
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    # Letters, digits, punctuation and symbols; not marks, separators and what has no form.
    return "".join([sign for sign in plain if unicodedata.category(sign)[0] in "LNPS"])


def hashed(account: str) -> str:
    """The key of an account: short whatever it holds, and no store knows who tried to log in."""
    raw = canonical_account(account).encode("utf-8", "surrogatepass")
    return "k" + hashlib.blake2b(raw, digest_size=16).hexdigest()


class AccountReader:
    """Reads the account of a login.

    Parameters:
        account: "form:FIELD" or "json:MEMBER", or both, by the type of the body; or a function of
            the exchange. limit: bytes of body that are read.

    Raises:
        ConfigurationError: it is none of these.
    """

    def __init__(self, account: Account, limit: int) -> None:
        self._limit = limit
        self._fields: dict[bytes, tuple[str, str]] = {}
        self._function: Callable[[Exchange], str | None] | None = None
        self.wants: frozenset[bytes] = frozenset()
        if callable(account) and not inspect.iscoroutinefunction(account):
            self._function = account
            return
        names = [account] if isinstance(account, str) else account
        for name in names if isinstance(names, (list, tuple)) else [names]:
            found = _FIELD.match(name) if isinstance(name, str) else None
            if found is None:
                raise ConfigurationError(
                    "account= takes 'form:username', 'json:username', both, or a function (not a"
                    " coroutine) of the exchange"
                )
            self._fields[_TYPES[found[1]]] = found[1], found[2]
        self.wants = frozenset({b"content-type", b"content-encoding"})

    def read(self, exchange: Exchange) -> Pending[str]:
        """The account, as it was written; "" where there is none.

        Raises:
            Unreadable: the body is of another type, malformed, too large, or ambiguous; or the name
                is too long.
        """
        if self._function is not None:
            name = self._function(exchange) or ""
        else:
            name = yield from self._read_body(exchange)
        if len(name) > _LONGEST_NAME:
            raise Unreadable(_UNREADABLE)
        return name

    def _read_body(self, exchange: Exchange) -> Pending[str]:
        kind, name = self._kind(exchange)
        try:
            body = yield from exchange.read_body(self._limit)
        except BodyTooLarge:
            raise Unreadable(_TOO_LARGE) from None
        except BodyIncomplete:
            raise Unreadable(_UNREADABLE) from None
        try:
            return _form_field(body, name) if kind == "form" else _json_member(body, name)
        except (ValueError, RecursionError):
            raise Unreadable(_UNREADABLE) from None

    def _kind(self, exchange: Exchange) -> tuple[str, str]:
        """What the type of the body says. Any other is refused: a framework may read it, too."""
        value, *parameters = exchange.headers.get(b"content-type", b"").lower().split(b";")
        field = self._fields.get(value.strip())
        plain = exchange.headers.get(b"content-encoding", b"identity").lower() == b"identity"
        # In another charset the same name would be other bytes.
        known = all(one.strip().replace(b'"', b"") in (b"charset=utf-8", b"") for one in parameters)
        if field is None or not plain or not known:
            raise Unreadable(_UNSUPPORTED)
        return field


def _form_field(body: bytes, name: str) -> str:
    pairs = body.split(b"&", _MOST_FIELDS)
    if len(pairs) > _MOST_FIELDS:
        raise ValueError("too many fields")
    found = [value for key, value in map(_pair, pairs) if key == name]
    if len(found) > 1:
        raise ValueError("some readers take the first, some the last")
    return found[0] if found else ""


def _pair(pair: bytes) -> tuple[str, str]:
    key, _, value = pair.replace(b"+", b" ").partition(b"=")
    return unquote_to_bytes(key).decode("utf-8"), unquote_to_bytes(value).decode("utf-8")


def _json_member(body: bytes, name: str) -> str:
    document = json.loads(body.decode("utf-8"), object_pairs_hook=_once)
    if not isinstance(document, dict):
        raise ValueError("no object")
    value = document.get(name, "")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError("no name")
    return str(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member twice")
    return members
