"""The queries of a panel: an expression, the legend, and the format of the result."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from grafanalib import core

# The data source of all panels, chosen by the variable `datasource`.
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Without a label, its part of a legend is empty.
PLACE = "{{namespace}} {{cluster}}"
VERSION = f"{{{{model_name}}}} {{{{model_version}}}} {PLACE}"
POD = "{{instance}}"
SOURCE = "{{source}} · {{instance}}"
SEGMENT = f"{{{{segment}}}}={{{{segment_value}}}} · {VERSION}"
FEATURE = f"{{{{feature_name}}}} · {VERSION}"


def over_time(expression: str, legend: str = VERSION) -> Any:
    """Return a query over the whole time range, with a line for each series."""
    return core.Target(expr=expression, legendFormat=_with_place(legend), datasource=DATA_SOURCE)


def now(expression: str, legend: str = VERSION) -> Any:
    """Return a query at the end of the time range, with a number for each series."""
    return core.Target(expr=expression, legendFormat=_with_place(legend), instant=True, datasource=DATA_SOURCE)


def as_rows(expression: str) -> Any:
    """Return a query at the end of the time range, with a row for each series and its labels as columns."""
    return core.Target(expr=expression, format="table", instant=True, datasource=DATA_SOURCE)


def buckets(expression: str) -> Any:
    """Return a query for a histogram's buckets over time."""
    return core.Target(expr=expression, format="heatmap", legendFormat="{{le}}", datasource=DATA_SOURCE)


def _with_place(legend: str) -> str:
    """Return a legend that also says where a version runs, because several clusters may serve the same one."""
    return legend if PLACE in legend or "{{model_version}}" not in legend else f"{legend} {PLACE}"


def lettered(targets: Sequence[Any]) -> list[Any]:
    """Set the IDs of queries to A, B, ... and return them."""
    for target, letter in zip(targets, ascii_uppercase, strict=False):
        target.refId = letter
    return [*targets]
