"""Records as documents of the Elastic Common Schema (https://www.elastic.co/docs/reference/ecs)."""

from __future__ import annotations

from typing import Any

from .mapping import denial, is_address, without_nothing

_VERSION = "9.2.0"
# Under the name of the product, as ECS wants it, and so that no field of its own can be in the way.
_OWN = ("close_code", "decisions", "headers", "kind", "params", "policy_version", "timings")


def to_ecs(record: dict[str, Any]) -> dict[str, Any]:
    """An exchange in the Elastic Common Schema.

    `rule` is the decision that refused, with the version of its policy; sizes of bodies are
    `http.request.body.bytes` and `http.response.body.bytes`; what ECS has no field for, such as
    all decisions and `timings`, is in `ringwall.audit`.

    >>> document = to_ecs({"method": "GET", "status": 403, "outcome": "denied", "id": "a-1",
    ...     "time": "1970-01-01T00:00:01.500000Z", "actor": {"subject": "alice"},
    ...     "decisions": [{"layer": "authz", "outcome": "deny", "rule": "r", "reason": "role"}]})
    >>> document["event"]["outcome"], document["event"]["type"], document["user"]
    ('failure', ['access', 'denied'], {'id': 'alice'})
    """
    actor, refused = record.get("actor") or {}, denial(record)
    document = {
        "@timestamp": record["time"],
        "ecs": {"version": _VERSION},
        "event": {
            "action": record.get("event"),
            "category": ["web", "api"],
            "created": record.get("observed"),
            "dataset": "ringwall.audit",
            "duration": record.get("duration_us", 0) * 1000,
            "end": record.get("observed"),
            "id": record.get("id"),
            "kind": "event",
            "outcome": "success" if record.get("outcome") == "success" else "failure",
            "reason": refused.get("reason"),
            "sequence": record.get("_seq"),
            "start": record["time"],
            "type": ["access", "denied" if refused else "allowed"],
        },
        "http": {
            "request": {
                "body": {"bytes": record.get("request_size")},
                "id": record.get("request_id"),
                "method": record.get("method"),
            },
            "response": {
                "body": {"bytes": record.get("response_size")},
                "status_code": record.get("status"),
            },
        },
        "url": {
            "domain": record.get("host"),
            "path": record.get("path"),
            "query": record.get("query"),
            "scheme": record.get("scheme"),
        },
        "client": _endpoint(record.get("client")),
        "source": _endpoint(record.get("peer")),
        "user": {"id": actor.get("subject"), "domain": actor.get("issuer")},
        "error": {"type": record.get("error")},
        "rule": {
            "name": refused.get("rule"),
            "ruleset": refused.get("layer"),
            "version": refused.get("version"),
        },
        "trace": {"id": record.get("trace_id")},
        "span": {"id": record.get("span_id")},
        "labels": {
            "route": record.get("route"),
            "scheme": actor.get("scheme"),
            "credential": actor.get("credential"),
        },
        "ringwall": {"audit": {name: record.get(name) for name in _OWN}},
    }
    pruned: dict[str, Any] = without_nothing(document)
    return pruned


def _endpoint(address: str | None) -> dict[str, Any]:
    return {"address": address, "ip": address if is_address(address) else None}
