"""Puts the requests of a decision to the servers, in both colours, by one deadline."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from .._errors import MissingDependency

try:
    from redis.exceptions import ResponseError
except ImportError:
    raise MissingDependency("redis", "redis", "A store in Redis or Valkey") from None

from .._pending import Call, Pending, asettle, settle
from ._complaint import Complaint
from ._redis_batch import Batcher
from ._redis_deadline import deadline
from ._redis_node import Node, NotSent
from ._redis_script import Answer, Request, call, command, replies
from ._redis_topology import Topology
from .store import StoreUnavailable

_ASKING = command(b"ASKING")
_CODES = {
    "NoScriptError": "NOSCRIPT",
    "ReadOnlyError": "READONLY",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "OutOfMemoryError": "OOM",
}


class Delivery:
    """Finds the server of each request, and asks once: again only what was proved not to have run.

    Parameters:
        topology: the servers. timeout: seconds for everything that a decision needs.
    """

    def __init__(self, topology: Topology, timeout: float) -> None:
        self.topology = topology
        self._timeout = timeout
        self._complain = Complaint("the rate limit store refuses (%s)")
        self.batchers: WeakKeyDictionary[asyncio.AbstractEventLoop, Batcher] = WeakKeyDictionary()

    # Once for both colours

    def _deliver(
        self, node: Node, requests: Sequence[Request]
    ) -> Pending[list[tuple[Request, Answer]]]:
        """Put all requests to one server; what it proves not to have run, once more elsewhere."""
        calls = [requests] if len(requests) == 1 else self.topology.split(requests)
        retry = False
        try:
            answers = yield Call(node.send, node.asend, b"".join(map(call, calls)), len(calls))
        except NotSent:
            other = yield from self.topology.find(requests[0].slot)
            if other is node:
                raise
            data = b"".join(call(part, text=True) for part in calls)
            answers = yield Call(other.send, other.asend, data, len(calls))
            retry = True
        found: list[tuple[Request, Answer]] = []
        for part, reply in zip(calls, answers, strict=True):
            try:
                if isinstance(reply, ResponseError):
                    if retry:
                        raise self._refusal(_code(reply)[0])
                    reply = yield from self._heal(node, part, reply)
                found += zip(part, replies(reply, part), strict=True)
            except (StoreUnavailable, ValueError):
                found += [(request, StoreUnavailable()) for request in part]
        return found

    def _heal(self, node: Node, part: Sequence[Request], error: ResponseError) -> Pending[bytes]:
        """Put a call once more, whose error says that it was not run; as EVAL, which needs no
        script to be loaded there."""
        code, rest = _code(error)
        slot, asking = part[0].slot, b""
        if code == "READONLY":
            node = yield from self.topology.find(slot)
        elif code in ("MOVED", "ASK"):
            address = rest.split(" ")[-1]
            there = self.topology.redirected(slot, node, address, keep=code == "MOVED")
            if there is None:  # a cluster, but the URL does not say so
                raise self._refusal(code)
            node = there
            asking = _ASKING if code == "ASK" else b""
        elif code != "NOSCRIPT":
            raise self._refusal(code)
        count = 2 if asking else 1
        answers = yield Call(node.send, node.asend, asking + call(part, text=True), count)
        if isinstance(answers[-1], ResponseError):
            raise self._refusal(_code(answers[-1])[0])
        answer: bytes = answers[-1]
        return answer

    def _refusal(self, code: str) -> StoreUnavailable:
        """What to raise where a server refuses for good; the log is told why."""
        self._complain(code)
        return StoreUnavailable()

    # Its two colours

    def ask(self, request: Request) -> Answer:
        """Blocking."""
        outer, deadline.at = deadline.at, time.monotonic() + self._timeout
        try:
            return self._ask(request)
        finally:
            deadline.at = outer

    def ask_all(self, requests: Sequence[Request]) -> list[Answer]:
        """Blocking: one after the other, by the same deadline."""
        outer, deadline.at = deadline.at, time.monotonic() + self._timeout
        try:
            return [self._ask(request) for request in requests]
        finally:
            deadline.at = outer

    def _ask(self, request: Request) -> Answer:
        topology = self.topology
        try:
            node = topology.known(request.slot) or settle(topology.find(request.slot))
            return settle(self._deliver(node, [request]))[0][1]
        except StoreUnavailable as error:
            return error

    def aask(self, request: Request) -> asyncio.Future[Answer]:
        """On an event loop: in company of all that ask in the same tick."""
        loop = asyncio.get_running_loop()
        batcher = self.batchers.get(loop)
        if batcher is None or batcher.pid != os.getpid():
            batcher = self.batchers[loop] = Batcher(loop, self._adeliver, self._timeout)
        return batcher.submit(request)

    async def aask_all(self, requests: Sequence[Request]) -> list[Answer]:
        """The same for several."""
        futures = [self.aask(request) for request in requests]
        return [await future for future in futures]

    async def _adeliver(self, requests: Sequence[Request]) -> None:
        known = self.topology.known
        if not self.topology.sharded and (only := known(0)) is not None:
            return await self._adeliver_to(only, requests)
        nodes: dict[Node, list[Request]] = {}
        for request in requests:
            node = known(request.slot)
            if node is None:
                try:
                    node = await asettle(self.topology.find(request.slot))
                except StoreUnavailable as error:
                    _set(request, error)
                    continue
            nodes.setdefault(node, []).append(request)
        if len(nodes) == 1:
            return await self._adeliver_to(*nodes.popitem())
        await asyncio.gather(*(self._adeliver_to(*group) for group in nodes.items()))
        return None

    async def _adeliver_to(self, node: Node, requests: Sequence[Request]) -> None:
        try:
            for request, found in await asettle(self._deliver(node, requests)):
                future = request.future
                if not future.done():
                    future.set_result(found)
        except StoreUnavailable as error:
            for request in requests:
                _set(request, error)


def _code(error: ResponseError) -> tuple[str, str]:
    """The code of an error reply and the rest. redis-py makes classes of some, and cuts theirs."""
    text, kind = str(error), type(error)
    if kind is not ResponseError:
        return _CODES.get(kind.__name__, kind.__name__), text
    code, _, rest = text.partition(" ")
    return code if code.isupper() else "ERR", rest


def _set(request: Request, found: Answer) -> None:
    if not request.future.done():
        request.future.set_result(found)
