"""What all panels have in common: colours and steps, what is said where there is no data, a limit's line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafanalib import core

from dashboards.queries import DATA_SOURCE, lettered

NO_DATA = "Nothing here. Is the choice above too narrow, or has the model had no traffic?"
NOT_RECORDED = "Nothing here. Are the recording rules of alerts/ loaded, and has the model had traffic?"
NO_REFUSED = "Nothing was refused; or the recording rules of alerts/ are not loaded."
NO_TRUTH = "No ground truth has been joined in this window. Is `ground_truth` configured, and does it arrive?"
NO_DRIFT = "No value: the window holds fewer than 10 records a bin, or there is no reference. Try a longer window."
NO_RECORDED_DRIFT = f"{NO_DRIFT} Are the recording rules of alerts/ loaded?"

GREEN, YELLOW, RED, GREY = "green", "yellow", "red", "text"
# Of what is a share of its limit, see promql.limits.
OF_LIMIT = [(None, GREEN), (0.8, YELLOW), (1.0, RED)]
# Of what should not be there at all.
ANY = [(None, GREEN), (1.0, RED)]
# Of what should be there: 1, and not 0.
WELL = [(None, RED), (1.0, GREEN)]
PLAIN = [(None, GREY)]

Steps = Sequence[tuple[float | None, str]]
Overrides = Sequence[dict[str, Any]]


def said(no: str, yes: str) -> list[dict[str, Any]]:
    """Return a mapping of 0 and 1 to words."""
    return [{"type": "value", "options": {"0": {"text": no, "index": 0}, "1": {"text": yes, "index": 1}}}]


def override(matcher: str, name: str, **properties: Any) -> dict[str, Any]:
    """Return an override; a property's id has dots, which are written as two underscores."""
    return {
        "matcher": {"id": matcher, "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


# A cell without a value is neither good nor bad. Without this, it would have the colour of the lowest step.
NOTHING = {"type": "special", "options": {"match": "null+nan", "result": {"text": "-", "color": "transparent"}}}
# A query whose legend begins with `limit` is drawn as a line that is not to be crossed.
LIMIT_LINE = override(
    "byRegexp",
    "/^limit/",
    color={"fixedColor": RED, "mode": "fixed"},
    custom__lineStyle={"dash": [10, 10], "fill": "dash"},
    custom__fillOpacity=0,
    custom__lineWidth=2,
    custom__stacking={"group": "A", "mode": "none"},
)


def common(title: str, description: str, targets: Sequence[Any], width: int, height: int) -> dict[str, Any]:
    return {
        "title": title,
        "description": description,
        "dataSource": DATA_SOURCE,
        "targets": lettered(targets),
        "gridPos": core.GridPos(h=height, w=width, x=0, y=0),
    }


def steps_of(steps: Steps) -> list[dict[str, Any]]:
    return [{"color": color, "value": value} for value, color in steps]


def defaults(empty: str, **more: Any) -> dict[str, Any]:
    return {"fieldConfig": {"defaults": {"noValue": empty, **more}}}
