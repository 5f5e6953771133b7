"""The whole demo set up: a model over HTTP, load on it, and whoever watches; with links to look at."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from exporter.demo import watchers
from exporter.demo.load import Load
from exporter.demo.model import Model
from exporter.demo.model_server import ModelServer
from exporter.demo.sidecar_process import free_address
from exporter.demo.slack import Slack
from exporter.demo.story import Story
from exporter.demo.watchers import Watchers
from exporter.units import Listen

HOST = "127.0.0.1"


def stage(
    stack: ExitStack, trained: Model, folder: Path, listen: Listen, seconds: float | None, console: Console
) -> Load:
    """Start all that the story needs besides the sidecar, until the stack is closed; print the links."""
    links = {"the model": f"http://{listen}/", "as JSON": f"http://{listen}/api/v1/status"}
    notes = []
    if absent := watchers.missing():
        notes.append(f"Without alerts: {' and '.join(absent)} not installed (apt-get install {_packages(absent)}).")
    else:
        prometheus, alertmanager, slack = (_address(port) for port in (9090, 9093, 9466))
        # Processes come before threads.
        running = stack.enter_context(
            Watchers(folder / "watchers", listen, prometheus, alertmanager, f"http://{slack}/slack")
        )
        stack.enter_context(Slack(slack.port))
        links |= {
            "Slack": f"http://{slack}/",
            "Prometheus": f"http://{prometheus}/alerts",
            "Alertmanager": f"http://{alertmanager}/",
        }
        if not running.has_shipped_rules:
            notes.append("Without the shipped rules: they are in the repository, in alerts/.")
    story = Story() if seconds is None else Story(seconds)
    server = stack.enter_context(ModelServer(trained, folder / "predictions.jsonl"))
    load = stack.enter_context(Load(trained, server, folder / "truth.jsonl", story))
    console.print("Look here:")
    for name, link in links.items():
        console.print(f"  {name:<12}  {link}")
    console.print("\nWhat will happen:")
    for line in story.outline():
        console.print(f"  {line}")
    console.print("", *notes, sep="\n")
    return load


def _address(port: int) -> Listen:
    """Return the usual port, or a free one where that is taken."""
    try:
        return free_address(Listen.parse(f"{HOST}:{port}"))
    except OSError:
        return free_address(Listen.parse(f"{HOST}:0"))


def _packages(programs: list[str]) -> str:
    return " ".join({"alertmanager": "prometheus-alertmanager"}.get(program, program) for program in programs)
