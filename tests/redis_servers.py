"""Real Redis servers that tests start, stall, kill and fail over. A missing redis-server fails."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ports import free_port

HOST = "127.0.0.1"


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait for what other processes do; returns what the condition returned."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(redis.RedisError, OSError):
            result = condition()
            if result:
                return result
        if time.monotonic() > end:
            raise TimeoutError("the servers did not get there")
        time.sleep(0.02)


def client(port: int) -> redis.Redis:
    """A client that fails at once where the server does."""
    return redis.Redis(host=HOST, port=port, protocol=2, retry=Retry(NoBackoff(), 0))


class PortTaken(Exception):
    """Somebody was quicker; whoever answers there is not ours."""


class Server:
    """One redis-server in a folder of its own, which may be killed and started again, empty."""

    def __init__(self, *options: str, sentinel: str = "") -> None:
        self.options = options
        self.sentinel = sentinel
        self.folder = tempfile.TemporaryDirectory()
        for last in (False, False, True):
            self.port = free_port()
            try:
                self.start()
            except PortTaken:
                if last:
                    raise
            else:
                break

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}"

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        home = self.folder.name
        for old in Path(home).iterdir():
            old.unlink()
        common = ["--port", str(self.port), "--bind", HOST, "--dir", home]
        if self.sentinel:
            config = Path(home) / "sentinel.conf"
            config.write_text(self.sentinel)
            command = ["redis-server", str(config), "--sentinel", *common]
        else:
            command = ["redis-server", *common, "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([*command, *self.options], stdout=subprocess.DEVNULL)
        try:
            until(lambda: self.process.poll() is not None or self._answers())
        except BaseException:
            self.close()
            raise
        if self.process.poll() is not None:
            raise PortTaken(self.port)

    def _answers(self) -> bool:
        try:
            return bool(self.client_call("PING"))
        except redis.AuthenticationError:
            return True

    def client_call(self, *words: Any) -> Any:
        with contextlib.closing(client(self.port)) as connected:
            return connected.execute_command(*words)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        self.folder.cleanup()


@contextlib.contextmanager
def servers(*made: Server) -> Iterator[tuple[Server, ...]]:
    try:
        yield made
    finally:
        for server in made:
            server.close()


@contextlib.contextmanager
def server(*options: str) -> Iterator[Server]:
    with servers(Server(*options)) as (only,):
        yield only


class Replicated:
    """A primary and a replica under one sentinel, which fails over within about a second."""

    def __init__(self) -> None:
        self.made: list[Server] = []
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _start(self, *options: str, sentinel: str = "") -> Server:
        self.made.append(Server(*options, sentinel=sentinel))
        return self.made[-1]

    def _make(self) -> None:
        fast = ("--repl-diskless-sync-delay", "0", "--repl-diskless-sync", "yes")
        self.primary = self._start(*fast)
        self.replica = self._start(*fast, "--replicaof", HOST, str(self.primary.port))
        until(lambda: self._link() == "up")
        self.sentinel = self._start(
            sentinel=f"sentinel monitor shop {HOST} {self.primary.port} 1\n"
            "sentinel down-after-milliseconds shop 400\n"
            "sentinel failover-timeout shop 3000\n"
        )
        until(lambda: self.sentinel.client_call("SENTINEL", "REPLICAS", "shop"))

    def _link(self) -> Any:
        return self.replica.client_call("INFO", "replication")["master_link_status"]

    def catch_up(self) -> None:
        """Wait until the replica has all that the primary has."""
        sent = self.primary.client_call("INFO", "replication")["master_repl_offset"]
        until(lambda: self.replica.client_call("INFO", "replication")["slave_repl_offset"] >= sent)

    @property
    def url(self) -> str:
        return f"redis+sentinel://{HOST}:{self.sentinel.port}/shop"

    def await_failover(self) -> None:
        until(lambda: self.replica.client_call("ROLE")[0] == b"master")
        until(
            lambda: (
                str(self.replica.port).encode()
                == self.sentinel.client_call("SENTINEL", "get-master-addr-by-name", "shop")[1]
            )
        )

    def close(self) -> None:
        for one in reversed(self.made):
            one.close()


class Sharded:
    """Three cluster nodes with all slots assigned."""

    def __init__(self) -> None:
        self.nodes: list[Server] = []
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self) -> None:
        for _ in range(3):
            node = Server("--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
            self.nodes.append(node)
        for i, node in enumerate(self.nodes):
            first, last = i * 5461, (i + 1) * 5461 - 1 if i < 2 else 16383
            node.client_call("CLUSTER", "ADDSLOTSRANGE", first, last)
            node.client_call("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for node in self.nodes[1:]:
            self.nodes[0].client_call("CLUSTER", "MEET", HOST, node.port)
        for node in self.nodes:
            until(lambda node=node: self._is_ready(node))  # type: ignore[misc]
        until(self._agree)

    def _is_ready(self, node: Server) -> bool:
        info: bytes = node.client_call("CLUSTER", "INFO")
        return b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info

    def _agree(self) -> bool:
        """Whether each node knows who owns what and since which epoch. A slot that moves on
        before that may get two owners with one epoch, who send clients to each other."""
        return len({self._view(node) for node in self.nodes}) == 1

    def _view(self, node: Server) -> str:
        known = [line.split() for line in self._text(node, "NODES").splitlines()]
        return repr(sorted((words[0], words[6], words[8:]) for words in known))

    def _text(self, node: Server, what: str) -> str:
        with contextlib.closing(client(node.port)) as connected:
            connected.response_callbacks.clear()
            found: bytes = connected.execute_command(f"CLUSTER {what}")
        return found.decode()

    @property
    def url(self) -> str:
        return f"redis+cluster://{HOST}:{self.nodes[0].port}"

    def id(self, node: Server) -> str:
        found: bytes = node.client_call("CLUSTER", "MYID")
        return found.decode()

    def owner(self, slot: int) -> Server:
        return self.nodes[min(slot // 5461, 2)]

    def begin_move(self, slot: int, source: Server, to: Server) -> None:
        to.client_call("CLUSTER", "SETSLOT", slot, "IMPORTING", self.id(source))
        source.client_call("CLUSTER", "SETSLOT", slot, "MIGRATING", self.id(to))

    def move_keys(self, slot: int, source: Server, to: Server) -> None:
        keys = source.client_call("CLUSTER", "GETKEYSINSLOT", slot, 1000)
        if keys:
            source.client_call("MIGRATE", HOST, to.port, "", 0, 5000, "KEYS", *keys)

    def end_move(self, slot: int, source: Server, to: Server) -> None:
        for node in (to, source):
            node.client_call("CLUSTER", "SETSLOT", slot, "NODE", self.id(to))
        until(self._agree)

    def close(self) -> None:
        for node in self.nodes:
            node.close()
