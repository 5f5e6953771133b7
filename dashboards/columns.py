"""Tables of several queries: one row per model, feature or source, and one column per query."""

from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from grafanalib import core

from dashboards.style import NO_DATA, NOTHING, OF_LIMIT, PLAIN, Overrides, Steps, common, defaults, override, steps_of

Transformations = list[dict[str, Any]]
# A function that returns the query of each column, by title.
Columns = dict[str, Callable[[], str]]

_PLACE = {"cluster": "Cluster", "namespace": "Namespace"}
VERSION_LABELS = {"model_name": "Model", "model_version": "Version", **_PLACE}
FEATURE_LABELS = {"feature_name": "Feature", **VERSION_LABELS}
SEGMENT_LABELS = {"segment": "Segment", "segment_value": "Value", **VERSION_LABELS}
# The columns of a row that set variables of the linked dashboard, by variable.
OF_VERSION = {"model_name": "Model", "model_version": "Version"}
OF_FEATURE = {"feature": "Feature", **OF_VERSION}
# With these widths, thirteen columns fit on a screen.
LEAST_PIXELS, NAME_PIXELS = 70, 200
NAMES: Overrides = (
    # Otherwise, version 20260131 would be shown as 20.3 Mil.
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
    """Return a table; `sort` is the title of a column, and whether to sort in descending order."""
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
    """Return transformations that join queries into one table.

    The columns of labels come first, with titles by label, then the columns of values in the order of the queries.
    """
    named = {**labels, **{f"Value #{letter}": title for letter, title in zip(ascii_uppercase, values, strict=False)}}
    if len(values) == 1:
        named = {**labels, "Value": values[0]}
    order = {column: index for index, column in enumerate(named)}
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": named}},
    ]


def side_by_side(label: str, values: Sequence[str]) -> Transformations:
    """Return transformations that turn queries by one label into groups of bars."""
    return [*joined({label: label}, values), {"id": "sortBy", "options": {"sort": [{"field": label}]}}]


def matrix(row: str, column: str) -> Transformations:
    """Return a transformation that turns one query by two labels into a matrix."""
    options = {"columnField": column, "rowField": row, "valueField": "Value", "emptyValue": "zero"}
    return [{"id": "groupingToMatrix", "options": options}]


def column(title: str, **properties: Any) -> dict[str, Any]:
    return override("byName", title, **properties)


def coloured(title: str, steps: Steps, *, mappings: Sequence[dict[str, Any]] = (), **properties: Any) -> dict[str, Any]:
    """Return a column whose cells have the colour of the highest step that the value reaches."""
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
