"""What the boundary remembers of hosts, clients and paths changes no judgement, and stays small."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall import Exchange, Layer, Stack
from ringwall import _boundary as module
from ringwall.testing import Request, SampleApp, drive

GOOD, SAME, OTHER = b"api.example.com", b"API.example.com.", b"[2001:DB8::1]:8443"
HOSTS = [[GOOD]] * 5 + [[SAME], [OTHER], [GOOD, GOOD], [b"a b"], [b""], [b"127.1"], []]
METHODS = ["GET"] * 5 + ["POST", "PURGE", "get", ""]
PATHS = ["/a/b"] * 4 + ["/a%2Fb"] * 4 + ["/", "/a", "/%61", "/a//b", "/a/../b", "/a;b"]
PATHS += ["/%C3%A9", "/%ff", "/m/a/b", "/m", "/a/b?q=/a", "/a%2Fb?"]
CLIENTS = [None, "192.0.2.7", "::ffff:192.0.2.7", "2001:DB8::1", "nonsense", "6.6.6.6"]

requests = st.builds(
    Request,
    method=st.sampled_from(METHODS),
    target=st.sampled_from(PATHS).map(str.encode),
    headers=st.sampled_from(HOSTS).map(lambda hosts: tuple((b"host", host) for host in hosts)),
    scheme=st.sampled_from(["http", "https"]),
    client=st.sampled_from(CLIENTS),
    root=st.sampled_from(["", "", "/m"]),
)


class Looking(Layer):
    name = "looking"
    by_path = True
    wants_client = True

    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    def on_request(self, exchange: Exchange) -> None:
        e = exchange
        self.seen.append((e.host, e.client, e.path, e.raw_path, e.method, e.scheme, e.root))


class World:
    """A stack, perhaps with another one inside it, and what its layers see."""

    def __init__(self, nested: bool) -> None:
        self.seen: list[Any] = []
        self.stacks = [Stack(Looking(self.seen)) for _ in range(1 + nested)]
        self.apps: dict[str, Any] = {}
        for interface in ("asgi", "wsgi"):
            app: Any = getattr(SampleApp(), interface)
            for stack in reversed(self.stacks):
                app = getattr(stack, interface)(app)
            self.apps[interface] = app

    def ask(self, interface: Any, request: Request) -> Any:
        self.seen.clear()
        result = drive(interface, self.apps[interface], request)
        assert result.error is None
        return result.status, result.headers, result.body, [*self.seen]


@pytest.mark.parametrize("most", [1, 2, 256])
@given(
    nested=st.booleans(),
    asked=st.lists(st.tuples(st.sampled_from(["asgi", "wsgi"]), requests), min_size=1, max_size=8),
    again=st.randoms(use_true_random=False),
)
def test_a_request_is_judged_as_by_a_stack_that_has_seen_none(most, nested, asked, again):
    """Both interfaces share what one stack remembers."""
    names = ["_MOST_KNOWN_HOSTS", "_MOST_KNOWN_CLIENTS", "_MOST_KNOWN_PATHS"]
    order = asked * 2
    again.shuffle(order)
    with patch.multiple(module, **dict.fromkeys(names, most)):
        used = World(nested)
        for interface, request in order:
            assert used.ask(interface, request) == World(nested).ask(interface, request)
            for stack in used.stacks:
                boundary = stack._boundary
                for known in (boundary.known_hosts, boundary.known_clients, boundary.known_paths):
                    assert len(known) <= most
                assert boundary.plain_paths <= boundary.known_paths.keys()
