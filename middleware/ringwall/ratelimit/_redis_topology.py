"""Which server holds a key: the one there is, the primary that sentinels name, a cluster's node."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from .._pending import Call, Pending, perform
from ._redis_node import Node
from ._redis_script import Request, command
from ._redis_url import Target
from .store import StoreUnavailable

# While servers are down, others are asked about them no more often than this, in seconds.
_ASK_AGAIN = 0.1
# Requests in one call: the script holds the server for about as many times 5 microseconds.
_MOST_IN_A_CALL = 64
_SLOTS = 1 << 14
# What reading an answer raises that is none.
_SENSELESS = ValueError, TypeError, IndexError


class Topology(ABC):
    """Routes hash slots to servers. Slots exist on a cluster; else there is only slot 0."""

    sharded = False

    @abstractmethod
    def known(self, slot: int) -> Node | None:
        """The server of a slot, as far as it is known."""

    @abstractmethod
    def find(self, slot: int) -> Pending[Node]:
        """The server of a slot, asked for anew unless that was done a moment ago.

        Raises:
            StoreUnavailable: nobody knows.
        """

    def redirected(self, slot: int, by: Node, address: str, keep: bool) -> Node | None:
        """The server that a redirection names; None where none is followed. keep: it is the slot's
        server from now on."""
        return None

    def split(self, requests: Sequence[Request]) -> list[Sequence[Request]]:
        """The requests of one server, by those that one call can hold."""
        return [requests[i : i + _MOST_IN_A_CALL] for i in range(0, len(requests), _MOST_IN_A_CALL)]


class Single(Topology):
    def __init__(self, target: Target) -> None:
        self._node = Node(target.path or target.servers[0], target.tls, target.options)

    def known(self, slot: int) -> Node | None:
        return self._node

    def find(self, slot: int) -> Pending[Node]:
        yield from ()
        return self._node


class _Discovering(Topology):
    """A topology that asks servers about servers."""

    def __init__(self, target: Target, clock: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._clock = clock
        self._asked = -_ASK_AGAIN
        self._nodes: dict[tuple[str, int], Node] = {}

    def _node(self, address: tuple[str, int]) -> Node:
        node = self._nodes.get(address)
        if node is None:
            if not 0 < address[1] < 65536:
                raise ValueError("no such port")
            fresh = Node(address, self._target.tls, self._target.options)
            node = self._nodes.setdefault(address, fresh)
        return node

    def find(self, slot: int) -> Pending[Node]:
        node = self.known(slot)
        now = self._clock()
        if node is None or now - self._asked >= _ASK_AGAIN:
            self._asked = now
            yield from self._ask()
            node = self.known(slot)
        if node is None:
            raise StoreUnavailable
        return node

    @abstractmethod
    def _ask(self) -> Pending[None]: ...


class Sentinels(_Discovering):
    """The primary that the sentinels agree on; they are asked again when it fails."""

    def __init__(self, target: Target, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(target, clock)
        options = target.sentinel_options
        self._sentinels = [Node(server, target.tls, options) for server in target.servers]
        self._question = command(b"SENTINEL", b"get-master-addr-by-name", target.service.encode())
        self._primary: Node | None = None

    def known(self, slot: int) -> Node | None:
        return self._primary

    def _ask(self) -> Pending[None]:
        for sentinel in self._sentinels:
            try:
                (answer,) = yield from _ask(sentinel, self._question)
            except StoreUnavailable:
                continue
            with suppress(*_SENSELESS):
                host, port = answer
                self._primary = self._node((_text(host), int(port)))
                # The one that answers is asked first from now on.
                rest = [node for node in self._sentinels if node is not sentinel]
                self._sentinels = [sentinel, *rest]
                return


class Cluster(_Discovering):
    """The primaries of a cluster, by slot."""

    sharded = True

    def __init__(self, target: Target, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(target, clock)
        self._seeds = [self._node(server) for server in target.servers]
        self._slots: dict[int, Node] = {}

    def known(self, slot: int) -> Node | None:
        return self._slots.get(slot)

    def redirected(self, slot: int, by: Node, address: str, keep: bool) -> Node:
        host, _, port = address.rpartition(":")
        # Without a host it is that of the server which redirects.
        node = self._node((host or str(by.address[0]), int(port)))
        if keep:
            self._slots[slot] = node
        return node

    def split(self, requests: Sequence[Request]) -> list[Sequence[Request]]:
        slots: dict[int, list[Request]] = {}
        for request in requests:
            slots.setdefault(request.slot, []).append(request)
        return [part for slot in slots.values() for part in super(Cluster, self).split(slot)]

    def _ask(self) -> Pending[None]:
        for node in _distinct([*self._slots.values()][:1], [*self._nodes.values()], self._seeds):
            try:
                (answer,) = yield from _ask(node, command(b"CLUSTER", b"SLOTS"))
            except StoreUnavailable:
                continue
            with suppress(*_SENSELESS):
                if answer:
                    self._slots = self._read(answer, str(node.address[0]))
                    return

    def _read(self, answer: list[Any], asked: str) -> dict[int, Node]:
        slots: dict[int, Node] = {}
        for first, last, primary, *_ in answer:
            # A node that does not know its own name means the one that was asked.
            host = _text(primary[0] or b"") or asked
            node = self._node((asked if host == "?" else host, int(primary[1])))
            if not 0 <= int(first) <= int(last) < _SLOTS:
                raise ValueError("no such slots")
            slots.update(dict.fromkeys(range(int(first), int(last) + 1), node))
        return slots


def _ask(node: Node, question: bytes) -> Pending[list[Any]]:
    return perform(Call(node.send, node.asend, question, 1))


def _text(value: Any) -> str:
    if not isinstance(value, bytes):
        raise TypeError("no text")
    return value.decode()


def _distinct(*groups: Iterable[Node]) -> list[Node]:
    return list(dict.fromkeys(node for group in groups for node in group))


def topology(target: Target) -> Topology:
    """The topology that a target stands for."""
    kinds: dict[str, Callable[[Target], Topology]] = {
        "": Single,
        "sentinel": Sentinels,
        "cluster": Cluster,
    }
    return kinds[target.topology](target)
