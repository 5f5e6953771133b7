"""Convert the output of grafanalib 0.7.1 to the schema that Grafana 11 reads without a migration.

grafanalib writes the schema of 2016 with panels of 2022. Each function fixes one thing in place. `mended` applies all
of them, and removes keys that are None.
"""

from collections.abc import Iterator
from typing import Any

SCHEMA_VERSION = 41
PLUGIN_VERSION = "11.6.0"

Json = dict[str, Any]

DEAD_OF_DASHBOARD = ("__inputs", "gnetId", "hideControls", "rows", "sharedCrosshair", "style")
DEAD_OF_PANEL = ("cacheTimeout", "editable", "error", "height", "hideTimeOverride", "maxPerRow", "minSpan", "span")
DEAD_OF_TARGET = ("intervalFactor", "metric", "query", "step", "target")
DEAD_OF_TEMPLATE = ("tagValuesQuery", "tagsQuery", "useTags")
DEAD_OF_HEATMAP = (
    *("cards", "color", "dataFormat", "heatmap", "hideZeroBuckets", "highlightCards", "legend", "reverseYBuckets"),
    *("tooltip", "xAxis", "xBucketNumber", "xBucketSize", "yAxis", "yBucketBound", "yBucketNumber", "yBucketSize"),
)
# The two keys of a threshold that Grafana reads; the others were for the Angular gauge.
STEP = ("color", "value")
REFRESH_ON_TIME_RANGE = 2
ALL = "$__all"


def mended(dashboard: Json) -> Json:
    """Return the dashboard to write to a file. Changes the argument."""
    mend_schema(dashboard)
    for template in dashboard["templating"]["list"]:
        mend_template(template)
    for panel in panels(dashboard):
        mend_panel(panel)
        if panel["type"] == "row":
            mend_row(panel)
            continue
        for target in panel["targets"]:
            mend_target(target)
        for mend in (mend_thresholds, mend_legend, *OF_TYPE.get(panel["type"], ())):
            mend(panel)
    result: Json = without_none(dashboard)
    return result | {"id": None}


def panels(dashboard: Json) -> Iterator[Json]:
    """Yield all panels and rows, also the panels in folded rows."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def mend_schema(dashboard: Json) -> None:
    """Set the schema version, and remove unused keys. A migration from version 12 would reset `graphTooltip` to 0."""
    for dead in DEAD_OF_DASHBOARD:
        dashboard.pop(dead, None)
    dashboard["schemaVersion"] = SCHEMA_VERSION
    dashboard["timepicker"] = {"refresh_intervals": dashboard["timepicker"]["refresh_intervals"]}


def mend_template(template: Json) -> None:
    """Refresh a variable when the time range changes, and convert its current value to the current format."""
    for dead in DEAD_OF_TEMPLATE:
        template.pop(dead, None)
    if template["type"] != "interval":
        for of_interval in ("auto", "auto_min", "auto_count"):
            template.pop(of_interval, None)
    if template["type"] == "query":
        template["refresh"] = REFRESH_ON_TIME_RANGE
    else:
        # It has no query.
        del template["refresh"], template["sort"]
    current = template["current"]
    current.pop("tags", None)
    if current.get("value") is None:
        template["current"] = {}
    elif current["value"] == ALL:
        template["current"] = {"selected": True, "text": ["All"], "value": [ALL]}


def mend_panel(panel: Json) -> None:
    """Remove unused keys, and the default of 100 points per chart, which is too coarse."""
    for dead in DEAD_OF_PANEL:
        panel.pop(dead, None)
    panel.pop("maxDataPoints", None)
    if panel.get("repeat") is None:
        panel.pop("repeatDirection", None)


def mend_row(panel: Json) -> None:
    """Keep only the keys of a row. It has no queries and no options."""
    keep = ("collapsed", "gridPos", "id", "panels", "title", "type")
    for key in panel.keys() - {*keep}:
        del panel[key]


def mend_target(target: Json) -> None:
    """Set `range` of a query to the opposite of `instant`, and show the query as code."""
    for dead in DEAD_OF_TARGET:
        target.pop(dead, None)
    target["range"] = not target["instant"]
    target["editorMode"] = "code"
    if not target["interval"]:
        del target["interval"]


def mend_thresholds(panel: Json) -> None:
    """Make the lowest step start at null instead of the text "null", and make missing steps a list."""
    thresholds = panel["fieldConfig"]["defaults"]["thresholds"]
    steps = [{key: step[key] for key in STEP} for step in thresholds["steps"] or ()]
    thresholds["steps"] = steps or [{"color": "text", "value": None}]
    if thresholds["steps"][0]["value"] == "null":
        thresholds["steps"][0]["value"] = None
    panel["fieldConfig"].setdefault("overrides", [])
    panel["pluginVersion"] = PLUGIN_VERSION


def mend_legend(panel: Json) -> None:
    """Set `showLegend`, which exists since schema version 37. Before, `hidden` was a display mode."""
    options = panel.get("options")
    legend = options.get("legend") if isinstance(options, dict) else None
    if legend is not None and "displayMode" in legend:
        legend["showLegend"] = legend["displayMode"] != "hidden"
        if not legend["showLegend"]:
            legend["displayMode"] = "list"
        legend.setdefault("calcs", [])


def mend_timeseries(panel: Json) -> None:
    """Set stacking to none by default, and keep the base of logarithmic axes only."""
    custom = panel["fieldConfig"]["defaults"]["custom"]
    custom["stacking"] = {"group": "A", "mode": "none"} | custom["stacking"]
    if custom["scaleDistribution"]["type"] == "linear":
        del custom["scaleDistribution"]["log"]


def mend_table(panel: Json) -> None:
    """Move the display of cells to `cellOptions`, and colour and mappings from the panel to its fields."""
    defaults = panel["fieldConfig"]["defaults"]
    defaults["custom"]["cellOptions"] = {"type": defaults["custom"].pop("displayMode")}
    defaults["color"] = panel.pop("color")
    defaults["mappings"] = panel.pop("mappings")
    for dead in ("columns", "fontSize"):
        del panel[dead]


def mend_bar_gauge(panel: Json) -> None:
    """Replace `fieldOptions`, used before Grafana 7, because it would override the configuration of the fields."""
    options, defaults = panel["options"], panel["fieldConfig"]["defaults"]
    old = options.pop("fieldOptions")
    for key in ("decimals", "links", "max", "min", "unit"):
        defaults.setdefault(key, old["defaults"][key])
    defaults["mappings"] = old["mappings"]
    options["reduceOptions"] = {"calcs": old["calcs"], "fields": "", "limit": old["limit"], "values": old["values"]}
    for dead in ("showThresholdLabels", "showThresholdMarkers"):
        del options[dead]


def mend_heatmap(panel: Json) -> None:
    """Remove the keys of the Angular heatmap, and make empty options a mapping instead of a list."""
    for dead in DEAD_OF_HEATMAP:
        del panel[dead]
    panel["options"] = panel["options"] or {}
    panel["options"].setdefault("calculate", False)


OF_TYPE = {
    "timeseries": (mend_timeseries,),
    "table": (mend_table,),
    "bargauge": (mend_bar_gauge,),
    "heatmap": (mend_heatmap,),
}


def without_none(value: Any) -> Any:
    """Return JSON without members that are None, except in a threshold, where None is minus infinity."""
    if isinstance(value, list):
        return [without_none(item) for item in value]
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None or value.keys() == {*STEP}}
    return value
