"""The whole demo set up: a model over HTTP, load on it, and whoever watches; with links to look at."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from exporter.demo import shipped, watchers
from exporter.demo.load import Load
from exporter.demo.model import Model
from exporter.demo.model_server import ModelServer
from exporter.demo.sidecar_process import free_address
from exporter.demo.slack import Slack
from exporter.demo.story import Story
from exporter.demo.watchers import Watchers
from exporter.units import Duration, Listen

HOST = "127.0.0.1"
# What the shipped rules judge by: each takes less in a story.
WINDOWS = ("5m", "1h", "24h")


def stage(stack: ExitStack, trained: Model, folder: Path, listen: Listen, story: Story, console: Console) -> Load:
    """Start all that the story needs besides the sidecar, until the stack is closed; print the links."""
    links = {"the model": f"http://{listen}/", "as JSON": f"http://{listen}/api/v1/status"}
    if absent := watchers.missing():
        notes = [f"Without alerts: {' and '.join(absent)} not installed (apt-get install {_packages(absent)})."]
    elif not shipped.is_here():
        notes = [
            "Without alerts: what is shipped of them is in the repository, in alerts/, and not beside this package."
        ]
    else:
        links |= _alerts(stack, folder, listen, story)
        five_minutes, hour, day = hurried_windows(story)
        notes = [
            f"Alerts are the shipped ones, {story.hurry} times faster: 5m take {five_minutes}, 1h {hour}, 24h {day}.",
            "What compares with yesterday cannot fire so soon: unusual traffic, unknown features, drift of the truth.",
            "Others follow from what happens, such as a feature that is missing in what the hour still holds.",
        ]
    server = stack.enter_context(ModelServer(trained, folder / "predictions.jsonl"))
    load = stack.enter_context(Load(trained, server, folder / "truth.jsonl", story))
    console.print("Look here:")
    for name, link in links.items():
        console.print(f"  {name:<12}  {link}")
    console.print("\nWhat will happen:")
    for line in story.outline():
        console.print(f"  {line}")
    console.print("", *notes, "", sep="\n")
    return load


def hurried_windows(story: Story) -> list[str]:
    """Return the sidecar's windows for a story."""
    return [Duration.parse(window).divided(story.hurry) for window in WINDOWS]


def _alerts(stack: ExitStack, folder: Path, listen: Listen, story: Story) -> dict[str, str]:
    """Start all that alerts need; return the links."""
    prometheus, alertmanager, slack = (_address(port) for port in (9090, 9093, 9466))
    # Processes come before threads.
    watching = stack.enter_context(Watchers(folder / "watchers", listen, prometheus, alertmanager, slack, story.hurry))
    stack.enter_context(Slack(slack.port, f"http://{listen}/", story.hurry))
    return {
        "Slack": f"http://{slack}/",
        "Prometheus": watching.alerts_page(),
        "Alertmanager": f"http://{alertmanager}/",
    }


def _address(port: int) -> Listen:
    """Return the usual port, or a free one where that is taken."""
    try:
        return free_address(Listen.parse(f"{HOST}:{port}"))
    except OSError:
        return free_address(Listen.parse(f"{HOST}:0"))


def _packages(programs: list[str]) -> str:
    return " ".join({"alertmanager": "prometheus-alertmanager"}.get(program, program) for program in programs)
