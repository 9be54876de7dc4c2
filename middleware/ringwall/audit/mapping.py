"""Records in the words of others: OpenTelemetry's audit draft, OCSF and the Elastic Common Schema.

Pure functions over a record as it was parsed. What a schema has no word for goes where the schema
wants such things (`unmapped`, `labels`); nothing is invented.
"""

from __future__ import annotations

import calendar
import time
from typing import Any

_OCSF_VERSION = "1.9.0"
_ECS_VERSION = "9.2.0"
_ACTIVITIES = {"POST": 1, "GET": 2, "HEAD": 2, "PUT": 3, "PATCH": 3, "DELETE": 4}
_ACTIVITY_NAMES = {1: "Create", 2: "Read", 3: "Update", 4: "Delete", 99: "Other"}


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


def to_ocsf(record: dict[str, Any]) -> dict[str, Any]:
    """An exchange as an OCSF event of the class API Activity (6003).

    >>> event = to_ocsf({"method": "GET", "status": 403, "outcome": "denied", "route": "/v1/x",
    ...     "time": "1970-01-01T00:00:01.500000Z", "actor": {"subject": "alice"}, "id": "a-1"})
    >>> event["type_uid"], event["status"], event["time"], event["actor"]["user"]["uid"]
    (600302, 'Failure', 1500, 'alice')
    """
    method = record.get("method") or ""
    activity = _ACTIVITIES.get(method, 99)
    succeeded = record.get("outcome") == "success"
    actor = record.get("actor") or {}
    denial = _denial(record)
    event: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": _ACTIVITY_NAMES[activity],
        "category_uid": 6,
        "class_uid": 6003,
        "type_uid": 600300 + activity,
        "severity_id": 1 if succeeded else 3,
        "status": "Success" if succeeded else "Failure",
        "status_id": 1 if succeeded else 2,
        "status_code": _text(record.get("status")),
        "status_detail": denial.get("reason"),
        "time": unix_nanos(record["time"]) // 1_000_000,
        "duration": record.get("duration_us", 0) // 1000,
        "action": "Denied" if denial else "Allowed",
        "action_id": 2 if denial else 1,
        "actor": {
            "user": {
                "uid": actor.get("subject"),
                "credential_uid": actor.get("credential"),
                "domain": actor.get("issuer"),
                "type": "User" if actor.get("authenticated") else "Unknown",
            }
        },
        "api": {
            "operation": f"{method} {record.get('route') or record.get('path')}".strip(),
            "request": {"uid": record.get("request_id")},
            "response": {"code": record.get("status"), "error": record.get("error")},
        },
        "http_request": {
            "http_method": method,
            "url": {"path": record.get("path"), "scheme": record.get("scheme")},
        },
        "src_endpoint": {"ip": record.get("client"), "intermediate_ips": _peers(record)},
        "authorizations": [
            {
                "decision": "deny" if d.get("outcome") == "deny" else d.get("outcome"),
                "policy": {"name": d.get("layer"), "uid": d.get("rule"), "desc": d.get("reason")},
            }
            for d in record.get("decisions") or ()
        ],
        "metadata": {
            "version": _OCSF_VERSION,
            "product": {"name": "Ringwall"},
            "uid": record.get("id"),
            "correlation_uid": record.get("trace_id"),
            "sequence": record.get("_seq"),
        },
        "attestation": {"prev_event": {"fingerprint": {"value": record.get("_prev")}}},
        "unmapped": {"params": record.get("params"), "kind": record.get("kind")},
    }
    pruned: dict[str, Any] = _without_nothing(event)
    return pruned


def to_ecs(record: dict[str, Any]) -> dict[str, Any]:
    """An exchange in the Elastic Common Schema.

    >>> document = to_ecs({"method": "GET", "status": 403, "outcome": "denied", "id": "a-1",
    ...     "time": "1970-01-01T00:00:01.500000Z", "actor": {"subject": "alice"},
    ...     "decisions": [{"layer": "authz", "outcome": "deny", "rule": "r", "reason": "role"}]})
    >>> document["event"]["outcome"], document["event"]["type"], document["user"]
    ('failure', ['access', 'denied'], {'id': 'alice'})
    """
    actor = record.get("actor") or {}
    denial = _denial(record)
    document = {
        "@timestamp": record["time"],
        "ecs": {"version": _ECS_VERSION},
        "event": {
            "action": record.get("event"),
            "category": ["web", "api"],
            "dataset": "ringwall.audit",
            "duration": record.get("duration_us", 0) * 1000,
            "id": record.get("id"),
            "kind": "event",
            "outcome": "success" if record.get("outcome") == "success" else "failure",
            "reason": denial.get("reason"),
            "sequence": record.get("_seq"),
            "type": ["access", "denied" if denial else "allowed"],
        },
        "http": {
            "request": {"id": record.get("request_id"), "method": record.get("method")},
            "response": {"status_code": record.get("status")},
        },
        "url": {"path": record.get("path"), "scheme": record.get("scheme")},
        "client": {"address": record.get("client"), "ip": record.get("client")},
        "source": {"address": record.get("peer")},
        "user": {"id": actor.get("subject"), "domain": actor.get("issuer")},
        "error": {"type": record.get("error")},
        "rule": {"name": denial.get("rule"), "ruleset": denial.get("layer")},
        "trace": {"id": record.get("trace_id")},
        "span": {"id": record.get("span_id")},
        "labels": {
            "route": record.get("route"),
            "scheme": actor.get("scheme"),
            "credential": actor.get("credential"),
        },
    }
    pruned: dict[str, Any] = _without_nothing(document)
    return pruned


def _denial(record: dict[str, Any]) -> dict[str, Any]:
    for decision in record.get("decisions") or ():
        if decision.get("outcome") != "allow":
            found: dict[str, Any] = decision
            return found
    return {}


def _peers(record: dict[str, Any]) -> list[str] | None:
    peer = record.get("peer")
    return [peer] if peer is not None and peer != record.get("client") else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _without_nothing(value: Any) -> Any:
    """What is not known is left out, not told as null."""
    if isinstance(value, dict):
        kept = {name: _without_nothing(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each is not None and each != {}}
    if isinstance(value, list):
        return [_without_nothing(each) for each in value]
    return value
