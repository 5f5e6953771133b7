"""What each panel of a dashboard shows: the answers to its queries, asked as Grafana asks them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.dashboards.asked import Asked, chosen
from tests.dashboards.grafana import fill_in, panels, variables

# How Grafana says that all of a variable's values are chosen.
SHOWN_AS_ALL = {".+": "All", ".*": "All"}


class RefusedError(Exception):
    """Prometheus refuses a query; the message has both, and its words."""


def document(dashboard: Mapping[str, Any], asked: Asked, *, scrape: float, picked: Mapping[str, str]) -> dict[str, Any]:
    """Return all that is needed to draw a dashboard; raises RefusedError.

    `results` are Prometheus's own, by the panel's id and the query's; `marks` those of annotations, by their names.
    """
    filled = chosen(dashboard, asked, scrape=scrape, picked=picked)

    def result(expression: str, *, instant: bool) -> list[dict[str, Any]]:
        found = asked.result(fill_in(expression, filled), instant=instant)
        if isinstance(found, str):
            raise RefusedError(f"{expression}: {found}")
        return found

    return {
        "dashboard": dashboard,
        "from": 1000 * (asked.end - asked.span),
        "to": 1000 * asked.end,
        "step": 1000 * asked.step,
        "variables": {
            variable["name"]: SHOWN_AS_ALL.get(filled[variable["name"]], filled[variable["name"]])
            for variable in variables(dashboard)
            if variable["name"] in filled
        },
        "results": {
            panel["id"]: {
                target["refId"]: result(target["expr"], instant=target["instant"]) for target in panel["targets"]
            }
            for panel in panels(dashboard)
        },
        "marks": {
            mark["name"]: result(mark["expr"], instant=False)
            for mark in dashboard["annotations"]["list"]
            if "expr" in mark
        },
    }


def text(made: Mapping[str, Any]) -> str:
    return json.dumps(made, ensure_ascii=False, separators=(",", ":"))
