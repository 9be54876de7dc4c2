"""What a user may write for a store: a path or a URL."""

from __future__ import annotations

import os
from typing import Any

from .file import FileStore

_OF_REDIS = ("redis://", "rediss://", "unix://")


def open_store(where: str | os.PathLike[str], *, missing_ok: bool = False) -> Any:
    """The store at a path (TOML, JSON) or URL (SQLAlchemy's, Redis).

    Raises:
        ConfigurationError: there is no such store. MissingDependency: its extra is missing.

    >>> open_store("keys.toml", missing_ok=True)
    <FileStore>
    """
    if isinstance(where, str) and "://" in where:
        if where.startswith(_OF_REDIS):
            from .redis import RedisKeyStore

            return RedisKeyStore(where)
        from .sql import SQLKeyStore

        return SQLKeyStore(where)
    return FileStore(where, missing_ok=missing_ok)
