"""What grafanalib 0.7.1 writes, turned into what Grafana 11 reads without migrating it.

grafanalib writes the schema of 2016 with panels of 2022. Each function mends one thing, in place; `mended` does all of
them, and leaves out what is None.
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
# Of a threshold: Grafana reads these two, the others were the Angular gauge's.
STEP = ("color", "value")
REFRESH_ON_TIME_RANGE = 2
ALL = "$__all"


def mended(dashboard: Json) -> Json:
    """Return the dashboard as it is written to a file; it is changed."""
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
    """Return all panels, rows and what is folded in them."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def mend_schema(dashboard: Json) -> None:
    """Of schemaVersion 12 a migration would put `graphTooltip` back to 0; and keys that nothing reads are left out."""
    for dead in DEAD_OF_DASHBOARD:
        dashboard.pop(dead, None)
    dashboard["schemaVersion"] = SCHEMA_VERSION
    dashboard["timepicker"] = {"refresh_intervals": dashboard["timepicker"]["refresh_intervals"]}


def mend_template(template: Json) -> None:
    """A variable's values follow the time range, and what is chosen is in today's form, or not there."""
    for dead in DEAD_OF_TEMPLATE:
        template.pop(dead, None)
    if template["type"] != "interval":
        for of_interval in ("auto", "auto_min", "auto_count"):
            template.pop(of_interval, None)
    if template["type"] == "query":
        template["refresh"] = REFRESH_ON_TIME_RANGE
    else:
        # Nothing is asked for it.
        del template["refresh"], template["sort"]
    current = template["current"]
    current.pop("tags", None)
    if current.get("value") is None:
        template["current"] = {}
    elif current["value"] == ALL:
        template["current"] = {"selected": True, "text": ["All"], "value": [ALL]}


def mend_panel(panel: Json) -> None:
    """Keys that nothing reads are left out, and 100 points a chart, which are coarse."""
    for dead in DEAD_OF_PANEL:
        panel.pop(dead, None)
    panel.pop("maxDataPoints", None)
    if panel.get("repeat") is None:
        panel.pop("repeatDirection", None)


def mend_row(panel: Json) -> None:
    """A row asks nothing and has nothing to configure."""
    keep = ("collapsed", "gridPos", "id", "panels", "title", "type")
    for key in panel.keys() - {*keep}:
        del panel[key]


def mend_target(target: Json) -> None:
    """A query says whether it is of a time or of a range, and is shown as code."""
    for dead in DEAD_OF_TARGET:
        target.pop(dead, None)
    target["range"] = not target["instant"]
    target["editorMode"] = "code"
    if not target["interval"]:
        del target["interval"]


def mend_thresholds(panel: Json) -> None:
    """The lowest step begins at null, and not at the text "null"; no steps are a list, and not a text."""
    thresholds = panel["fieldConfig"]["defaults"]["thresholds"]
    steps = [{key: step[key] for key in STEP} for step in thresholds["steps"] or ()]
    thresholds["steps"] = steps or [{"color": "text", "value": None}]
    if thresholds["steps"][0]["value"] == "null":
        thresholds["steps"][0]["value"] = None
    panel["fieldConfig"].setdefault("overrides", [])
    panel["pluginVersion"] = PLUGIN_VERSION


def mend_legend(panel: Json) -> None:
    """From schemaVersion 37 on, a legend is there only if it says so; `hidden` was a display mode before."""
    options = panel.get("options")
    legend = options.get("legend") if isinstance(options, dict) else None
    if legend is not None and "displayMode" in legend:
        legend["showLegend"] = legend["displayMode"] != "hidden"
        if not legend["showLegend"]:
            legend["displayMode"] = "list"
        legend.setdefault("calcs", [])


def mend_timeseries(panel: Json) -> None:
    """Stacking that is not said is none, and only a logarithmic axis has a base."""
    custom = panel["fieldConfig"]["defaults"]["custom"]
    custom["stacking"] = {"group": "A", "mode": "none"} | custom["stacking"]
    if custom["scaleDistribution"]["type"] == "linear":
        del custom["scaleDistribution"]["log"]


def mend_table(panel: Json) -> None:
    """A cell's display is `cellOptions`, and colour and mappings are the fields' and not the panel's."""
    defaults = panel["fieldConfig"]["defaults"]
    defaults["custom"]["cellOptions"] = {"type": defaults["custom"].pop("displayMode")}
    defaults["color"] = panel.pop("color")
    defaults["mappings"] = panel.pop("mappings")
    for dead in ("columns", "fontSize"):
        del panel[dead]


def mend_bar_gauge(panel: Json) -> None:
    """`fieldOptions`, the shape before Grafana 7, would override the fields' own configuration: it becomes that."""
    options, defaults = panel["options"], panel["fieldConfig"]["defaults"]
    old = options.pop("fieldOptions")
    for key in ("decimals", "links", "max", "min", "unit"):
        defaults.setdefault(key, old["defaults"][key])
    defaults["mappings"] = old["mappings"]
    options["reduceOptions"] = {"calcs": old["calcs"], "fields": "", "limit": old["limit"], "values": old["values"]}
    for dead in ("showThresholdLabels", "showThresholdMarkers"):
        del options[dead]


def mend_heatmap(panel: Json) -> None:
    """The Angular heatmap's keys are dead once there are options, and its options are a list where there are none."""
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
    """Return JSON without the members that are None, but for a threshold's, which begins at minus infinity."""
    if isinstance(value, list):
        return [without_none(item) for item in value]
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None or value.keys() == {*STEP}}
    return value
