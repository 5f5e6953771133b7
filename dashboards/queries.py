"""What a panel asks: an expression, and how its answer is named and shaped."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from grafanalib import core

# The one data source of all panels, which the variable of that name chooses.
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
VERSION = "{{model_name}} {{model_version}}"
POD = "{{instance}}"
SOURCE = "{{source}} · {{instance}}"
SEGMENT = "{{segment}}={{segment_value}} · {{model_name}} {{model_version}}"
FEATURE = "{{feature_name}} · {{model_name}} {{model_version}}"


def over_time(expression: str, legend: str = VERSION) -> Any:
    """Return a query of the whole time range: a line for each series."""
    return core.Target(expr=expression, legendFormat=legend, datasource=DATA_SOURCE)


def now(expression: str, legend: str = VERSION) -> Any:
    """Return a query of the end of the time range: a number for each series."""
    return core.Target(expr=expression, legendFormat=legend, instant=True, datasource=DATA_SOURCE)


def as_rows(expression: str) -> Any:
    """Return a query of the end of the time range: a row for each series, its labels as columns."""
    return core.Target(expr=expression, format="table", instant=True, datasource=DATA_SOURCE)


def buckets(expression: str) -> Any:
    """Return a query of a histogram's buckets over time."""
    return core.Target(expr=expression, format="heatmap", legendFormat="{{le}}", datasource=DATA_SOURCE)


def lettered(targets: Sequence[Any]) -> list[Any]:
    """Return queries with their ids, A, B ..."""
    for target, letter in zip(targets, ascii_uppercase, strict=False):
        target.refId = letter
    return [*targets]
