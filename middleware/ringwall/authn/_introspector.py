"""The call to an introspection endpoint (RFC 7662 section 2.1) with httpx, under limits."""

from __future__ import annotations

import os
import ssl
import time
from base64 import b64encode
from collections.abc import Generator
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote_plus

import anyio
import httpx
from anyio.lowlevel import RunVar

from ._fetch import tls_context

JSON = "application/json"
JWT = "application/token-introspection+jwt"  # RFC 9701 section 5


class Answer(NamedTuple):
    """What the endpoint said: the media type, without parameters, and the body."""

    media_type: str
    body: bytes


class Introspector(Protocol):
    """The port that asks; each method serves one colour, and either may be missing."""

    def introspect(self, token: str) -> Answer: ...

    async def aintrospect(self, token: str) -> Answer: ...


class NotAnswered(Exception):
    """This question got no answer, but the endpoint may well answer others."""


class EndpointDown(Exception):
    """The endpoint answers nobody at present."""


class ClientSecretBasic(httpx.Auth):
    """`client_secret_basic` (RFC 6749 section 2.3.1): both parts form-encoded first."""

    def __init__(self, client_id: str, secret: str) -> None:
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
        self._value = "Basic " + b64encode(pair.encode()).decode()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["authorization"] = self._value
        yield request


class HTTPIntrospector:
    """Ask an endpoint over HTTPS, on connections that stay open.

    No redirect is followed: the token and the secret are for this endpoint alone. No content
    coding is accepted: a small answer could unpack into a large one.

    Parameters:
        endpoint: its URL.
        auth: how this service proves to be a client of the server.
        form: further members of the form.
        accept: the media type to ask for.
        timeout: the most seconds one question may take.
        limit: the most bytes of an answer.
        connections: the most questions at a time; further ones wait, within the timeout.
        verify, transport, atransport: as of `HTTPFetcher`.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        auth: httpx.Auth | None,
        form: dict[str, str],
        accept: str = JSON,
        timeout: float = 5.0,
        limit: int = 64 * 1024,
        connections: int = 50,
        verify: ssl.SSLContext | str | os.PathLike[str] | None = None,
        transport: httpx.BaseTransport | None = None,
        atransport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._form = form
        self._timeout = timeout
        self._limit = limit
        self._options: dict[str, Any] = {
            "auth": auth,
            "verify": tls_context(verify),
            "timeout": timeout,
            "headers": {"accept": accept, "accept-encoding": "identity"},
            "limits": httpx.Limits(max_connections=connections),
        }
        self._client = httpx.Client(transport=transport, **self._options)
        self._atransport = atransport
        # A connection of asyncio belongs to the event loop that made it.
        self._aclients: RunVar[httpx.AsyncClient] = RunVar(f"ringwall-introspector-{id(self)}")

    def __repr__(self) -> str:
        return "<HTTPIntrospector>"

    def introspect(self, token: str) -> Answer:
        deadline = time.monotonic() + self._timeout
        try:
            with self._client.stream("POST", self._endpoint, data=self._data(token)) as response:
                media_type = self._check(response)
                body = bytearray()
                for chunk in response.iter_raw():
                    self._append(body, chunk)
                    if time.monotonic() > deadline:
                        raise EndpointDown
        except httpx.PoolTimeout:
            raise NotAnswered from None
        except httpx.HTTPError:
            raise EndpointDown from None
        return Answer(media_type, bytes(body))

    async def aintrospect(self, token: str) -> Answer:
        try:
            with anyio.fail_after(self._timeout):
                client = self._aclient()
                data = self._data(token)
                async with client.stream("POST", self._endpoint, data=data) as response:
                    media_type = self._check(response)
                    body = bytearray()
                    async for chunk in response.aiter_raw():
                        self._append(body, chunk)
        except httpx.PoolTimeout:
            raise NotAnswered from None
        except (httpx.HTTPError, TimeoutError):
            raise EndpointDown from None
        return Answer(media_type, bytes(body))

    def close(self) -> None:
        """Close the blocking connections."""
        self._client.close()

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._aclient().aclose()

    def _aclient(self) -> httpx.AsyncClient:
        try:
            return self._aclients.get()
        except LookupError:
            client = httpx.AsyncClient(transport=self._atransport, **self._options)
            self._aclients.set(client)
            return client

    def _data(self, token: str) -> dict[str, str]:
        return {"token": token, "token_type_hint": "access_token", **self._form}

    def _check(self, response: httpx.Response) -> str:
        status = response.status_code
        if status >= 500 or status in (401, 403, 429):
            raise EndpointDown
        if status != 200 or response.headers.get("content-encoding", "identity") != "identity":
            # What a token can provoke must not shut out the others.
            raise NotAnswered
        media_type: str = response.headers.get("content-type", "")
        return media_type.partition(";")[0].strip().lower()

    def _append(self, body: bytearray, chunk: bytes) -> None:
        body += chunk
        if len(body) > self._limit:
            raise NotAnswered
