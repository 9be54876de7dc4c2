"""Ports for the servers that tests start."""

from __future__ import annotations

import itertools
import os
import random
import socket

# Between the moment that a port is found free and that when a server listens, somebody else could
# take it. So they are none that a system gives to clients (Linux: from 32768 on), and each worker
# of pytest-xdist has some of its own. A cluster node of Redis also listens 10000 above.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_MANY = 1200
_FIRST = 10_000 + _MANY * (_WORKER % 10)
# Two runs on one machine begin at different places, whatever seed their tests have.
_candidates = itertools.cycle(range(_FIRST, _FIRST + _MANY))
for _ in range(random.SystemRandom().randrange(_MANY)):
    next(_candidates)


def free_port(*, in_a_row: int = 1) -> int:
    """The first of some ports on which nobody listens, each time others."""
    found: list[int] = []
    while len(found) < in_a_row:
        port = next(_candidates)
        if found and port != found[-1] + 1:
            found = []
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            found = []
        else:
            found.append(port)
    return found[0]
