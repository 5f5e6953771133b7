"""A dashboard of rows of panels: places, annotations, links and all that is the same in each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import attr
from grafanalib import core
from grafanalib._gen import DashboardEncoder

from dashboards import alerting, links
from dashboards.mend import mended, panels
from dashboards.promql import limits, traffic
from dashboards.queries import DATA_SOURCE

COLUMNS = 24
SHARED_CROSSHAIR = 1
# Three pixels or more each: of six hours a point every two minutes, and every five of what lasts: states, windows
# of an hour. A point a pixel would cost four times as much, or ten.
POINTS, POINTS_OF_STATES = 200, 100
# Grafana's own, of what people note by hand.
NOTES = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}


@dataclass(frozen=True)
class Dashboard:
    """One dashboard. `name` ends its UID and is its file's; `of_models` are annotated; `points` are of each chart."""

    name: str
    title: str
    description: str
    variables: Sequence[Any]
    rows: Sequence[Any]
    of_models: bool = True
    points: int | None = None

    def text(self, runbooks: str) -> str:
        """Return the file: the same bytes at every run. `runbooks` is their address."""
        return json.dumps(self.data(runbooks), indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def data(self, runbooks: str) -> dict[str, Any]:
        made = core.Dashboard(
            title=f"Prediction exporter / {self.title}",
            uid=links.uid(self.name),
            description=self.description,
            tags=[links.TAG],
            editable=False,
            graphTooltip=SHARED_CROSSHAIR,
            timezone="browser",
            refresh="1m",
            time=core.Time("now-6h", "now"),
            links=[links.to_all(), *alerting.of_dashboard(self.name, runbooks)],
            templating=core.Templating(list=[*self.variables]),
            annotations=core.Annotations(list=[NOTES, *(_annotations() if self.of_models else ())]),
            panels=[*_placed(self.rows)],
        ).auto_panel_ids()
        dashboard = mended(json.loads(json.dumps(made.to_json_data(), cls=DashboardEncoder)))
        for panel in (panel for panel in panels(dashboard) if panel["type"] != "row"):
            panel["maxDataPoints"] = self.points or _points(panel)
            if alerts := [*alerting.of_panel(self.name, panel["title"], runbooks)]:
                panel["links"] = alerts
        return dashboard


def _points(panel: Mapping[str, Any]) -> int:
    is_line = panel["type"] in ("timeseries", "heatmap")
    is_stepped = panel["fieldConfig"]["defaults"].get("custom", {}).get("lineInterpolation") == "stepAfter"
    return POINTS if is_line and not is_stepped else POINTS_OF_STATES


def _placed(rows: Sequence[Any]) -> Iterator[Any]:
    """Yield rows and their panels in their places: from left to right, and on below when a line is full."""
    y = 0
    for row in rows:
        head = core.GridPos(h=1, w=COLUMNS, x=0, y=y)
        y += 1
        x = height = 0
        placed = []
        for panel in row.panels:
            size = panel.gridPos
            if x + size.w > COLUMNS:
                x, y, height = 0, y + height, 0
            placed.append(attr.evolve(panel, gridPos=core.GridPos(h=size.h, w=size.w, x=x, y=y)))
            x, height = x + size.w, max(height, size.h)
        if row.collapsed:
            # What is folded takes no place: the next row is right below.
            y = head.y + 1
            yield attr.evolve(row, gridPos=head, panels=placed)
        else:
            y += height
            yield attr.evolve(row, gridPos=head, panels=[])
            yield from placed


def _annotations() -> Iterator[dict[str, Any]]:
    yield _annotation("Critical alerts", limits.firing("critical"), "red", "{{alertname}}")
    yield _annotation("Warnings", limits.firing("warning"), "orange", "{{alertname}}")
    yield _annotation("New versions", traffic.versions_that_began(), "blue", "New version")


def _annotation(name: str, expression: str, color: str, title: str) -> dict[str, Any]:
    return {
        "datasource": DATA_SOURCE,
        "enable": True,
        "expr": expression,
        "hide": False,
        "iconColor": color,
        "name": name,
        "step": "60s",
        "tagKeys": "model_name,model_version,feature_name",
        "textFormat": "{{model_name}} {{model_version}} {{feature_name}}",
        "titleFormat": title,
        "useValueForTime": False,
    }
