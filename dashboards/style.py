"""Settings that all panels share: colours and steps, texts for panels without data, and the line of a limit."""

from collections.abc import Sequence
from typing import Any

from grafanalib import core

from dashboards.queries import DATA_SOURCE, lettered

NO_DATA = "No data. Is the selection at the top too narrow, or has the model had no traffic?"
NOT_RECORDED = "No data. Are the recording rules in alerts/ loaded, and has the model had traffic?"
NO_REFUSED = "No lines were rejected, or the recording rules in alerts/ are not loaded."
NO_TRUTH = "No ground truth was joined in this window. Is `ground_truth` configured, and do labels arrive?"
NO_DRIFT = "No value. The window has fewer than 10 records per bin, or there is no reference. Try a longer window."
NO_RECORDED_DRIFT = f"{NO_DRIFT} Are the recording rules in alerts/ loaded?"

GREEN, YELLOW, RED, GREY = "green", "yellow", "red", "text"
# For shares of a limit, see promql.limits.
OF_LIMIT = [(None, GREEN), (0.8, YELLOW), (1.0, RED)]
# For counts that should be 0.
ANY = [(None, GREEN), (1.0, RED)]
# For levels of drift.
LEVELS = [(None, GREEN), (1.0, YELLOW), (2.0, RED)]
# For values that should be 1 rather than 0.
WELL = [(None, RED), (1.0, GREEN)]
PLAIN = [(None, GREY)]

Steps = Sequence[tuple[float | None, str]]
Overrides = Sequence[dict[str, Any]]


def said(*words: str) -> list[dict[str, Any]]:
    """Return a value mapping that shows 0, 1 and so on as words."""
    return [{"type": "value", "options": {str(at): {"text": word, "index": at} for at, word in enumerate(words)}}]


def override(matcher: str, name: str, **properties: Any) -> dict[str, Any]:
    """Return an override of a field's properties; a dot in a property's ID is written as two underscores."""
    return {
        "matcher": {"id": matcher, "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


# A p-value that three decimals would show as 0.
TINY = {"type": "range", "options": {"from": None, "to": 0.0009999, "result": {"text": "< 0.001"}}}
# A cell without a value is neither good nor bad. Without this, it would have the colour of the lowest step.
NOTHING = {"type": "special", "options": {"match": "null+nan", "result": {"text": "-", "color": "transparent"}}}
# The bar of the limit itself is neither good nor bad.
LIMIT_BAR = override("byName", "limit", color={"fixedColor": GREY, "mode": "fixed"})
# A query whose legend starts with `limit` is drawn as a dashed red line.
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
