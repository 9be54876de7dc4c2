"""One stack, unchanged, and the same requirements at handlers: the same decisions everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.drive import Answer, call
from integrations.guarded import HOSTS
from integrations.orders import Lines, credentials, make_stack

# The frameworks' own use of what is deprecated is not ours to judge.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Walled:
    def __init__(self, name: str, stack: Any) -> None:
        self.reached: list[Any] = []
        self.interface, build = HOSTS[name]
        self._app = build(stack, self.reached)

    def get(self, target: str, who: str | None = None) -> Answer:
        return call(self.interface, self._app, target, credentials(who))


LINES = Lines()
STACK = make_stack(LINES, optional=True)


@pytest.fixture(scope="module", params=sorted(HOSTS))
def _walled(request: pytest.FixtureRequest) -> Walled:
    return Walled(request.param, STACK)


@pytest.fixture
def walled(_walled: Walled) -> Walled:
    _walled.reached.clear()
    LINES.clear()
    return _walled


def last() -> list[tuple[str, str, str, str]]:
    """The decisions that audit wrote of the last request."""
    names = ("layer", "outcome", "rule", "reason")
    return [tuple(each[name] for name in names) for each in LINES[-1]["decisions"]]  # type: ignore


ALLOWED = "allow"
WRITE, ADMIN = "require scope('orders:write')", "require role('admin')"
OWNER = "require owner(load_order)"
# target, who, status, code, the handler's decision, what was reached
REQUESTS: list[tuple[str, str | None, int, str | None, tuple[str, str] | None, list[str]]] = [
    ("/v1/orders/1001", "alice", 200, None, ("allow", "granted"), ["order 1001"]),
    ("/v1/orders/1002", "alice", 403, "forbidden", None, []),
    ("/v1/orders/1001", None, 401, "missing-credentials", None, []),
    ("/healthz", None, 200, None, None, ["healthz"]),
    ("/h/any", "alice", 200, None, ("allow", "granted"), ["any"]),
    ("/h/any", None, 401, "missing-credentials", ("deny", "unauthenticated"), []),
    ("/h/write", "alice", 403, "insufficient-scope", ("deny", "insufficient-scope"), []),
    ("/h/write", None, 401, "missing-credentials", ("deny", "unauthenticated"), []),
    ("/h/admin", "root", 200, None, ("allow", "granted"), ["admin"]),
    ("/h/admin", "alice", 403, "forbidden", ("deny", "forbidden"), []),
    ("/h/admin", None, 401, "missing-credentials", ("deny", "unauthenticated"), []),
    ("/h/mine/1001", "alice", 200, None, ("allow", "granted"), ["mine 1001"]),
    ("/h/mine/1002", "alice", 404, "not-found", ("deny", "forbidden"), []),
    ("/h/mine/01001", "alice", 404, "not-found", ("deny", "not-canonical"), []),
    ("/h/mine/9", "alice", 404, "not-found", ("deny", "object-missing"), []),
]


@pytest.mark.parametrize(
    ("target", "who", "status", "code", "decision", "reached"),
    REQUESTS,
    ids=[f"{target}-{who}" for target, who, *_ in REQUESTS],
)
def test_the_same_request_has_the_same_answer_and_decisions_everywhere(
    walled: Walled,
    target: str,
    who: str | None,
    status: int,
    code: str | None,
    decision: tuple[str, str] | None,
    reached: list[str],
) -> None:
    answer = walled.get(target, who)
    assert answer.status == status, answer.body
    assert walled.reached == reached
    if code is not None:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["code"] == code
        assert answer.json()["status"] == status
    challenge = answer.headers.get("www-authenticate")
    assert challenge == ('ApiKey realm="api"' if status == 401 and target[1] == "h" else challenge)
    assert (challenge is not None) == (status == 401)
    assert LINES[-1]["status"] == status
    if decision is not None:
        layer, outcome, rule, reason = last()[-1]
        assert (layer, outcome, reason) == ("authorization", *decision)
        assert rule.startswith("require ")
    elif status != 200:
        assert last()[-1][1] == "deny"


def test_the_principal_is_told_in_the_frameworks_manner(walled: Walled) -> None:
    assert walled.get("/h/any", "alice").json() == {"subject": "alice"}
    assert walled.get("/healthz").json() == {"subject": None}


def test_a_limit_counts_for_its_handler(walled: Walled) -> None:
    first, second = walled.get("/h/limited", "alice"), walled.get("/h/limited", "alice")
    assert (first.status, second.status) == (200, 429)
    assert '"client";q=10000;w=60' in first.headers["ratelimit-policy"]
    assert ";q=1;w=3600" in first.headers["ratelimit-policy"]
    assert int(second.headers["retry-after"]) > 0
    assert second.headers["content-type"] == "application/problem+json"
    assert walled.reached == ["limited"]
    assert last()[-1][:2] == ("ratelimit", "deny")


def test_a_head_request_meets_the_same_guard(walled: Walled) -> None:
    answer = call(walled.interface, walled._app, "/h/write", credentials("alice"), "HEAD")
    assert answer.status in (403, 405)
    assert walled.reached == []
