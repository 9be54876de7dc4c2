"""Records as events of the Open Cybersecurity Schema Framework (https://schema.ocsf.io)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from .._version import __version__
from .canonical import canonical
from .mapping import denial, is_address, unix_nanos, without_nothing

_VERSION = "1.9.0"
_ACTIVITIES = {"POST": 1, "GET": 2, "HEAD": 2, "PUT": 3, "PATCH": 3, "DELETE": 4}
_ACTIVITY_NAMES = {1: "Create", 2: "Read", 3: "Update", 4: "Delete", 99: "Other"}
_UNMAPPED = (
    "_prev",
    "close_code",
    "headers",
    "kind",
    "params",
    "policy_version",
    "route",
    "timings",
)


def to_ocsf(record: dict[str, Any]) -> dict[str, Any]:
    """An exchange as an OCSF event of the class API Activity (6003), with the profiles
    `security_control` and `trace`.

    `raw_data_hash` is the SHA-256 of the line in the log, which proves itself there. (The profile
    `record_integrity` is for signatures over the event in OCSF's own form.) Sizes of bodies are
    `body_length` of `http_request` and `http_response`; the version of the policy that decided
    stands in `authorizations`; what OCSF has no word for, such as `timings`, is in `unmapped`.

    >>> event = to_ocsf({"method": "GET", "status": 403, "outcome": "denied", "route": "/v1/x",
    ...     "time": "1970-01-01T00:00:01.500000Z", "actor": {"subject": "alice"}, "id": "a-1"})
    >>> event["type_uid"], event["status"], event["time"], event["actor"]["user"]["uid"]
    (600302, 'Failure', 1500, 'alice')
    """
    method, status = record.get("method") or "", record.get("status")
    activity = _ACTIVITIES.get(method, 99)
    succeeded = record.get("outcome") == "success"
    refused = denial(record)
    start = unix_nanos(record["time"]) // 1_000_000
    duration = record.get("duration_us", 0) // 1000
    trace, span = record.get("trace_id"), record.get("span_id")
    event: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": _ACTIVITY_NAMES[activity],
        "category_uid": 6,
        "class_uid": 6003,
        "type_uid": 600300 + activity,
        "severity_id": 1 if succeeded else 3,
        "status": "Success" if succeeded else "Failure",
        "status_id": 1 if succeeded else 2,
        "status_code": None if status is None else str(status),
        "status_detail": refused.get("reason"),
        "time": start,
        "start_time": start,
        "end_time": start + duration,
        "duration": duration,
        "action": "Denied" if refused else "Allowed",
        "action_id": 2 if refused else 1,
        "actor": {"user": _user(record.get("actor") or {})},
        "api": {
            "operation": f"{method} {record.get('route') or record.get('path')}".strip(),
            "request": {"uid": record.get("request_id")},
            "response": {"code": status, "error": record.get("error")},
        },
        "http_request": {
            "http_method": method or None,
            "body_length": record.get("request_size"),
            "url": _url(record),
        },
        # An exchange without an answer has no response.
        "http_response": {"code": status, "body_length": record.get("response_size")}
        if status is not None
        else None,
        "src_endpoint": _source(record.get("client"), record.get("peer")),
        "dst_endpoint": {"hostname": record.get("host")},
        "authorizations": [
            {"decision": decision.get("outcome"), "policy": _policy(decision)}
            for decision in record.get("decisions") or ()
        ],
        "policy": _policy(refused),
        "trace": {"uid": trace, "span": span and _span(span, start, duration)} if trace else None,
        "metadata": {
            "version": _VERSION,
            "product": {"name": "Ringwall", "version": __version__},
            "profiles": ["security_control", "trace"],
            "uid": record.get("id"),
            "correlation_uid": trace,
            "sequence": record.get("_seq"),
        },
        "raw_data_hash": _hash(record) if "_prev" in record else None,
        "unmapped": {name: record.get(name) for name in _UNMAPPED},
    }
    pruned: dict[str, Any] = without_nothing(event)
    return pruned


def _user(actor: dict[str, Any]) -> dict[str, Any]:
    """A user has a name or an identifier, also one who is nobody."""
    subject = actor.get("subject")
    return {
        "name": "anonymous" if subject is None else None,
        "uid": subject,
        "credential_uid": actor.get("credential"),
        "domain": actor.get("issuer"),
        "type": "User" if actor.get("authenticated") else "Unknown",
        "type_id": 1 if actor.get("authenticated") else 0,
    }


def _url(record: dict[str, Any]) -> dict[str, Any] | None:
    """A URL has a path; of an exchange whose template is known, that is not recorded."""
    if record.get("path") is None:
        return None
    names = {"hostname": "host", "path": "path", "query_string": "query", "scheme": "scheme"}
    return {name: record.get(member) for name, member in names.items()}


def _source(client: str | None, peer: str | None) -> dict[str, Any]:
    """An endpoint has an address or a name."""
    through = [peer] if peer != client and is_address(peer) else None
    if is_address(client):
        return {"ip": client, "intermediate_ips": through}
    return {"name": "unknown" if client is None else client, "intermediate_ips": through}


def _policy(decision: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": decision.get("layer"),
        "uid": decision.get("rule"),
        "desc": decision.get("reason"),
        "version": decision.get("version"),
    }


def _span(span: str, start: int, duration: int) -> dict[str, Any]:
    return {"uid": span, "start_time": start, "end_time": start + duration}


def _hash(record: dict[str, Any]) -> dict[str, Any]:
    value = sha256(canonical(record)).hexdigest()
    return {"algorithm": "SHA-256", "algorithm_id": 3, "value": value}
