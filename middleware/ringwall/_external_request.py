"""The request that a proxy asks about, as it tells of it in a subrequest."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from ._exchange import KEY

_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}\Z")
# A request target in origin form, as sent. A fragment never is one, but some parsers cut at `#`.
_TARGET = re.compile(r"/[\x21\x22\x24-\x7e]*\Z")
# Two lines that a WSGI server joined, one of them not the proxy's: `/public/,/admin`.
_JOINED = re.compile(r",[ \t]*/")
# The subrequest has none of the body that these tell of.
_OF_BODY = frozenset({"content-length", "content-type", "transfer-encoding", "expect"})


class Dialect(NamedTuple):
    """Headers with the original method, target, and host; None: as the subrequest has it."""

    method: str | None
    target: str | None
    host: str | None
    only_401_403: bool = False


DIALECTS = {
    "nginx": Dialect("x-original-method", "x-original-uri", None, only_401_403=True),
    "traefik": Dialect("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"),
    "caddy": Dialect("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"),
    "envoy": Dialect(None, None, None),
}


class Original(NamedTuple):
    method: str
    path: bytes
    query: bytes
    raw: bytes
    host: str | None


def read(
    dialect: Dialect,
    prefix: str,
    lines: list[tuple[str, str]],
    method: str,
    target: str,
    joined: bool = False,
) -> Original | None:
    """The original request; None where it is not told, or told twice.

    Parameters:
        prefix: of the target, where the subrequest has it. lines: names in lower case.
        method, target: of the subrequest. joined: the server makes one of two lines.
    """
    headers: dict[str, list[str]] = {}
    for name, value in lines:
        headers.setdefault(name, []).append(value)
    if dialect.method is not None and dialect.target is not None:
        methods = headers.get(dialect.method, [])
        targets = headers.get(dialect.target, [])
        if len(methods) != 1 or len(targets) != 1:
            return None
        method, target = methods[0], targets[0]
        if joined and _JOINED.search(target):
            return None
    elif not target.startswith(prefix + "/"):
        return None
    else:
        target = target[len(prefix) :]
    hosts = [] if dialect.host is None else headers.get(dialect.host, [])
    # A websocket would be judged as the GET that it is not.
    upgrades = "websocket" in ",".join(headers.get("upgrade", [])).lower()
    if not _METHOD.match(method) or not _TARGET.match(target) or len(hosts) > 1 or upgrades:
        return None
    path, _, query = target.partition("?")
    return Original(
        method,
        unquote_to_bytes(path),
        query.encode("ascii"),
        path.encode("ascii"),
        hosts[0] if hosts else None,
    )


def join(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def is_of_body(key: str) -> bool:
    """Whether a variable tells of a body, or is that of a stack around this one."""
    return key == KEY or key.removeprefix("HTTP_").replace("_", "-").lower() in _OF_BODY


def kept_lines(lines: list[tuple[str, str]], host: str | None) -> list[tuple[str, str]]:
    """The lines of the original request, with its own host where the proxy tells that."""
    kept = [line for line in lines if line[0] not in _OF_BODY]
    if host is None:
        return kept
    return [("host", host), *(line for line in kept if line[0] != "host")]
