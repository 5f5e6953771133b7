"""What each panel of a dashboard shows: the answers to its queries, asked as Grafana asks them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from tests.dashboards.asked import Asked, chosen
from tests.dashboards.grafana import fill_in, macros, panels, variables

# Steps in seconds, each of what is below a bound: Grafana's `roundInterval`, as far as it goes here.
ROUNDED = (
    *((1.5, 1), (3.5, 2), (7.5, 5), (12.5, 10), (17.5, 15), (25, 20), (45, 30)),
    *((90, 60), (210, 120), (450, 300), (750, 600), (1050, 900), (1800, 1200), (math.inf, 3600)),
)
# Of a panel that does not say how many it has: as many as it is wide, about.
POINTS = 700
# How Grafana says that all of a variable's values are chosen.
SHOWN_AS_ALL = {".+": "All", ".*": "All"}


class RejectedError(Exception):
    """Prometheus refuses a query; the message has both, and its words."""


def document(dashboard: Mapping[str, Any], asked: Asked, *, scrape: float, picked: Mapping[str, str]) -> dict[str, Any]:
    """Return all that is needed to draw a dashboard; raises RejectedError.

    `results` are Prometheus's own, by the id of the panel and of the query; `marks` those of annotations, by their
    names. Times and steps are in milliseconds.
    """
    filled = chosen(dashboard, asked, scrape=scrape, picked=picked)

    def result(expression: str, *, instant: bool, step: float = asked.step) -> list[dict[str, Any]]:
        values = filled | macros(scrape=scrape, step=step, span=asked.span)
        found = asked.result(fill_in(expression, values), instant=instant, step=step)
        if isinstance(found, str):
            raise RejectedError(f"{expression}: {found}")
        return found

    return {
        "dashboard": dashboard,
        "from": 1000 * (asked.end - asked.span),
        "to": 1000 * asked.end,
        "steps": {panel["id"]: 1000 * step_of(panel, asked.span, scrape) for panel in panels(dashboard)},
        "variables": {
            variable["name"]: SHOWN_AS_ALL.get(filled[variable["name"]], filled[variable["name"]])
            for variable in variables(dashboard)
            if variable["name"] in filled
        },
        "results": {
            panel["id"]: {
                target["refId"]: result(
                    target["expr"], instant=target["instant"], step=step_of(panel, asked.span, scrape)
                )
                for target in panel["targets"]
            }
            for panel in panels(dashboard)
        },
        "marks": {
            mark["name"]: result(mark["expr"], instant=False)
            for mark in dashboard["annotations"]["list"]
            if "expr" in mark
        },
    }


def empty(made: Mapping[str, Any]) -> list[str]:
    """Return the titles of the panels that have nothing to show."""
    return [panel["title"] for panel in panels(made["dashboard"]) if not any(made["results"][panel["id"]].values())]


def step_of(panel: Mapping[str, Any], span: float, least: float) -> float:
    """Return the seconds between a chart's points, as Grafana rounds them.

    >>> step_of({"maxDataPoints": 200}, 6 * 3600, 15)
    120
    """
    exact = span / panel.get("maxDataPoints", POINTS)
    return max(least, next(step for below, step in ROUNDED if exact < below))


def text(made: Mapping[str, Any]) -> str:
    return json.dumps(made, ensure_ascii=False, separators=(",", ":"))
