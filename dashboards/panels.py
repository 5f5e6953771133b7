"""Factories of panels: each of one type, with what all dashboards want of it.

A panel says what it shows and what to do, has a unit, and where it has no data says why that may be. Sizes are in
Grafana's grid, 24 columns wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafanalib import core

from dashboards.queries import DATA_SOURCE, lettered

NO_DATA = "Nothing here. Is the choice above too narrow, or has the model had no traffic?"
NO_TRUTH = "No ground truth has been joined in this window. Is `ground_truth` configured, and does it arrive?"
NO_DRIFT = "No value: the window holds fewer than 10 records a bin, or there is no reference. Try a longer window."

GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "text"
# Of what is a share of its limit, see promql.limits.
OF_LIMIT = [(None, GREEN), (0.8, YELLOW), (1.0, RED)]
# Of what should not be there at all.
ANY = [(None, GREEN), (1.0, RED)]
FLAG = [(None, GREEN), (1.0, RED)]
# Of what should be there: 1, and not 0.
WELL = [(None, RED), (1.0, GREEN)]
PLAIN = [(None, GREY)]

Steps = Sequence[tuple[float | None, str]]
Overrides = Sequence[dict[str, Any]]


def override(matcher: str, name: str, **properties: Any) -> dict[str, Any]:
    """Return an override; a property's id has dots, which are written as two underscores."""
    return {
        "matcher": {"id": matcher, "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


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


def timeseries(
    title: str,
    description: str,
    targets: Sequence[Any],
    unit: str,
    *,
    width: int = 12,
    height: int = 8,
    least: float | None = 0,
    most: float | None = None,
    decimals: int | None = None,
    stacked: bool = False,
    stepped: bool = False,
    empty: str = NO_DATA,
    links: Sequence[dict[str, Any]] = (),
    overrides: Overrides = (),
) -> Any:
    """Return lines over time; stacked, areas on each other."""
    return core.TimeSeries(
        **_common(title, description, targets, width, height),
        unit=unit,
        valueDecimals=decimals,
        fillOpacity=40 if stacked else 8,
        lineWidth=1 if stacked else 2,
        lineInterpolation="stepAfter" if stepped else "linear",
        showPoints="auto",
        stacking={"mode": "normal"} if stacked else {},
        legendDisplayMode="table",
        legendCalcs=["mean", "max", "lastNotNull"],
        tooltipMode="multi",
        tooltipSort="desc",
        overrides=[LIMIT_LINE, *overrides],
        thresholds=_steps(PLAIN),
        extraJson=_defaults(empty, min=least, max=most, links=[*links]),
    )


def stat(
    title: str,
    description: str,
    target: Any,
    unit: str,
    *,
    steps: Steps = PLAIN,
    width: int = 4,
    height: int = 4,
    decimals: int | None = None,
    graph: bool = True,
    empty: str = "none",
    mappings: Sequence[dict[str, Any]] = (),
    text: str = "auto",
    links: Sequence[dict[str, Any]] = (),
) -> Any:
    """Return one number, or one of each series, coloured by its steps."""
    coloured = steps is not PLAIN
    return core.Stat(
        **_common(title, description, [target], width, height),
        format=unit,
        decimals=decimals,
        color={"mode": "thresholds"},
        colorMode="background" if coloured else "value",
        graphMode="area" if graph and not target.instant else "none",
        reduceCalc="lastNotNull",
        textMode=text,
        noValue=empty,
        mappings=[*mappings],
        thresholds=_steps(steps),
        extraJson={"fieldConfig": {"defaults": {"links": [*links]}}},
    )


def bar_gauge(
    title: str,
    description: str,
    targets: Sequence[Any],
    unit: str,
    *,
    steps: Steps,
    width: int = 12,
    height: int = 8,
    least: float = 0,
    most: float | None = None,
    empty: str = NO_DATA,
    links: Sequence[dict[str, Any]] = (),
) -> Any:
    """Return a bar for each series, in the order in which they come."""
    return core.BarGauge(
        **_common(title, description, targets, width, height),
        calc="lastNotNull",
        format=unit,
        displayMode="gradient",
        min=least,
        max=most,
        dataLinks=[*links],
        thresholds=_steps(steps),
        extraJson=_defaults(empty, color={"mode": "thresholds"})
        | {"options": {"showUnfilled": True, "valueMode": "color", "namePlacement": "left", "sizing": "auto"}},
    )


def state_timeline(
    title: str,
    description: str,
    targets: Sequence[Any],
    unit: str,
    *,
    steps: Steps,
    width: int = 24,
    height: int = 10,
    empty: str = NO_DATA,
    links: Sequence[dict[str, Any]] = (),
    mappings: Sequence[dict[str, Any]] = (),
) -> Any:
    """Return a row for each series, coloured by what it was at each time."""
    return core.StateTimeline(
        **_common(title, description, targets, width, height),
        fillOpacity=80,
        showValue="never",
        tooltipMode="multi",
        rowHeight=0.9,
        mappings=[*mappings],
        thresholds=_steps(steps),
        extraJson=_defaults(empty, unit=unit, links=[*links])
        | {"options": {"perPage": 20, "tooltip": {"sort": "none"}}},
    )


def heatmap(
    title: str,
    description: str,
    target: Any,
    unit: str,
    *,
    width: int = 12,
    height: int = 8,
    empty: str = NO_DATA,
) -> Any:
    """Return a histogram's buckets over time, darker where more fell; `unit` is of the buckets' bounds."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "scale": "exponential", "scheme": "Oranges"}
        | {"reverse": False, "steps": 64},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    return core.Heatmap(
        **_common(title, description, [target], width, height),
        options=options,
        extraJson=_defaults(
            empty, unit="short", custom={"hideFrom": {"legend": False, "tooltip": False, "viz": False}}
        ),
    )


def bar_chart(
    title: str,
    description: str,
    targets: Sequence[Any],
    unit: str,
    *,
    x: str,
    transformations: Sequence[dict[str, Any]],
    width: int = 12,
    height: int = 8,
    most: float | None = None,
    empty: str = NO_DATA,
) -> Any:
    """Return groups of bars, one group for each value of the column `x`."""
    return core.BarChart(
        **_common(title, description, targets, width, height),
        orientation="auto",
        xTickLabelRotation=-30,
        showValue="never",
        tooltipMode="multi",
        legendPlacement="bottom",
        transformations=[*transformations],
        thresholdSteps=_steps(PLAIN),
        extraJson=_defaults(empty, unit=unit, min=0, max=most, color={"mode": "palette-classic", "fixedColor": None})
        | {"options": {"xField": x, "fullHighlight": False}},
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
        **_common(title, description, targets, width, height),
        unit=unit,
        displayMode=display,
        filterable=True,
        overrides=[*overrides],
        sortBy=[core.TableSortByField(displayName=sort[0], desc=sort[1])] if sort else [],
        transformations=[*transformations],
        thresholds=_steps(steps),
        extraJson=_defaults(empty)
        | {
            "options": {
                "cellHeight": "sm",
                "footer": {
                    "countRows": False,
                    "enablePagination": True,
                    "fields": "",
                    "reducer": ["sum"],
                    "show": False,
                },
            }
        },
    )


def row(title: str, *panels: Any, folded: bool = False) -> Any:
    """Return a row with its panels; `assembly` puts them in their places."""
    return core.RowPanel(title=title, panels=[*panels], collapsed=folded)


def _common(title: str, description: str, targets: Sequence[Any], width: int, height: int) -> dict[str, Any]:
    return {
        "title": title,
        "description": description,
        "dataSource": DATA_SOURCE,
        "targets": lettered(targets),
        "gridPos": core.GridPos(h=height, w=width, x=0, y=0),
    }


def _steps(steps: Steps) -> list[dict[str, Any]]:
    return [{"color": color, "value": value} for value, color in steps]


def _defaults(empty: str, **more: Any) -> dict[str, Any]:
    return {"fieldConfig": {"defaults": {"noValue": empty, **more}}}
