"""Factories of panels, one for each type, with the settings that all dashboards share.

The description of a panel says what it shows and what to do. Each panel has a unit, and a text that explains why it may
have no data. Sizes are in units of Grafana's grid, which is 24 columns wide.
"""

from collections.abc import Sequence
from typing import Any

from grafanalib import core

from dashboards.promql import selection
from dashboards.style import (
    LIMIT_BAR,
    LIMIT_LINE,
    NO_DATA,
    PLAIN,
    Overrides,
    Steps,
    common,
    defaults,
    steps_of,
)

# The soft maximum of an axis without data above 0, where Grafana would choose 10,000% or 100 per second.
SOFT_MOST = {"percentunit": 0.01, "cps": 1.0, "reqps": 0.1}
SOFT_MOST_OF_COUNTS = 1.0
# The palette in which a series keeps its colour when others come and go.
BY_NAME = "palette-classic-by-name"
# From this width, a chart has room for a legend beside it.
WIDE = 12


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
    mappings: Sequence[dict[str, Any]] = (),
) -> Any:
    """Return lines over time, or stacked areas.

    The legend is beside a wide chart, where it has a row for each series, and a list below a narrow one. It starts with
    the highest current value, or with the lowest if the query selects the smallest.
    """
    is_wide = width >= WIDE
    soft_most = SOFT_MOST_OF_COUNTS if decimals == 0 else SOFT_MOST.get(unit)
    return core.TimeSeries(
        **common(title, description, targets, width, height),
        unit=unit,
        valueDecimals=decimals,
        # The areas of many lines would blend into a colour that belongs to none of them.
        fillOpacity=40 if stacked else 0,
        lineWidth=1 if stacked else 2,
        lineInterpolation="stepAfter" if stepped else "linear",
        showPoints="auto",
        stacking={"mode": "normal"} if stacked else {},
        colorMode=BY_NAME,
        legendDisplayMode="table" if is_wide else "list",
        legendPlacement="right" if is_wide else "bottom",
        legendCalcs=["max", "lastNotNull"] if is_wide else ["lastNotNull"],
        tooltipMode="multi",
        tooltipSort="desc",
        overrides=[LIMIT_LINE, *overrides],
        mappings=[*mappings],
        thresholds=steps_of(PLAIN),
        extraJson=defaults(empty, min=least, max=most, links=[*links], custom={"axisSoftMax": soft_most})
        | {"options": {"legend": {"sortBy": "Last *", "sortDesc": not selection.is_smallest(targets[0].expr)}}},
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
    empty: str,
    mappings: Sequence[dict[str, Any]] = (),
    text: str = "auto",
    links: Sequence[dict[str, Any]] = (),
) -> Any:
    """Return one number, or one for each series, coloured by `steps`."""
    coloured = steps is not PLAIN
    return core.Stat(
        **common(title, description, [target], width, height),
        format=unit,
        decimals=decimals,
        color={"mode": "thresholds"},
        colorMode="background" if coloured else "value",
        graphMode="area" if graph and not target.instant else "none",
        reduceCalc="lastNotNull",
        textMode=text,
        noValue=empty,
        mappings=[*mappings],
        thresholds=steps_of(steps),
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
    decimals: int | None = None,
    empty: str = NO_DATA,
    links: Sequence[dict[str, Any]] = (),
) -> Any:
    """Return a bar for each series, in the order of the query.

    Without `most`, the longest bar fills the panel. A query with the legend `limit` then shows how long the limit is.
    """
    return core.BarGauge(
        **common(title, description, targets, width, height),
        calc="lastNotNull",
        format=unit,
        # One colour per bar. A gradient would start with green whatever the value.
        displayMode="basic",
        min=least,
        max=most,
        dataLinks=[*links],
        thresholds=steps_of(steps),
        extraJson={
            "fieldConfig": {
                "defaults": {"noValue": empty, "color": {"mode": "thresholds"}, "decimals": decimals},
                "overrides": [LIMIT_BAR],
            },
            "options": {
                "showUnfilled": True,
                "valueMode": "color",
                # Above the bar if there is room. A long name beside the bar would be cut off.
                "namePlacement": "auto",
                "sizing": "auto",
                "text": {"valueSize": 16},
            },
        },
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
    """Return a row for each series, coloured by its value at each time."""
    return core.StateTimeline(
        **common(title, description, targets, width, height),
        fillOpacity=80,
        showValue="never",
        tooltipMode="multi",
        rowHeight=0.9,
        mappings=[*mappings],
        thresholds=steps_of(steps),
        extraJson=defaults(empty, unit=unit, links=[*links])
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
    """Return a histogram's buckets over time, darker for higher counts; `unit` is that of the bucket bounds."""
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
        **common(title, description, [target], width, height),
        options=options,
        extraJson=defaults(empty, unit="short", custom={"hideFrom": {"legend": False, "tooltip": False, "viz": False}}),
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
        **common(title, description, targets, width, height),
        orientation="auto",
        xTickLabelRotation=-30,
        showValue="never",
        tooltipMode="multi",
        legendPlacement="bottom",
        transformations=[*transformations],
        thresholdSteps=steps_of(PLAIN),
        extraJson=defaults(empty, unit=unit, min=0, max=most, color={"mode": BY_NAME, "fixedColor": None})
        | {"options": {"xField": x, "fullHighlight": False}},
    )


def row(title: str, *panels: Any, folded: bool = False) -> Any:
    """Return a row with its panels; `assembly` sets their positions."""
    return core.RowPanel(title=title, panels=[*panels], collapsed=folded)
