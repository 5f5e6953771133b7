"""Prometheus and Alertmanager on the demo's sidecar, where they are installed, with the rules that are shipped.

Those rules wait for minutes before they alert, so that nobody is called for nothing. A demo has no minutes: a few rules
of its own alert on the same series within seconds.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from exporter.demo.sidecar_process import start, stop
from exporter.units import Listen

PROMETHEUS = ("prometheus",)
# Debian calls it otherwise than everyone else.
ALERTMANAGER = ("alertmanager", "prometheus-alertmanager")
RULES = Path(__file__).with_name("alerts.yaml")


class Watchers:
    """Both, for as long as the `with` block lasts. Configuration and data are in `folder`."""

    def __init__(self, folder: Path, sidecar: Listen, prometheus: Listen, alertmanager: Listen, slack: str) -> None:
        self._folder = folder
        self._addresses = {"prometheus": prometheus, "alertmanager": alertmanager}
        self._sidecar = sidecar
        self._slack = slack
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._folder.mkdir()
        # What writes the shipped rules lies beside the package, in the repository.
        written = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "-m", "alerts", str(self._folder / "rules")], capture_output=True, check=False
        )
        self.has_shipped_rules = written.returncode == 0
        for name, content in (
            ("prometheus.json", self._prometheus()),
            ("alertmanager.json", self._alertmanager()),
        ):
            # JSON is YAML too.
            (self._folder / name).write_text(json.dumps(content, indent=1))
        for programs, name, options in (
            (PROMETHEUS, "prometheus", ("--storage.tsdb.path", "--web.listen-address")),
            (ALERTMANAGER, "alertmanager", ("--storage.path", "--web.listen-address", "--cluster.listen-address")),
        ):
            values = (str(self._folder / name), str(self._addresses[name]), "")
            arguments = [f"{option}={value}" for option, value in zip(options, values, strict=False)]
            self._start(found(programs), f"--config.file={self._folder / name}.json", *arguments)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self, *command: str) -> None:
        with (self._folder / f"{Path(command[0]).name}.log").open("wb") as log:
            self._stack.callback(stop, start(command, log))

    def _prometheus(self) -> dict[str, Any]:
        return {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [{"job_name": "model", "static_configs": [{"targets": [str(self._sidecar)]}]}],
            "rule_files": [str(RULES), str(self._folder / "rules" / "*.yaml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [str(self._addresses["alertmanager"])]}]}]},
        }

    def _alertmanager(self) -> dict[str, Any]:
        text = "{{ range .Alerts }}{{ .Annotations.summary }} {{ .Annotations.description }}\n{{ end }}"
        receiver = {
            "api_url": self._slack,
            "channel": "#models",
            "send_resolved": True,
            "title": "{{ .Status | toUpper }}: {{ .CommonLabels.alertname }}",
            "text": text,
            "color": '{{ if eq .Status "resolved" }}good{{ else }}danger{{ end }}',
        }
        return {
            "route": {
                "receiver": "slack",
                "group_by": ["alertname", "model_name", "model_version"],
                "group_wait": "1s",
                "group_interval": "10s",
                "repeat_interval": "1h",
            },
            "receivers": [{"name": "slack", "slack_configs": [receiver]}],
        }


def missing() -> list[str]:
    """Return which of the programs are not installed."""
    return [programs[0] for programs in (PROMETHEUS, ALERTMANAGER) if not any(map(shutil.which, programs))]


def found(programs: tuple[str, ...]) -> str:
    """Return the path of a program that is installed."""
    return next(path for program in programs if (path := shutil.which(program)))
