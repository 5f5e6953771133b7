"""The alerts as they are shipped, in the repository and beside the package, set up for the demo: hurried, and at home.

A package that was installed has no `alerts` beside it, and then the demo has no alerts.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

import exporter
from exporter.demo import DemoError

REPOSITORY = Path(exporter.__file__).parents[1]
ALERTS = REPOSITORY / "alerts"


def is_here() -> bool:
    """Whether the alerts lie beside the package."""
    return (ALERTS / "__main__.py").is_file()


def write(folder: Path, hurry: int, links: str) -> None:
    """Write rules and configuration, all times divided by `hurry`; messages link to `links`. Raises DemoError."""
    command = [sys.executable, "-m", "alerts", str(folder), "--speedup", str(hurry)]
    options = ["--grafana", links, "--runbooks", f"{links}/runbooks"]
    done = subprocess.run(  # noqa: S603  # our own
        [*command, *options], cwd=REPOSITORY, capture_output=True, text=True, check=False, process_group=0
    )
    if done.returncode:
        raise DemoError(f"no rules: {done.stderr.strip() or f'status {done.returncode}'}")


def alertmanager(folder: Path, slack: str) -> dict[str, Any]:
    """Return the configuration that was written, with its templates, that tells the Slack at a URL, and nobody else."""
    made: dict[str, Any] = yaml.safe_load((folder / "alertmanager" / "alertmanager.yml").read_text())
    address = folder / "slack-url"
    address.write_text(slack)
    made["global"] = {"slack_api_url_file": str(address)}
    made["templates"] = [str(ALERTS / "alertmanager" / "templates" / "*.tmpl")]
    made["receivers"] = [
        {name: told for name, told in receiver.items() if name in ("name", "slack_configs")}
        for receiver in made["receivers"]
    ]
    return made


def runbook(name: str) -> str | None:
    """Return what is to be done about an alert."""
    found = {file.name: file for file in (ALERTS / "runbooks").glob("*.md")}
    return found[name].read_text() if name in found else None
