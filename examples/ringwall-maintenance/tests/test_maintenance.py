"""The layer alone, and the laws of Ringwall held against it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ringwall_maintenance import Maintenance

from ringwall import ConfigurationError
from ringwall.testing import (
    Request,
    SampleApp,
    check_closed,
    check_fusion,
    check_interface,
    check_order,
    check_transparency,
    run,
)

REQUESTS = [
    Request(target=b"/v1/orders"),
    Request(target=b"/healthz"),
    Request(target=b"/v1/orders", method="HEAD"),
    Request(target=b"/v1//orders"),
]


@pytest.fixture(params=["open", "closed"])
def flag(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "maintenance.flag"
    if request.param == "closed":
        path.touch()
    return path


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("exempt", [(), ("/healthz",)])
def test_the_laws(flag: Path, request_: Request, exempt: tuple[str, ...]) -> None:
    def make() -> list[Maintenance]:
        return [Maintenance(flag, exempt=exempt)]

    app = SampleApp()
    check_interface(make, app, request_)
    check_order(make)
    for interface in ("asgi", "wsgi"):
        check_fusion(make, app, request_, interface)
        check_closed(make, app, request_, interface)


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_open_it_is_invisible(tmp_path: Path, interface: str) -> None:
    check_transparency(
        lambda: [Maintenance(tmp_path / "no.flag")], SampleApp(), REQUESTS[0], interface
    )


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_closed_it_refuses_and_the_app_is_not_called(tmp_path: Path, interface: str) -> None:
    done = run(interface, [Maintenance(tmp_path)], SampleApp(), REQUESTS[0])
    assert done.result.status == 503
    assert done.seen == []
    assert done.decisions[-1][:4] == ("maintenance", "deny", "flag", "maintenance")


def test_what_cannot_work_is_told() -> None:
    with pytest.raises(ConfigurationError, match="a number of seconds"):
        Maintenance("flag", retry_after=0)
    with pytest.raises(ConfigurationError, match=r"write exempt=\['/healthz'\]"):
        Maintenance("flag", exempt="/healthz")
