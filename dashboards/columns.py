"""Tables of several queries: one row for each model, feature or source, and a named column for each query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from grafanalib import core

from dashboards.style import NO_DATA, NOTHING, OF_LIMIT, PLAIN, Overrides, Steps, common, defaults, override, steps_of

Transformations = list[dict[str, Any]]
# What is asked for each column, by its title.
Columns = dict[str, Callable[[], str]]

_PLACE = {"cluster": "Cluster", "namespace": "Namespace"}
VERSION_LABELS = {"model_name": "Model", "model_version": "Version", **_PLACE}
FEATURE_LABELS = {"feature_name": "Feature", **VERSION_LABELS}
SEGMENT_LABELS = {"segment": "Segment", "segment_value": "Value", **VERSION_LABELS}
# A row's columns as variables of the dashboard that it opens.
OF_VERSION = {"model_name": "Model", "model_version": "Version"}
OF_FEATURE = {"feature": "Feature", **OF_VERSION}
# So that thirteen columns fit a screen: what is cut off might be the culprit.
LEAST_PIXELS, NAME_PIXELS = 70, 200
NAMES: Overrides = (
    # Version 20260131 would be 20.3 Mil otherwise.
    override("byType", "string", unit="string", custom__filterable=True),
    override("byRegexp", "/^(Feature|Source)$/", custom__width=NAME_PIXELS),
)


def table(
    title: str,
    description: str,
    targets: Sequence[Any],
    *,
    transformations: Sequence[dict[str, Any]],
    overrides: Overrides = (),
    sort: tuple[str, bool] | None = None,
    unit: str = "short",
    width: int = 24,
    height: int = 10,
    steps: Steps = PLAIN,
    display: str = "auto",
    empty: str = NO_DATA,
) -> Any:
    """Return a table; `sort` is a column, and whether the greatest comes first."""
    return core.Table(
        **common(title, description, targets, width, height),
        unit=unit,
        displayMode=display,
        filterable=False,
        mappings=[NOTHING],
        overrides=[*NAMES, *overrides],
        sortBy=[core.TableSortByField(displayName=sort[0], desc=sort[1])] if sort else [],
        transformations=[*transformations],
        thresholds=steps_of(steps),
        extraJson=defaults(empty, custom={"minWidth": LEAST_PIXELS})
        | {
            "options": {
                "cellHeight": "sm",
                "footer": {
                    "countRows": False,
                    "enablePagination": False,
                    "fields": "",
                    "reducer": ["sum"],
                    "show": False,
                },
            }
        },
    )


def joined(labels: Mapping[str, str], values: Sequence[str]) -> Transformations:
    """Return how queries become one table: columns of labels, by label, then of values, in the order of the queries."""
    named = {**labels, **{f"Value #{letter}": title for letter, title in zip(ascii_uppercase, values, strict=False)}}
    if len(values) == 1:
        named = {**labels, "Value": values[0]}
    order = {column: index for index, column in enumerate(named)}
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": named}},
    ]


def side_by_side(label: str, values: Sequence[str]) -> Transformations:
    """Return how queries by one label become groups of bars."""
    return [*joined({label: label}, values), {"id": "sortBy", "options": {"sort": [{"field": label}]}}]


def matrix(row: str, column: str) -> Transformations:
    """Return how one query by two labels becomes a matrix."""
    options = {"columnField": column, "rowField": row, "valueField": "Value", "emptyValue": "zero"}
    return [{"id": "groupingToMatrix", "options": options}]


def column(title: str, **properties: Any) -> dict[str, Any]:
    return override("byName", title, **properties)


def coloured(title: str, steps: Steps, *, mappings: Sequence[dict[str, Any]] = (), **properties: Any) -> dict[str, Any]:
    """Return a column whose cells are filled with the colour of the step that they have reached."""
    thresholds = {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}
    return column(
        title,
        thresholds=thresholds,
        mappings=[NOTHING, *mappings],
        custom__cellOptions={"type": "color-background", "mode": "basic"},
        **properties,
    )


def of_limit(title: str) -> dict[str, Any]:
    return coloured(title, OF_LIMIT, unit="percentunit", decimals=0)
