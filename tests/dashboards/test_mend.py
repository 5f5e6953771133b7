"""What grafanalib 0.7.1 writes, and what becomes of it: of each mend, that it is needed, and that it mends."""

import json
from typing import Any

from grafanalib import core
from grafanalib._gen import DashboardEncoder

from dashboards.mend import mended


def raw(*panels: Any, **more: Any) -> dict[str, Any]:
    """Return a dashboard of panels as grafanalib writes it."""
    placed = [attr_placed(panel) for panel in panels]
    made = core.Dashboard(title="t", panels=placed, **more).auto_panel_ids()
    return json.loads(json.dumps(made.to_json_data(), cls=DashboardEncoder))


def attr_placed(panel: Any) -> Any:
    panel.gridPos = panel.gridPos or core.GridPos(h=8, w=12, x=0, y=0)
    return panel


def before_and_after(panel: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a panel as grafanalib writes it, and mended."""
    return raw(panel)["panels"][0], mended(raw(panel))["panels"][0]


def test_a_shared_crosshair_survives_for_there_is_nothing_to_migrate() -> None:
    before = raw(graphTooltip=1)
    assert before["schemaVersion"] == 12
    assert "sharedCrosshair" in before
    after = mended(before)
    # The migrations to 14 and to 37 are behind it.
    assert (after["schemaVersion"], after["graphTooltip"]) == (41, 1)


def test_a_dashboard_has_no_dead_keys() -> None:
    dead = {"__inputs", "gnetId", "hideControls", "rows", "sharedCrosshair", "style"}
    assert dead <= raw().keys()
    after = mended(raw())
    assert not dead & after.keys()
    assert after["id"] is None
    assert after["timepicker"].keys() == {"refresh_intervals"}


def test_a_legend_is_shown() -> None:
    before, after = before_and_after(core.TimeSeries(legendDisplayMode="table"))
    assert "showLegend" not in before["options"]["legend"]
    assert after["options"]["legend"] == {
        "displayMode": "table",
        "placement": "bottom",
        "calcs": [],
        "showLegend": True,
    }


def test_a_hidden_legend_is_not_shown() -> None:
    _, after = before_and_after(core.TimeSeries(legendDisplayMode="hidden"))
    assert (after["options"]["legend"]["displayMode"], after["options"]["legend"]["showLegend"]) == ("list", False)


def test_a_chart_says_how_it_stacks_and_a_linear_axis_has_no_base() -> None:
    before, after = before_and_after(core.TimeSeries())
    assert before["fieldConfig"]["defaults"]["custom"]["stacking"] == {}
    custom = after["fieldConfig"]["defaults"]["custom"]
    assert custom["stacking"] == {"group": "A", "mode": "none"}
    assert custom["scaleDistribution"] == {"type": "linear"}
    _, after = before_and_after(core.TimeSeries(stacking={"mode": "normal"}, scaleDistributionType="log"))
    custom = after["fieldConfig"]["defaults"]["custom"]
    assert custom["stacking"] == {"group": "A", "mode": "normal"}
    assert custom["scaleDistribution"] == {"type": "log", "log": 2}


def test_a_table_s_cells_colour_and_mappings_are_its_fields() -> None:
    mapping = {"type": "value", "options": {"1": {"text": "yes"}}}
    before, after = before_and_after(core.Table(displayMode="color-background", mappings=[mapping]))
    assert before["mappings"] == [mapping]
    assert before["fieldConfig"]["defaults"]["custom"]["displayMode"] == "color-background"
    defaults = after["fieldConfig"]["defaults"]
    assert defaults["custom"] == {"align": "auto", "filterable": False, "cellOptions": {"type": "color-background"}}
    assert (defaults["mappings"], defaults["color"]) == ([mapping], {"mode": "thresholds"})
    assert not {"mappings", "color", "columns", "fontSize"} & after.keys()


def test_a_bar_gauge_has_its_own_unit_and_range_and_nothing_that_overrides_them() -> None:
    panel = core.BarGauge(
        format="percentunit",
        max=None,
        calc="lastNotNull",
        thresholds=[{"color": "green", "value": None}, {"color": "red", "value": 0.25}],
    )
    before, after = before_and_after(panel)
    assert before["options"]["fieldOptions"]["defaults"]["unit"] == "percentunit"
    assert "pluginVersion" not in before
    assert "fieldOptions" not in after["options"]
    defaults = after["fieldConfig"]["defaults"]
    assert (defaults["unit"], defaults["min"], "max" in defaults) == ("percentunit", 0, False)
    assert [step["value"] for step in defaults["thresholds"]["steps"]] == [None, 0.25]
    assert after["options"]["reduceOptions"]["calcs"] == ["lastNotNull"]
    assert after["pluginVersion"] == "11.6.0"


def test_a_bar_gauge_s_field_configuration_goes_before_its_old_options() -> None:
    given = {"fieldConfig": {"defaults": {"max": 7, "unit": "s"}}}
    _, after = before_and_after(core.BarGauge(extraJson=given))
    assert (after["fieldConfig"]["defaults"]["max"], after["fieldConfig"]["defaults"]["unit"]) == (7, "s")


def test_a_heatmap_is_not_angular_s() -> None:
    before, after = before_and_after(core.Heatmap())
    assert before["options"] == []
    assert {"cards", "dataFormat", "xAxis", "yAxis", "tooltip", "color"} <= before.keys()
    assert not {"cards", "dataFormat", "xAxis", "yAxis", "tooltip", "color", "legend"} & after.keys()
    assert after["options"] == {"calculate": False}
    _, after = before_and_after(core.Heatmap(options={"calculate": True, "cellGap": 1}))
    assert after["options"] == {"calculate": True, "cellGap": 1}


def test_the_lowest_threshold_begins_at_null_and_not_at_a_text() -> None:
    steps = [core.Threshold("green", 0, 0.0), core.Threshold("red", 1, 80.0)]
    before, after = before_and_after(core.Stat(thresholds=steps))
    assert before["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] == "null"
    assert after["fieldConfig"]["defaults"]["thresholds"]["steps"] == [
        {"color": "green", "value": None},
        {"color": "red", "value": 80.0},
    ]


def test_a_stat_without_thresholds_has_a_list_of_them() -> None:
    before, after = before_and_after(core.Stat())
    assert before["fieldConfig"]["defaults"]["thresholds"]["steps"] == ""
    assert after["fieldConfig"]["defaults"]["thresholds"]["steps"] == [{"color": "text", "value": None}]


def template(**given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a variable as grafanalib writes it, and mended."""
    one = core.Templating(list=[core.Template(name="v", **given)])
    (before,), (after,) = (
        written["templating"]["list"] for written in (raw(templating=one), mended(raw(templating=one)))
    )
    return before, after


def test_a_variable_s_values_follow_the_time_range_and_what_is_chosen_is_in_today_s_form() -> None:
    before, after = template(query="label_values(v)", includeAll=True, multi=True, default="$__all")
    assert before["refresh"] == 1
    assert after["refresh"] == 2
    assert after["current"] == {"selected": True, "text": ["All"], "value": ["$__all"]}
    dead = {"useTags", "tagsQuery", "tagValuesQuery", "auto", "auto_min", "auto_count"}
    assert dead <= before.keys()
    assert not dead & after.keys()


def test_where_nothing_is_chosen_nothing_is() -> None:
    before, after = template(query="label_values(v)")
    assert before["current"]["value"] is None
    assert after["current"] == {}
    _, after = template(query="1w,1d", type="custom", default="1w")
    assert after["current"] == {"selected": True, "text": "1w", "value": "1w"}
    assert not {"refresh", "sort"} & after.keys()


def test_a_query_is_of_a_time_or_of_a_range() -> None:
    for instant in (True, False):
        before, after = before_and_after(core.Stat(targets=[core.Target(expr="up", instant=instant)]))
        assert {"query", "target", "metric", "step", "intervalFactor"} <= before["targets"][0].keys()
        assert after["targets"] == [
            {
                "editorMode": "code",
                "expr": "up",
                "format": "time_series",
                "hide": False,
                "instant": instant,
                "legendFormat": "",
                "range": not instant,
                "refId": "",
            }
        ]


def test_a_chart_has_as_many_points_as_it_has_room_for() -> None:
    before, after = before_and_after(core.TimeSeries())
    assert before["maxDataPoints"] == 100
    assert not {"maxDataPoints", "editable", "error", "hideTimeOverride", "span", "repeatDirection"} & after.keys()


def test_a_row_has_nothing_to_configure_and_what_is_folded_in_it_is_mended() -> None:
    row = core.RowPanel(title="r", collapsed=True, panels=[attr_placed(core.TimeSeries())])
    before, after = before_and_after(row)
    assert "fieldConfig" in before
    assert after.keys() == {"collapsed", "gridPos", "id", "panels", "title", "type"}
    assert after["panels"][0]["options"]["legend"]["showLegend"]


def test_what_is_none_is_left_out() -> None:
    before, after = before_and_after(core.TimeSeries())
    assert None in before.values()
    assert None not in after.values()
    assert before["fieldConfig"]["defaults"]["min"] is None
    assert "min" not in after["fieldConfig"]["defaults"]
