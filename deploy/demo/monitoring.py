"""Prometheus and Alertmanager with the shipped rules and shortened durations.

To avoid false alarms, the shipped rules look at minutes and hours. The demo cannot wait that long.
"""

import json
import shutil
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from deploy.demo import process
from deploy.demo.firing import FiringAlerts
from deploy.demo.process import HOST, free_port, is_ok

REPOSITORY = Path(__file__).parents[2]
ALERTS = REPOSITORY / "alerts"
# The possible names of each program. The last one is also the name of its Debian package.
PROMETHEUS = ("prometheus",)
ALERTMANAGER = ("alertmanager", "prometheus-alertmanager")
INTERVAL = "1s"
# The usual page of Prometheus, the page in Debian's build of 2.42, and the API for builds without pages.
ALERT_PAGES = ("/alerts", "/classic/alerts", "/api/v1/alerts")


def missing() -> list[str]:
    """Return the Debian packages that are not installed but needed for alerts."""
    return [names[-1] for names in (PROMETHEUS, ALERTMANAGER) if not any(map(shutil.which, names))]


async def start(
    stack: AsyncExitStack, http: aiohttp.ClientSession, folder: Path, exporter: str, slack: str, speedup: int
) -> tuple[dict[str, str], FiringAlerts]:
    """Start both programs until the stack is closed. Return the URLs of their pages, and the alerts. Raises DemoError.

    `exporter` is the URL to scrape. Notifications are sent to the URL `slack`, and their links lead there.
    """
    rules = [sys.executable, "-m", "alerts", str(folder / "rules"), "--speedup", str(speedup)]
    rules += ["--grafana", slack, "--runbooks", f"{slack}/runbooks"]
    await process.run("python -m alerts", rules, folder / "alerts.log", REPOSITORY)
    alertmanager, prometheus = (f"{HOST}:{free_port(port)}" for port in (9093, 9090))
    storage = f"--storage.path={folder / 'alertmanager'}"
    config = _alertmanager_config(folder, slack)
    await _start(stack, http, folder, ALERTMANAGER, alertmanager, config, storage, "--cluster.listen-address=")
    storage = f"--storage.tsdb.path={folder / 'prometheus'}"
    config = _prometheus_config(folder, exporter.removeprefix("http://"), alertmanager)
    await _start(stack, http, folder, PROMETHEUS, prometheus, config, storage)
    pages = [f"http://{prometheus}{path}" for path in ALERT_PAGES]
    existing = [page for page in pages if await is_ok(http, page)]
    links = {"Prometheus": existing[0], "Alertmanager": f"http://{alertmanager}/"}
    return links, FiringAlerts(http, f"http://{prometheus}")


async def _start(
    stack: AsyncExitStack,
    http: aiohttp.ClientSession,
    folder: Path,
    names: tuple[str, ...],
    address: str,
    config: dict[str, Any],
    *options: str,
) -> None:
    name = names[0]
    (folder / f"{name}.json").write_text(json.dumps(config))  # JSON is YAML
    command = [
        next(path for each in names if (path := shutil.which(each))),
        f"--config.file={folder / name}.json",
        f"--web.listen-address={address}",
        f"--web.external-url=http://{address}",
        *options,
    ]
    child = await stack.enter_async_context(process.running(name, command, folder / f"{name}.log"))
    await child.wait_until_ready(http, f"http://{address}/-/ready")


def _prometheus_config(folder: Path, exporter: str, alertmanager: str) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL},
        "scrape_configs": [{"job_name": "model", "static_configs": [{"targets": [exporter]}]}],
        "rule_files": [str(folder / "rules" / "*.yaml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
    }


def _alertmanager_config(folder: Path, slack: str) -> dict[str, Any]:
    """Return the shipped configuration with Slack as the only kind of receiver."""
    config: dict[str, Any] = yaml.safe_load((folder / "rules" / "alertmanager" / "alertmanager.yml").read_text())
    config["global"] = {"slack_api_url": f"{slack}/slack"}
    config["templates"] = [str(ALERTS / "alertmanager" / "templates" / "*.tmpl")]
    config["receivers"] = [
        {key: value for key, value in receiver.items() if key in ("name", "slack_configs")}
        for receiver in config["receivers"]
    ]
    return config
