"""Each real server, started once for the whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from servers.harness import COMMANDS, Server, running


@pytest.fixture(scope="session", params=sorted(COMMANDS))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with running(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server
