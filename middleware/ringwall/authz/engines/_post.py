"""One question over HTTP, under limits of time and size, in both colours."""

from __future__ import annotations

import ipaddress
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from ..._errors import ConfigurationError, MissingDependency
from .._json import AmbiguousBody, parse_body, write_body
from ._engine import EngineFailed


class Post:
    """POSTs JSON to one place.

    No redirect is followed and no proxy of the environment asked: either could lead to a place that
    the configuration never named. No content coding is accepted: a small answer could unpack into
    a large one.

    Parameters:
        url: where to. https, or http to a loopback address, unless insecure.
        timeout: the most seconds that an answer may take. limit: the most bytes it may have.
        token: sent as bearer token. insecure: plain HTTP anywhere.
        verify: an `ssl.SSLContext`, or the path of a PEM file of certificate authorities; None: the
            usual ones.

    Raises:
        ConfigurationError: no such URL, numbers or token.
        MissingDependency: httpx is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        limit: int,
        token: str | None,
        insecure: bool,
        verify: Any,
    ) -> None:
        try:
            import anyio
            import httpx
        except ModuleNotFoundError as error:
            raise MissingDependency(str(error.name), "pdp", "a remote engine") from None
        self._url = _checked(url, insecure)
        if not isinstance(timeout, (int, float)) or not 0 < timeout <= 60:
            raise ConfigurationError(f"timeout={timeout!r}: write seconds, from above 0 to 60")
        if type(limit) is not int or limit < 1:
            raise ConfigurationError(f"limit={limit!r}: write a number of bytes")
        self._timeout = timeout
        self._limit = limit
        self._headers = {
            "accept": "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
        }
        if token is not None:
            if not token or not token.isascii() or not token.isprintable() or " " in token:
                raise ConfigurationError("token= is no bearer token")
            self._headers["authorization"] = f"Bearer {token}"
        self._httpx, self._fail_after = httpx, anyio.fail_after
        # Made once: it loads the trust store, or none where there is no TLS.
        plain = self._url.startswith("http:")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else _context(verify)
        self._options: dict[str, Any] = {
            "verify": context, "timeout": timeout, "trust_env": False, "follow_redirects": False,
        }  # fmt: skip

    def send(self, value: Any) -> Any:
        deadline = time.monotonic() + self._timeout
        body = bytearray()
        with (
            self._httpx.Client(**self._options) as client,
            client.stream(
                "POST", self._url, content=write_body(value), headers=self._headers
            ) as response,
        ):
            self._check(response)
            for chunk in response.iter_raw():
                self._append(body, chunk)
                if time.monotonic() > deadline:
                    raise EngineFailed("too slow")
        return _parsed(body)

    async def asend(self, value: Any) -> Any:
        body = bytearray()
        with self._fail_after(self._timeout):
            async with (
                self._httpx.AsyncClient(**self._options) as client,
                client.stream(
                    "POST", self._url, content=write_body(value), headers=self._headers
                ) as response,
            ):
                self._check(response)
                async for chunk in response.aiter_raw():
                    self._append(body, chunk)
        return _parsed(body)

    def _check(self, response: Any) -> None:
        if response.status_code != 200:
            raise EngineFailed("the status is not 200")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise EngineFailed("a content coding was not asked for")

    def _append(self, body: bytearray, chunk: bytes) -> None:
        body += chunk
        if len(body) > self._limit:
            raise EngineFailed("too large")


def _parsed(body: bytearray) -> Any:
    try:
        return parse_body(bytes(body))
    except AmbiguousBody:
        raise EngineFailed("no strict JSON") from None


def _checked(url: str, insecure: bool) -> str:
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("the engine's URL is 'https://...', or 'http://127.0.0.1:8181'")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError("the engine's URL holds no credentials, query or fragment")
    if parts.scheme == "http" and not insecure and not _is_loopback(parts.hostname):
        raise ConfigurationError(
            "plain HTTP to another machine: anyone between could allow everything; use https, or"
            " write insecure=True"
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _context(verify: Any) -> Any:
    import httpx

    if verify is None:
        return httpx.create_ssl_context()
    if isinstance(verify, ssl.SSLContext):
        if verify.verify_mode is not ssl.CERT_REQUIRED or not verify.check_hostname:
            raise ConfigurationError("verify= is a context that checks no certificates")
        return verify
    try:
        return ssl.create_default_context(cafile=verify)
    except (OSError, TypeError):
        raise ConfigurationError("verify= holds no certificates in PEM") from None
