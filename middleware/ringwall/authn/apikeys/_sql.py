"""The table, the statements and the engines; loads SQLAlchemy."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from ..._errors import ConfigurationError, MissingDependency

try:
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
except ModuleNotFoundError as error:
    raise MissingDependency(error.name or "?", "sql", "A store in a SQL database") from None

# SQLite's driver of the standard library blocks; this one does the same work in a thread.
_ASYNC_TWIN = {"sqlite": "sqlite+aiosqlite", "sqlite+pysqlite": "sqlite+aiosqlite"}
_BOTH = frozenset({"postgresql+psycopg"})


class Statements:
    """One table, and all that is ever asked of it: text of ours, values always bound."""

    def __init__(self, name: str) -> None:
        self.metadata = sa.MetaData()
        t = self.table = sa.Table(
            name,
            self.metadata,
            sa.Column("id", sa.String(12), primary_key=True),
            sa.Column("hash", sa.String(71), nullable=False),
            sa.Column("owner", sa.Text, nullable=False),
            sa.Column("scopes", sa.Text, nullable=False),  # a JSON array, as are roles
            sa.Column("roles", sa.Text, nullable=False),
            *(
                sa.Column(column, sa.Float(53))  # seconds since the epoch
                for column in ("created", "expires", "not_before", "revoked", "last_used")
            ),
            sa.Column("replaced_by", sa.String(12)),
            sa.Column("prefix", sa.String(32), nullable=False),
        )
        key = t.c.id == sa.bindparam("key")
        at: sa.BindParameter[float] = sa.bindparam("at", type_=sa.Float(53))
        self.all = sa.select(t).order_by(t.c.created, t.c.id)
        self.find = sa.select(t).where(t.c.id == sa.bindparam("id"))
        self.insert = sa.insert(t)
        self.touch = (
            sa.update(t)
            .where(key, sa.or_(t.c.last_used.is_(None), t.c.last_used < at))
            .values(last_used=at)
        )
        self.succeed = (
            sa.update(t)
            .where(key, t.c.replaced_by.is_(None), t.c.revoked.is_(None))
            .values(expires=sa.bindparam("until"), replaced_by=sa.bindparam("by"))
        )
        self.revoke = sa.update(t).where(key).values(revoked=sa.func.coalesce(t.c.revoked, at))


def engines(
    database: Any, async_database: Any, timeout: float
) -> tuple[sa.Engine | None, Callable[[], Any] | None]:
    """The blocking engine, and what makes an asynchronous one for an event loop."""
    if isinstance(database, AsyncEngine) and async_database is None:
        return None, lambda: database
    if isinstance(database, sa.Engine):
        blocking: sa.Engine | None = database
    else:
        blocking, twin = _from_url(database, timeout)
        async_database = async_database or twin
    if async_database is None or isinstance(async_database, AsyncEngine):
        return blocking, None if async_database is None else lambda: async_database
    url = _parse(async_database)
    _check(url, is_async=True)
    return blocking, lambda: create_async_engine(url, **_options(url, timeout))


def _from_url(database: Any, timeout: float) -> tuple[sa.Engine | None, sa.URL | None]:
    """The engine of a URL, and the URL for asyncio."""
    url = _parse(database)
    if _is_async(url):
        return None, url
    _check(url, is_async=False)
    twin: sa.URL | None = None
    if url.drivername in _BOTH:
        twin = url
    elif url.drivername in _ASYNC_TWIN and _importable("aiosqlite"):
        twin = url.set(drivername=_ASYNC_TWIN[url.drivername])
    return sa.create_engine(url, **_options(url, timeout)), twin


def _parse(database: Any) -> sa.URL:
    try:
        url = sa.make_url(database)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError):
        # A URL may hold a password: the message does not repeat it.
        raise ConfigurationError(
            "the store is a URL for SQLAlchemy such as 'sqlite:///keys.db', or an engine"
        ) from None
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigurationError(
            "a SQLite database in memory is another one for each connection; name a file"
        )
    return url


def _is_async(url: sa.URL) -> bool:
    return url.drivername not in _BOTH and bool(getattr(url.get_dialect(), "is_async", False))


def _check(url: sa.URL, *, is_async: bool) -> None:
    """Load the driver now: a missing one must not wait for the first request."""
    try:
        url.get_dialect(_is_async=is_async).import_dbapi()
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{url.drivername} needs the package {error.name!r}; run: pip install {error.name}"
        ) from None


def _importable(module: str) -> bool:
    return find_spec(module) is not None


def _options(url: sa.URL, timeout: float) -> dict[str, Any]:
    # `hide_parameters` keeps values, hashes among them, out of exceptions and logs.
    options: dict[str, Any] = {"hide_parameters": True}
    dialect: Any = url.get_dialect()
    if issubclass(dialect.get_pool_class(url), sa.QueuePool):  # others never wait
        options["pool_timeout"] = timeout
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": timeout}
    else:
        options["pool_pre_ping"] = True  # a server that was restarted
    return options
