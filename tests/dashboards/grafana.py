"""What Grafana does to a query before it asks Prometheus: variables and macros are filled in."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent.parent / "dashboards" / "json"
NAMES = ("fleet", "model", "drift", "quality", "performance", "explainability", "segments", "compare", "exporter")
ALL = "$__all"


def read(name: str) -> dict[str, Any]:
    """Return a dashboard as it is committed."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield panels, also those in rows that are folded, and no rows."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def variables(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    return dashboard["templating"]["list"]


def queries(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield all queries of panels: the panel's title, the query's id, and the query."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield panel["title"], target["refId"], target


def fill_in(expression: str, chosen: Mapping[str, str]) -> str:
    """Return the expression with $variables and ${variables}, the longest names first."""
    for name in sorted(chosen, key=len, reverse=True):
        expression = re.sub(
            rf"\$(?:{re.escape(name)}\b|{{{re.escape(name)}}})", lambda _, n=name: chosen[n], expression
        )
    assert "$" not in re.sub(r'"(?:[^"\\]|\\.)*"', "", expression), f"a variable is left in {expression}"
    return expression


def interpolated(variable: Mapping[str, Any], values: list[str]) -> str:
    """Return what stands in a query for the chosen values of a variable, as Grafana's Prometheus data source has it."""
    several = variable.get("multi") or variable.get("includeAll")
    if values == [ALL]:
        return variable["allValue"]
    if not several:
        (value,) = values
        return value.replace("\\", "\\\\").replace('"', '\\"')
    escaped = [re.sub(r"[\\^$*+?.()|\[\]{}]", lambda found: "\\\\" + found[0], value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def macros(*, scrape: float, step: float, span: float) -> dict[str, str]:
    """Return Grafana's own variables, in seconds: the scrape interval, the step of a chart, and its range."""
    rate_interval = max(step + scrape, 4 * scrape)
    return {
        "__rate_interval": f"{rate_interval:.0f}s",
        "__interval": f"{step:.0f}s",
        "__range": f"{span:.0f}s",
    }


# A screen of 1920 pixels, less the margins.
SCREEN_PIXELS = 1850
# What Grafana rounds the step of a chart to, in seconds: up to each first, the second.
STEPS = ((12.5, 10), (17.5, 15), (25, 20), (45, 30), (90, 60), (210, 120), (450, 300), (750, 600), (1050, 900))


def step_of(panel: Mapping[str, Any], span: float, scrape: float) -> float:
    """Return the step of a panel's charts in seconds: a point a pixel or fewer, no more often than scrapes."""
    points = panel.get("maxDataPoints") or SCREEN_PIXELS * panel["gridPos"]["w"] // 24
    return max(scrape, next(step for below, step in STEPS if span / points < below))


EXAMPLE = {
    "cluster": ".*",
    "namespace": ".*",
    "job": ".+",
    "instance": ".+",
    "model_name": ".+",
    "model_version": ".+",
    "segment": ".+",
    "segment_value": ".+",
    "window": "1h",
    "feature": "age",
    "figure": "latency",
    "against": "1w",
    **macros(scrape=15, step=15, span=3600),
}
