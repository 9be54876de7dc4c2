"""Records in the words of others: pure functions over a record as it was parsed.

What a schema has no word for goes where the schema wants such things; nothing is invented.
"""

from __future__ import annotations

import calendar
import time
from ipaddress import ip_address
from typing import Any


def unix_nanos(timestamp: str) -> int:
    """Nanoseconds since the epoch of a record's time.

    >>> unix_nanos("1970-01-01T00:00:01.500000Z")
    1500000000
    """
    second, _, fraction = timestamp.rstrip("Z").partition(".")
    seconds = calendar.timegm(time.strptime(second, "%Y-%m-%dT%H:%M:%S"))
    return seconds * 1_000_000_000 + int(fraction.ljust(9, "0")[:9] or 0)


def audit_attributes(record: dict[str, Any]) -> dict[str, Any]:
    """Attributes by OpenTelemetry's draft for audit logs (OTEP 0267)."""
    actor = record.get("actor") or {}
    attributes = {
        "audit.record.id": record.get("id"),
        "audit.actor.id": actor.get("subject") or "anonymous",
        "audit.actor.type": "user" if actor.get("authenticated") else "anonymous",
        "audit.action": record.get("method") or record.get("event"),
        "audit.outcome": record.get("outcome") or "success",
        "audit.target.id": record.get("path") or record.get("route"),
        "audit.source.address": record.get("client"),
        "http.response.status_code": record.get("status"),
        "http.route": record.get("route"),
    }
    return {name: value for name, value in attributes.items() if value is not None}


def denial(record: dict[str, Any]) -> dict[str, Any]:
    """The first decision that did not let the request pass; {} where all did."""
    for decision in record.get("decisions") or ():
        if decision.get("outcome") != "allow":
            found: dict[str, Any] = decision
            return found
    return {}


def is_address(text: str | None) -> bool:
    """Whether this is an IP address, and no hash of one, or the path of a socket: a field that
    takes addresses refuses anything else, and the whole event with it."""
    try:
        ip_address(text or "")
    except ValueError:
        return False
    return True


def without_nothing(value: Any) -> Any:
    """What is not known is left out, not told as null."""
    if isinstance(value, dict):
        kept = {name: without_nothing(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each is not None and each != {}}
    if isinstance(value, list):
        return [without_nothing(each) for each in value]
    return value
