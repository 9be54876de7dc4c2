"""One run of the demo: set up, then explain or tour."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal

from ...audit import Audit
from .api import asgi_api, wsgi_api
from .credentials import Issuer, make_api_keys, make_certificate
from .report import LiveReport
from .servers import Servers, listen
from .stack import make_stack
from .stops import flood, make_stops
from .tour import AuditTail, Report, Stop, send, table, verdict


class Session:
    """The demo's servers, running between `__enter__` and `__exit__`.

    Parameters:
        folder: where the certificate, the keys and the audit file are written.
        port: the first of four ports; None: any that are free.
        preset: of SecurityHeaders; with "browser" there is a start page, too.
        say: prints a line of progress.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None,
        preset: Literal["api", "browser"] = "api",
        *,
        say: Callable[..., None],
    ) -> None:
        self._say = say
        self._preset: Literal["api", "browser"] = preset
        self._folder = folder
        self._audit_file = folder / "audit.jsonl"
        self._ports = [0] * 4 if port is None else [*range(port, port + 4)]
        self._servers = Servers()
        self._closing = ExitStack()

    def __enter__(self) -> Session:
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start(self) -> None:
        # Before all else, and kept: a port that was only found free could be taken meanwhile.
        listeners = [self._closing.enter_context(listen(port)) for port in self._ports]
        self._ports = [listener.getsockname()[1] for listener in listeners]
        https, _, http, report = self._ports
        self._say("1/3  making a certificate, tokens and keys")
        self._certificate = make_certificate(self._folder)
        issuer = Issuer()
        api_keys, key_file = make_api_keys(self._folder)
        self._stops = make_stops(issuer, api_keys)
        if self._preset == "browser":
            self._stops.insert(0, Stop("the start page", "GET", "/", 200, "app"))
        self._say("2/3  compiling the stack")
        stack = make_stack(
            self._audit_file, issuer.keys, key_file, https, http, preset=self._preset
        )
        # Closed before its folder goes.
        audits = (layer for layer in stack.layers if isinstance(layer, Audit))
        self._closing.callback(next(audits).close)
        self._say("3/3  starting the servers")
        for_https, for_wsgi, for_http, for_report = listeners
        walled = stack.asgi(asgi_api)
        self._servers.asgi(
            walled,
            for_https,
            ssl_certfile=self._certificate.chain,
            ssl_keyfile=self._certificate.key,
        )
        self._servers.wsgi(stack.wsgi(wsgi_api), for_wsgi, self._certificate.server_context())
        self._servers.asgi(walled, for_http)
        self._servers.asgi(LiveReport(self._audit_file, report), for_report)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._servers.__exit__(kind, error, trace)
        self._closing.close()

    @property
    def ports(self) -> list[int]:
        """Of ASGI over TLS, WSGI over TLS, plain HTTP, and the page about the audit log; those that
        were left open are known once it runs."""
        return self._ports

    @property
    def wsgi_port(self) -> int:
        return self._ports[1]

    def explain(self) -> None:
        """Print what runs where and lines to paste."""
        https, wsgi, http, report = self._ports
        self._say(f"\nASGI  https://localhost:{https}")
        self._say(f"WSGI  https://localhost:{wsgi}   the same stack around the same API")
        self._say(f"HTTP  http://localhost:{http}    redirects, or refuses what must not travel so")
        self._say(f"Audit {self._audit_file}")
        self._say(f"      http://localhost:{report}    a page about it, live")
        if self._preset == "browser":
            self._say(
                f"\nOpen https://localhost:{https}/ in a browser: it will warn of a certificate"
            )
            self._say(f"that it does not know, signed by {self._certificate.authority}")
        self._say("\nTry (any of them at the WSGI port, too):")
        for stop in self._stops:
            scheme, port = ("http", http) if stop.plain else ("https", https)
            self._say(f"\n# {stop.title}: {stop.status}")
            self._say(stop.curl(f"{scheme}://localhost:{port}", self._certificate.authority))
        self._say("\nCtrl-C ends the demo.")

    def tour(self) -> int:
        """Send every request to both interfaces; returns 1 if an answer was not as expected."""
        https, wsgi, http, _ = self._ports
        tail = AuditTail(self._audit_file)
        reports: list[Report] = []
        for stop in self._stops:
            for interface, port in (("ASGI", http if stop.plain else https), ("WSGI", wsgi)):
                if not (stop.plain and interface == "WSGI"):
                    reports.append(self._visit(stop, interface, port, tail))
        reports.append(self._flood(https, tail))
        self._say("\n" + table(reports))
        wrong = sum(not report.as_expected for report in reports)
        self._say(f"\n{len(reports) - wrong} of {len(reports)} answers as expected")
        return 1 if wrong else 0

    def _visit(self, stop: Stop, interface: str, port: int, tail: AuditTail) -> Report:
        status = send(stop, port, self._certificate.client_context())
        layer, why = verdict(tail.next())
        return Report(stop, interface, status, layer, why)

    def _flood(self, port: int, tail: AuditTail) -> Report:
        """Ask until the rate limit answers; it must, within the number that the policy allows."""
        stop = flood()
        report = self._visit(stop, "ASGI", port, tail)
        for _ in range(100):
            if report.status != 200:
                break
            report = self._visit(stop, "ASGI", port, tail)
        return report
