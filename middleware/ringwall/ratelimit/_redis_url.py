"""What a Redis or Valkey URL says, or a client that the user has: where to ask, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .._errors import ConfigurationError, did_you_mean

_TLS = {"redis": False, "valkey": False, "rediss": True, "valkeys": True}
_TOPOLOGIES = ("", "sentinel", "cluster")
SCHEMES = frozenset(
    base + ("+" + topology if topology else "") for base in _TLS for topology in _TOPOLOGIES
) | {"unix"}

_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
# Said outright: before version 6 redis-py did not compare names by default.
_VERIFYING = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
_OPTIONS = ("db", "username", "password", "client_name", "timeout", *_TLS_FILES)

# What is taken over from a client's connections: who and where, nothing of how it retries or waits.
_FROM_CLIENT = ("db", "username", "password", "client_name", "credential_provider")


@dataclass(frozen=True)
class Target:
    """Where to ask, and as whom. Its repr holds no credential.

    servers: of the one server, of the sentinels, or of some nodes of the cluster.
    topology: "", "sentinel" or "cluster". service: the name that sentinels know the primary by.
    options: keyword arguments of every connection. tls: whether connections are encrypted.
    path: of a unix socket, in place of servers. timeout: seconds, where the URL says so.
    """

    servers: tuple[tuple[str, int], ...]
    topology: str = ""
    service: str = ""
    tls: bool = False
    path: str | None = None
    timeout: float | None = None
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    sentinel_options: dict[str, Any] = field(default_factory=dict, repr=False)


def read_url(url: str) -> Target:
    """The target that a URL names.

        redis://[user:password@]host[:6379][/db]        rediss:// with TLS, valkey:// likewise
        redis+sentinel://[user:password@]host[:26379],host[:26379]/service[/db]
        redis+cluster://[user:password@]host[:6379],host[:6379]
        unix://[user:password@]/path/to/socket[?db=0]

    Options after a `?`: db, username, password, client_name, timeout (seconds), ssl_ca_certs,
    ssl_certfile, ssl_keyfile. TLS always verifies the server's certificate and name.

    Raises:
        ConfigurationError: it is none of these. The message never holds the URL.

    >>> read_url("redis+sentinel://a,b:26380/main").servers
    (('a', 26379), ('b', 26380))
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigurationError("store= holds a malformed URL") from None
    if parts.scheme not in SCHEMES:
        raise ConfigurationError(
            "store= has a URL of an unknown scheme" + did_you_mean(parts.scheme[:32], SCHEMES)
        )
    if parts.fragment:
        raise ConfigurationError("store= has a URL with a #; write it as %23 in a password")
    base, _, topology = parts.scheme.partition("+")
    options = _options(parts.query)
    timeout = options.pop("timeout", None)
    userinfo, _, hosts = parts.netloc.rpartition("@")
    user, _, password = userinfo.partition(":")
    if user:
        options.setdefault("username", unquote(user))
    if password:
        options.setdefault("password", unquote(password))
    if base == "unix":
        if hosts or not parts.path:
            raise ConfigurationError("store= takes a socket as in 'unix:///run/redis.sock'")
        return Target((), path=unquote(parts.path), timeout=timeout, options=options)
    port = 26379 if topology == "sentinel" else 6379
    servers = tuple(_server(host, port) for host in hosts.split(","))
    if len(servers) > 1 and not topology:
        raise ConfigurationError(
            "store= names several servers: write redis+sentinel:// or redis+cluster://"
        )
    service, db = "", unquote(parts.path).strip("/")
    if topology == "sentinel":
        service, _, db = db.partition("/")
        if not service:
            raise ConfigurationError(
                "store= lacks the service that the sentinels watch:"
                " 'redis+sentinel://host:26379/mymaster'"
            )
    if db:
        options.setdefault("db", _number(db, "the database"))
    if topology == "cluster" and options.get("db"):
        raise ConfigurationError("store=: a cluster has no database but 0")
    tls = {name: options[name] for name in _TLS_FILES if name in options}
    if tls and not _TLS[base]:
        raise ConfigurationError("store= has TLS options: write rediss://")
    if _TLS[base]:
        options |= _VERIFYING
        tls |= _VERIFYING
    return Target(servers, topology, service, _TLS[base], None, timeout, options, tls)


def _options(query: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OPTIONS:
            raise ConfigurationError(
                "store= has a URL with an unknown option" + did_you_mean(name[:32], _OPTIONS)
            )
        if name == "db":
            options[name] = _number(value, "db")
        elif name == "timeout":
            whole, point, part = value.partition(".")
            if not (whole + part).isdecimal() or not value.isascii() or (point and not part):
                raise ConfigurationError("store=: timeout is a number of seconds, such as 0.25")
            options[name] = float(value)
        else:
            options[name] = value
    return options


def _server(text: str, port: int) -> tuple[str, int]:
    host, colon, number = text.rpartition(":")
    if not colon or number.endswith("]"):
        host, number = text, str(port)
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    value = _number(number, "a port")
    if not 1 <= value <= 65535:
        raise ConfigurationError("store=: a port is a number from 1 to 65535")
    return unquote(host) or "localhost", value


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ConfigurationError(f"store=: {what} is a number")
    return int(text)


def read_client(client: Any) -> Target:
    """The target of a `redis.Redis` or `redis.asyncio.Redis` that the user has.

    Its address, credentials and TLS settings are taken over, its connections are not: they retry,
    which may count a request twice, and belong to one process and one event loop.

    Raises:
        ConfigurationError: it is none, or of a kind that a URL must describe.
    """
    from redis.asyncio.connection import ConnectionPool as AsyncPool
    from redis.connection import ConnectionPool

    pool = getattr(client, "connection_pool", None)
    if type(client).__module__.split(".")[0] not in ("redis", "valkey") or pool is None:
        raise ConfigurationError(
            "RedisStore takes a URL or a redis.Redis client; for a cluster write"
            " 'redis+cluster://host:6379'"
        )
    if type(pool) not in (ConnectionPool, AsyncPool):
        raise ConfigurationError(
            "RedisStore takes over clients with a plain ConnectionPool; for Sentinel write"
            " 'redis+sentinel://host:26379/mymaster'"
        )
    given = pool.connection_kwargs
    options = {name: given[name] for name in _FROM_CLIENT if given.get(name) is not None}
    tls = "SSL" in pool.connection_class.__name__
    if tls:
        options |= {name: value for name, value in given.items() if name.startswith("ssl_")}
    if given.get("path"):
        return Target((), path=given["path"], options=options)
    server = given.get("host", "localhost"), int(given.get("port", 6379))
    return Target((server,), tls=tls, options=options)
