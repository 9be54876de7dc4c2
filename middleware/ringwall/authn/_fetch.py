"""Fetching a small public document from the issuer, under limits of size and time."""

from __future__ import annotations

import os
import ssl
import time
from typing import Protocol

import anyio
import httpx

from .._errors import ConfigurationError
from .._fingerprint import Configured


class Fetcher(Protocol):
    """The port that gets a document; each method serves one colour, and either may be missing."""

    def fetch(self, url: str) -> bytes: ...

    async def afetch(self, url: str) -> bytes: ...


class FetchFailed(Exception):
    """The document was not to be had within the limits."""


class HTTPFetcher(Configured):
    """Get a document over HTTPS with httpx.

    No redirect is followed: it could lead to a place that the configuration never named. No
    content coding is asked for or accepted: a small answer could unpack into a large one.

    Parameters:
        timeout: the most seconds one document may take.
        limit: the most bytes it may have.
        verify: whom to trust: the path of a PEM file of certificate authorities, or an
            `ssl.SSLContext`. Default: the usual ones, or those of the variable SSL_CERT_FILE.
        transport, atransport: httpx transports, for tests and for proxies of one's own.
    """

    def __init__(
        self,
        *,
        timeout: float = 5.0,
        limit: int = 512 * 1024,
        verify: ssl.SSLContext | str | os.PathLike[str] | None = None,
        transport: httpx.BaseTransport | None = None,
        atransport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._timeout = timeout
        self._limit = limit
        self._transport = transport
        self._atransport = atransport
        self._context = tls_context(verify)  # loads the trust store: once, not per fetch
        self._headers = {
            "accept": "application/json, application/jwk-set+json",
            "accept-encoding": "identity",
        }

    def fetch(self, url: str) -> bytes:
        deadline = time.monotonic() + self._timeout
        with (
            httpx.Client(
                verify=self._context, timeout=self._timeout, transport=self._transport
            ) as client,
            client.stream("GET", url, headers=self._headers) as response,
        ):
            self._check(response)
            body = bytearray()
            for chunk in response.iter_raw():
                self._append(body, chunk)
                if time.monotonic() > deadline:
                    raise FetchFailed("too slow")
        return bytes(body)

    async def afetch(self, url: str) -> bytes:
        with anyio.fail_after(self._timeout):
            async with (
                httpx.AsyncClient(
                    verify=self._context, timeout=self._timeout, transport=self._atransport
                ) as client,
                client.stream("GET", url, headers=self._headers) as response,
            ):
                self._check(response)
                body = bytearray()
                async for chunk in response.aiter_raw():
                    self._append(body, chunk)
        return bytes(body)

    def _check(self, response: httpx.Response) -> None:
        if response.status_code != 200:
            raise FetchFailed("the status is not 200")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise FetchFailed("a content coding was not asked for")

    def _append(self, body: bytearray, chunk: bytes) -> None:
        body += chunk
        if len(body) > self._limit:
            raise FetchFailed("too large")


def tls_context(verify: ssl.SSLContext | str | os.PathLike[str] | None) -> ssl.SSLContext:
    """The context that checks the other side's certificate.

    Raises:
        ConfigurationError: the file cannot be read, or the context would accept anyone.
    """
    if verify is None:
        return httpx.create_ssl_context()
    if isinstance(verify, (str, os.PathLike)):
        try:
            return ssl.create_default_context(cafile=verify)
        except OSError:
            raise ConfigurationError("verify: this file holds no certificates in PEM") from None
    if not isinstance(verify, ssl.SSLContext):
        raise ConfigurationError("verify is the path of a PEM file or an ssl.SSLContext")
    if verify.verify_mode is not ssl.CERT_REQUIRED or not verify.check_hostname:
        raise ConfigurationError("verify is a context that checks no certificates")
    return verify
