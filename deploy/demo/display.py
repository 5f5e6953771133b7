"""The demo's output in the terminal, made from the exporter's status API."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table

from deploy.demo.exporter import Exporter, Status
from deploy.demo.firing import FiringAlerts
from deploy.demo.model import Model
from deploy.demo.scenario import INCIDENTS, Scenario

TOP_FEATURES = 8
BAR_WIDTH = 10
LINE_SECONDS = 5
NO_RECORDS = "No records have been read."
ALERTS = """\
The alerts are the shipped ones, with all durations divided by {speedup}: {windows}.
Alerts that compare with the previous day cannot fire this soon (unusual traffic,
unknown features, label drift). Others may follow from an incident, for example
while a window still contains the missing values. An incident lasts until its alert
has fired, so a short demo, or one on a busy machine, takes longer."""
NEXT_STEPS = """\
The exporter counted every record exactly once. Its configuration was:

{config}
To monitor a model of your own:

prediction-exporter profile TRAINING.jsonl --output reference.json
prediction-exporter run --source '/var/log/model/*.jsonl' --reference reference.json
"""

# Shows the model's state at a number of seconds after the start.
Show = Callable[[float], Awaitable[None]]


def description(model: Model) -> str:
    """Return a description of the model."""
    return (
        f"The model is a logistic regression, trained on half of scikit-learn's breast-cancer data.\n"
        f"The other half ({len(model.held_out)} records) is its traffic. Its accuracy is {model.accuracy:.0%}.\n"
    )


def introduction(links: Mapping[str, str], scenario: Scenario, missing: Collection[str], seconds: float | None) -> str:
    """Return the links and the timeline. If any packages are `missing`, there are no alerts."""
    lines = ["Open in a browser:", *(f"  {name:<13} {url}" for name, url in links.items())]
    lines += ["", "Incidents, and the alerts that detect them:", *(f"  {line}" for line in scenario.outline()), ""]
    if missing:
        lines.append(f"There are no alerts because programs are missing: apt-get install {' '.join(missing)}")
    else:
        windows = ", ".join(f"{name} is {window}" for name, window in scenario.windows.items())
        lines.append(ALERTS.format(speedup=scenario.speedup, windows=windows))
    end = "when you press Ctrl-C" if seconds is None else f"after {seconds:g} seconds"
    return "\n".join([*lines, f"The demo ends {end}.\n"])


@contextmanager
def live(
    console: Console, scenario: Scenario, exporter: Exporter, alerts: FiringAlerts | None = None
) -> Iterator[Show]:
    """Yield a function that shows the model and the alerts that fire.

    On a terminal, they are a table that changes in place, and otherwise lines.
    """
    windows = [*scenario.windows.values()]
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as table:

            async def show_table(seconds: float) -> None:
                heading = f"{exporter.url}/   {seconds:.0f} s\n{scenario.headline(seconds)}{_firing(alerts)}"
                statuses = {window: await exporter.status(window) for window in windows}
                table.update(dashboard(heading, statuses), refresh=True)

            yield show_table
        return
    last = ("", -1.0, "")

    async def show_line(seconds: float) -> None:
        nonlocal last
        headline, firing = scenario.headline(seconds), _firing(alerts)
        if headline != last[0]:
            console.print(headline)
        if firing != last[2]:
            console.print(firing.strip() or "No alert fires.")
        if headline != last[0] or (seconds % LINE_SECONDS == 0 and seconds != last[1]):
            console.print(f"{seconds:5.0f} s  {line(await exporter.status(windows[0]))}")
        last = (headline, seconds, firing)

    yield show_line


def dashboard(heading: str, statuses: Mapping[str, Status]) -> RenderableType:
    """Return a table of the model, given its status by window, the shortest first.

    It fits a terminal of 80 columns and 24 lines if the model has two classes.
    """
    window, status = next(iter(statuses.items()))
    model = status["model"]
    if not model:
        return Group(heading, NO_RECORDS)
    serving = Table(box=None, pad_edge=False, header_style="dim")
    for name in (figures := _figures(model)):
        serving.add_column(name, justify="right", min_width=11)
    serving.add_row(*figures.values())
    classes = _table("\nPredicted class", f"last {window}", "reference", "")
    for each in model["classes"]:
        share, reference = _percent(each["share"]), _percent(each["reference_share"])
        classes.add_row(each["name"], share, reference, Bar(1, 0, each["share"] or 0, width=BAR_WIDTH, color="cyan"))
    return Group(heading, serving, classes, _drift(window, statuses))


def line(status: Status) -> str:
    """Return the status of the model as one line."""
    model = status["model"]
    if not model:
        return NO_RECORDS
    figures = "  ".join(f"{name} {value}" for name, value in _figures(model).items())
    shares = ", ".join(f"{each['name']} {_percent(each['share'])}" for each in model["classes"])
    drifted = ", ".join(f"{each['name']} {each['psi']:.2f}" for each in model["features"] if each["drifted"])
    drift = (
        f"drifted: {drifted}" if drifted else "no drift" if model["drift"]["judged"] else "too few records for drift"
    )
    return f"{figures}  {shares}  {drift}"


def alerts_fired(scenario: Scenario, last: Mapping[str, float]) -> RenderableType:
    """Return a table of the incidents and whether their alerts fired, and the other alerts that fired.

    `last` says when each alert fired last, in seconds of the scenario.
    """
    table = _table("Incident", "", "alert")
    for each in INCIDENTS:
        table.add_row(each.text, each.alert, "fired" if scenario.fired(each, last) else "did not fire")
    others = sorted(last.keys() - {each.alert for each in INCIDENTS})
    return Group(table, f"\nOther alerts that fired: {', '.join(others)}.") if others else table


def _firing(alerts: FiringAlerts | None) -> str:
    return f"\nFiring: {', '.join(sorted(alerts.now))}." if alerts and alerts.now else ""


def summary(logged: Counter[str], counted: Counter[str]) -> RenderableType:
    """Return a table of the records that were logged and counted, by class and error type."""
    table = _table("Records", "logged by the model", "counted by the exporter")
    for name in sorted(logged | counted):
        table.add_row(name, f"{logged[name]:,}", f"{counted[name]:,}")
    table.add_section()
    table.add_row("total", f"{logged.total():,}", f"{counted.total():,}")
    return table


def _figures(model: Mapping[str, Any]) -> dict[str, str]:
    serving = model["serving"]
    figures = {
        "requests/s": _number(serving["requests_per_second"], ".1f"),
        "errors": _percent(serving["error_ratio"], 1),
    }
    for quantile, seconds in serving["latency_seconds"].items():
        figures[f"p{100 * float(quantile):.0f}"] = _number(seconds, ".2f", 1000, " ms")
    return figures


def _drift(window: str, statuses: Mapping[str, Status]) -> Table:
    """Return a table of the features that have drifted most in a window, with their PSI in all windows."""
    models = {each: status["model"] for each, status in statuses.items()}
    drift, features = models[window]["drift"], models[window]["features"]
    counts = (f"PSI {each}\nn={model['serving']['predictions']:,}" for each, model in models.items())
    table = _table("\nFeature", *counts, "", "")
    psi = [{each["name"]: each["psi"] for each in model["features"]} for model in models.values()]
    for each in features[:TOP_FEATURES]:
        color, verdict = ("red", "drifted") if each["drifted"] else ("green", "")
        bar = Bar(1, 0, min(1.0, (each["psi"] or 0) / (2 * drift["threshold"])), width=BAR_WIDTH, color=color)
        values = [_number(by_feature[each["name"]], ".2f") for by_feature in psi]
        table.add_row(each["name"], *values, bar, verdict, style="bold red" if verdict else "")
    table.caption = (
        f"{drift['drifted']} of {len(features)} features have drifted in the last {window} "
        f"(PSI above {drift['threshold']:g}, and not by chance)."
        if drift["judged"]
        else f"The last {window} have too few records for drift."
    )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", caption_justify="left")
    table.add_column(first, min_width=24)
    for name in others:
        table.add_column(name, justify="right" if name else "left")
    return table


def _percent(share: float | None, digits: int = 0) -> str:
    return _number(share, f".{digits}%")


def _number(value: float | None, form: str, factor: float = 1, unit: str = "") -> str:
    """Format a number times a factor; "-" if there is none."""
    return "-" if value is None else f"{value * factor:{form}}{unit}"
