"""A dashboard made of rows of panels: positions, annotations, links and the settings that all dashboards share."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import attr
from grafanalib import core
from grafanalib._gen import DashboardEncoder

from dashboards import alerting, links
from dashboards.mend import mended, panels
from dashboards.promql import alerts, traffic
from dashboards.queries import DATA_SOURCE

COLUMNS = 24
SHARED_CROSSHAIR = 1
# The number of points in a chart. Over six hours, that is one per two minutes, or one per five minutes for states and
# one-hour windows, which change slowly. A point takes three pixels or more; one per pixel would cost four to ten times
# as much.
POINTS, POINTS_OF_STATES = 200, 100
# Grafana's built-in annotations, which users add by hand.
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
    """A dashboard.

    `name` is the end of its UID and the name of its file. Alerts are annotated: those of
    the chosen models and new versions with `of_models`, else those of sidecars.
    `points` is the number of points in each chart, by default depending on the panel.
    """

    name: str
    title: str
    description: str
    variables: Sequence[Any]
    rows: Sequence[Any]
    of_models: bool = True
    points: int | None = None

    def text(self, runbooks: str) -> str:
        """Return the content of the file, the same bytes in every run. `runbooks` is the address of the runbooks."""
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
            annotations=core.Annotations(list=[NOTES, *_annotations(of_models=self.of_models)]),
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
    """Yield rows and panels with positions: from left to right, then on the next line."""
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
            # A folded row takes up no space: the next row is directly below.
            y = head.y + 1
            yield attr.evolve(row, gridPos=head, panels=placed)
        else:
            y += height
            yield attr.evolve(row, gridPos=head, panels=[])
            yield from placed


def _annotations(*, of_models: bool) -> Iterator[dict[str, Any]]:
    which = alerts.OF_MODELS if of_models else alerts.OF_SIDECARS
    for severity, name, color in (
        ("critical", "Critical alerts", "red"),
        ("warning", "Warnings", "orange"),
        ("info", "Information", "purple"),
    ):
        yield _annotation(name, alerts.of_severity(which, severity), color, "{{alertname}}")
    if of_models:
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
        "textFormat": "{{model_name}} {{model_version}} {{feature_name}} {{namespace}} {{cluster}}",
        "titleFormat": title,
        "useValueForTime": False,
    }
