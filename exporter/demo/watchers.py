"""Prometheus and Alertmanager on the demo's sidecar, where they are installed, with the alerts that are shipped.

These wait for minutes and judge by hours, so that nobody is called for nothing. A demo has no hours: all their times
are divided, and the sidecar's windows alike.
"""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from exporter.demo import shipped
from exporter.demo.sidecar_process import start, stop
from exporter.units import Listen

PROMETHEUS = ("prometheus",)
# Debian calls it otherwise than everyone else.
ALERTMANAGER = ("alertmanager", "prometheus-alertmanager")
INTERVAL = "1s"
# Prometheus's own page, the one that Debian's 2.42 has, and what is left where a package has no pages at all.
PAGES_OF_ALERTS = ("/alerts", "/classic/alerts", "/api/v1/alerts")
READY_SECONDS = 10.0


class Watchers:
    """Both, for as long as the `with` block lasts. Configuration and data are in `folder`.

    `slack` is an address, the stand-in's, to which the messages go and their links lead.
    """

    def __init__(
        self, folder: Path, sidecar: Listen, prometheus: Listen, alertmanager: Listen, slack: Listen, hurry: int
    ) -> None:
        self._folder = folder
        self._addresses = {"prometheus": prometheus, "alertmanager": alertmanager}
        self._sidecar = sidecar
        self._slack = f"http://{slack}"
        self._hurry = hurry
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._folder.mkdir()
        shipped.write(self._folder / "rules", self._hurry, self._slack)
        for name, content in (
            ("prometheus.json", self._prometheus()),
            ("alertmanager.json", shipped.alertmanager(self._folder / "rules", f"{self._slack}/slack")),
        ):
            # JSON is YAML too.
            (self._folder / name).write_text(json.dumps(content, indent=1))
        for programs, name, options in (
            (PROMETHEUS, "prometheus", ("--storage.tsdb.path", "--web.listen-address")),
            (ALERTMANAGER, "alertmanager", ("--storage.path", "--web.listen-address", "--cluster.listen-address")),
        ):
            values = (str(self._folder / name), str(self._addresses[name]), "")
            arguments = [f"{option}={value}" for option, value in zip(options, values, strict=False)]
            external = f"--web.external-url=http://{self._addresses[name]}"
            self._start(found(programs), f"--config.file={self._folder / name}.json", external, *arguments)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def alerts_page(self) -> str:
        """Return the address where this Prometheus shows its alerts, once it answers."""
        address = f"http://{self._addresses['prometheus']}"
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(f"{address}/-/ready") and time.monotonic() < deadline:
            time.sleep(0.05)
        pages = [address + path for path in PAGES_OF_ALERTS]
        return next(filter(_answers, pages), pages[0])

    def _start(self, *command: str) -> None:
        with (self._folder / f"{Path(command[0]).name}.log").open("wb") as log:
            self._stack.callback(stop, start(command, log))

    def _prometheus(self) -> dict[str, Any]:
        return {
            "global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL},
            "scrape_configs": [{"job_name": "model", "static_configs": [{"targets": [str(self._sidecar)]}]}],
            "rule_files": [str(self._folder / "rules" / "*.yaml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [str(self._addresses["alertmanager"])]}]}]},
        }


def _answers(url: str) -> bool:
    """Whether there is such a page, and no error instead."""
    try:
        with urllib.request.urlopen(url, timeout=READY_SECONDS):  # noqa: S310  # our own
            return True
    except OSError:
        return False


def missing() -> list[str]:
    """Return which of the programs are not installed."""
    return [programs[0] for programs in (PROMETHEUS, ALERTMANAGER) if not any(map(shutil.which, programs))]


def found(programs: tuple[str, ...]) -> str:
    """Return the path of a program that is installed."""
    return next(path for program in programs if (path := shutil.which(program)))
