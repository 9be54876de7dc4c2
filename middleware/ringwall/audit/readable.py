"""A record as one line for a terminal. A log that was tampered with may hold anything: what it
holds is `clean`ed before it is shown."""

from __future__ import annotations

from typing import Any

from .record import clean

_LONGEST = 256


def readable(record: dict[str, Any]) -> str:
    """Time, outcome, what was asked, by whom, from where, and who refused it.

    >>> readable({"event": "exchange", "time": "T", "status": 403, "method": "GET", "path": "/x",
    ...     "outcome": "denied", "client": "192.0.2.1", "duration_us": 1500, "id": "a-1",
    ...     "actor": {"subject": "alice"},
    ...     "decisions": [{"layer": "authz", "outcome": "deny", "rule": "r", "reason": "role"}]})
    'T 403 denied GET /x alice from 192.0.2.1 1.5ms [authz: r, role] a-1'
    """
    if record.get("event") != "exchange":
        hidden = {"_prev", "_seq", "event", "time", "v", "sig", "frontier"}
        rest = " ".join(
            f"{_text(name)}={_text(value)}" for name, value in record.items() if name not in hidden
        )
        return f"{_text(record.get('time'))} {_text(record.get('event'))} {rest}".rstrip()
    actor = record.get("actor")
    subject = actor.get("subject") if isinstance(actor, dict) else None
    micros = record.get("duration_us")
    took = f" {micros / 1000:.1f}ms" if isinstance(micros, int) else ""
    parts = [
        _text(record.get("time")),
        _text(record.get("status")),
        _text(record.get("outcome")),
        _text(record.get("method")),
        _text(record.get("path") or record.get("route")),
        "anonymous" if subject is None else _text(subject),
        f"from {_text(record.get('client'))}{took}",
    ]
    parts += [
        f"[{_text(d.get('layer'))}: {_text(d.get('rule'))}, {_text(d.get('reason'))}]"
        for d in refusals(record)
    ]
    return " ".join([*parts, _text(record.get("id"))])


def refusals(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The decisions that refused the exchange."""
    decisions = record.get("decisions")
    if not isinstance(decisions, list):
        return []
    return [d for d in decisions if isinstance(d, dict) and d.get("outcome") in ("deny", "error")]


def _text(value: Any) -> str:
    if value is None:
        return "-"
    # What was cleaned when it was recorded is not escaped twice.
    return clean(str(value).replace("\\\\", "\\"), _LONGEST).replace("\\\\", "\\")
