"""`ringwall keys new | list | rotate | revoke | audit STORE`: API keys in a file or a database."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from ..authn import APIKeyRecord

_STORE = "a .toml or .json file, a URL (sqlite:///keys.db, redis://...), or env:NAME of a variable"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def add(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser("keys", help="make, list, rotate, revoke and audit API keys")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    new = _action(actions, "new", _new, "make a key, and print it this once")
    new.add_argument("--owner", required=True, help="who will speak with it")
    new.add_argument("--scopes", type=_words, default=[], help="orders:read,orders:write")
    new.add_argument("--roles", type=_words, default=[], help="clerk,auditor")
    new.add_argument(
        "--expires", type=_lifetime, default=timedelta(days=90), metavar="90d", help="or: never"
    )
    new.add_argument("--not-before", type=_moment, metavar="TIME", help="2027-01-01T00:00:00Z")
    new.add_argument("--prefix", default="rw_", help="how it begins (rw_)")

    _action(actions, "list", _list, "list the keys: never a secret, nor a hash")

    rotate = _action(actions, "rotate", _rotate, "make the key that follows another one")
    rotate.add_argument("id", metavar="ID")
    rotate.add_argument(
        "--overlap", type=_duration, default=timedelta(days=7), metavar="7d",
        help="for how long the old key stays good (7d)",
    )  # fmt: skip
    rotate.add_argument(
        "--expires", type=_duration, metavar="90d", help="of the new key (as the old one had)"
    )

    revoke = _action(actions, "revoke", _revoke, "refuse a key from now on")
    revoke.add_argument("id", metavar="ID")

    audit = _action(
        actions, "audit", _audit, "find keys in force that are old, or that nobody uses"
    )
    audit.add_argument(
        "--older-than", type=_duration, default=timedelta(days=90), metavar="90d",
        help="since they were made (90d); a key that does not tell counts as old",
    )  # fmt: skip
    audit.add_argument(
        "--unused-for", type=_duration, metavar="30d", help="also those not used for so long"
    )


def _action(actions: Any, name: str, run: Callable[..., int], summary: str) -> Any:
    notes = {"audit": " The exit status is 1 if there is one."}
    parser = actions.add_parser(
        name, help=summary, description=f"{summary.capitalize()}.{notes.get(name, '')}"
    )
    parser.add_argument("store", metavar="STORE", help=_STORE)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=lambda options: _run(run, options))
    return parser


def _run(run: Callable[..., int], options: argparse.Namespace) -> int:
    from ..authn.apikeys.open import open_store

    where = options.store
    if where.startswith("env:"):
        # A URL with a password on the command line is seen by everybody on the machine.
        where = os.environ.get(where[4:])
        if not where:
            raise ConfigurationError(f"the variable {options.store[4:]} is not set")
    logging.getLogger("ringwall").addHandler(logging.NullHandler())  # it is told below
    store = open_store(where, missing_ok=options.action == "new")
    try:
        return run(store, options, datetime.now(timezone.utc))
    except (ConfigurationError, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001  its message could hold the URL, and with it a password
        raise ConfigurationError(f"the store failed: {type(error).__name__}") from None
    finally:
        if hasattr(store, "close"):
            store.close()


def _new(store: Any, options: argparse.Namespace, now: datetime) -> int:
    from ..authn import generate_api_key

    key, record = generate_api_key(
        options.owner,
        scopes=options.scopes,
        roles=options.roles,
        expires_in=options.expires,
        not_before=options.not_before,
        prefix=options.prefix,
    )
    if hasattr(store, "create"):
        store.create()
    store.add(record)  # before it is shown: a key that is shown works
    _show(key, record, options.json, f"made {record.id} for {_plain(record.owner)}")
    return 0


def _rotate(store: Any, options: argparse.Namespace, now: datetime) -> int:
    from ..authn import rotate_api_key

    old = store.find(options.id)
    if old is None:
        raise ConfigurationError(f"there is no key {_plain(options.id)}")
    key, successor, predecessor = rotate_api_key(
        old, overlap=options.overlap, expires_in=options.expires, now=now
    )
    if not store.succeed(predecessor, successor):
        raise ConfigurationError(f"somebody else has just changed key {old.id}; look again")
    until = _time(predecessor.expires)
    _show(key, successor, options.json, f"made {successor.id}; {old.id} stays good until {until}")
    return 0


def _revoke(store: Any, options: argparse.Namespace, now: datetime) -> int:
    if not store.revoke(options.id, now.replace(microsecond=0)):
        raise ConfigurationError(f"there is no key {_plain(options.id)}")
    if options.json:
        print(json.dumps({"id": options.id, "revoked": True}))
    else:
        print(f"revoked {options.id}")
    return 0


def _list(store: Any, options: argparse.Namespace, now: datetime) -> int:
    _print(sorted(store.records(), key=_order), options.json, now)
    return 0


def _audit(store: Any, options: argparse.Namespace, now: datetime) -> int:
    found = [record for record in store.records() if _is_stale(record, options, now)]
    _print(sorted(found, key=_order), options.json, now)
    return 1 if found else 0


def _is_stale(record: APIKeyRecord, options: argparse.Namespace, now: datetime) -> bool:
    if _state(record, now) in ("revoked", "expired"):
        return False
    created = record.created
    if created is None or now - created > options.older_than:
        return True
    # A key that was made a moment ago has had no time to be used.
    return options.unused_for is not None and (
        now - (record.last_used or created) > options.unused_for
    )


def _state(record: APIKeyRecord, now: datetime) -> str:
    if record.revoked is not None:
        return "revoked"
    if record.until <= now.timestamp():
        return "expired"
    if record.replaced_by is not None:
        return "replaced"
    return "active" if record.since <= now.timestamp() else "not-yet"


def _order(record: APIKeyRecord) -> tuple[str, str]:
    return record.owner, record.id


def _show(key: str, record: APIKeyRecord, as_json: bool, message: str) -> None:
    if as_json:
        print(json.dumps({"key": key, **_public(record)}))
        return
    print(key)
    print(f"{message}. Keep the key: it is shown this once.", file=sys.stderr)


def _public(record: APIKeyRecord) -> dict[str, Any]:
    """All of a record but its hash."""
    fields = {"id": record.id, **record.as_dict()}
    del fields["hash"]
    return fields


def _print(records: list[APIKeyRecord], as_json: bool, now: datetime) -> None:
    if as_json:
        print(json.dumps([{**_public(r), "state": _state(r, now)} for r in records], indent=2))
        return
    rows = [("id", "owner", "state", "created", "expires", "last used", "grants")]
    rows += [
        (
            record.id,
            _plain(record.owner),
            _state(record, now),
            _time(record.created, "unknown"),
            _time(record.expires),
            _time(record.last_used),
            _plain(" ".join(sorted(record.scopes) + [f"role:{r}" for r in sorted(record.roles)])),
        )
        for record in records
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _plain(text: str) -> str:
    """Text from a store, without what a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _time(time: datetime | None, otherwise: str = "never") -> str:
    return otherwise if time is None else time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M")


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[,\s]+", text) if word]


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if match is None:
        raise argparse.ArgumentTypeError("write a time such as 90d, 12h or 30m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _lifetime(text: str) -> timedelta | None:
    return None if text == "never" else _duration(text)


def _moment(text: str) -> datetime:
    from ..authn.apikeys._fields import moment, read_time

    try:
        found = read_time("--not-before", text)
        moment("--not-before", found)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return found
