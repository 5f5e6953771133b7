"""The rules of Grafana's dashboard-linter (4d0844b, 2026-06) for dashboards of Prometheus, none left out.

Where a rule does not fit a query it is in EXCLUDED, with the reason.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import promql_parser as promql
import pytest
from grafana_foundation_sdk.models import units

from alerts.rule_files import load
from dashboards import segments_fairness
from dashboards.metrics import (
    ALERTS,
    ALERTS_FOR_STATE,
    FLEET_PSI,
    INVALID_SHARE,
    MISSING_SHARE,
    UNSEEN_SHARE,
    VERSION_LIMIT,
)
from tests.dashboards.grafana import EXAMPLE, NAMES, fill_in, panels, queries, read, variables

# Series that Prometheus makes itself of sums over pods have no job and no instance: a matcher would find nothing, and
# show that all is well. Of segments there are thousands in a hundred pods: kept apart by pod, a chart takes a second.
(OF_SEGMENTS,) = (group for file in load() for group in file.groups if group["name"] == "model-dashboards-segments")
OF_ALL_PODS = {ALERTS, ALERTS_FOR_STATE, FLEET_PSI, INVALID_SHARE, MISSING_SHARE, VERSION_LIMIT, UNSEEN_SHARE}
OF_ALL_PODS |= {rule["record"] for rule in OF_SEGMENTS["rules"]} | {*segments_fairness.COLUMNS.values()}
EXCLUDED = {"target-job": OF_ALL_PODS, "target-instance": OF_ALL_PODS}
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("__")}
WITH_DATA_SOURCE = {"timeseries", "table", "graph", "heatmap", "stat", "bargauge", "barchart", "state-timeline"}

each = pytest.mark.parametrize("name", NAMES)


def by_name(name: str) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in variables(read(name))}


@cache
def parsed(name: str) -> dict[str, Any]:
    """Return a dashboard's expressions, with $__rate_interval as a range that nothing else has."""
    kept = EXAMPLE | {"__rate_interval": "61s", "job": "$job", "instance": "$instance"}
    return {
        f"{title} {letter}": promql.parse(fill_in(target["expr"], kept))
        for title, letter, target in queries(read(name))
    }


def nodes(expression: Any) -> Iterator[Any]:
    """Yield an expression and all that is in it."""
    yield expression
    for part in ("lhs", "rhs", "expr", "param", "vector_selector"):
        if (inner := getattr(expression, part, None)) is not None:
            yield from nodes(inner)
    for argument in getattr(expression, "args", None) or ():
        yield from nodes(argument)


def selectors(expression: Any) -> list[Any]:
    return [node for node in nodes(expression) if isinstance(node, promql.VectorSelector)]


def test_selectors_are_found_wherever_they_are() -> None:
    parsed = promql.parse("topk(3, sum(rate(a[5m])) / on () (b @ end() > 0)) or label_replace(-c, 'x', '', '', '')")
    assert [selector.name for selector in selectors(parsed)] == ["a", "b", "c"]


@each
def test_template_datasource(name: str) -> None:
    variable = by_name(name)["datasource"]
    assert (variable["type"], variable["query"], variable["label"]) == ("datasource", "prometheus", "Data source")


@each
@pytest.mark.parametrize("which", ["job", "instance"])
def test_template_job_and_instance(name: str, which: str) -> None:
    variable = by_name(name)[which]
    assert variable["type"] == "query"
    assert variable["datasource"]["uid"] in ("$datasource", "${datasource}")
    assert variable["label"] == which.title()
    assert variable["multi"]
    assert variable["allValue"] == ".+"


@each
def test_template_label_promql(name: str) -> None:
    for variable in variables(read(name)):
        if variable["type"] == "query":
            function, argument = re.fullmatch(r"([a-z_]+)\((.+)\)", variable["query"]).groups()
            assert function in ("label_values", "query_result")
            promql.parse(fill_in(re.sub(r", \w+$", "", argument) if function == "label_values" else argument, EXAMPLE))


@each
def test_template_on_time_change_reload(name: str) -> None:
    assert all(variable["refresh"] == 2 for variable in variables(read(name)) if variable["type"] == "query")


@each
def test_panel_datasource(name: str) -> None:
    for panel in panels(read(name)):
        assert panel["type"] in WITH_DATA_SOURCE
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


@each
def test_panel_title_description(name: str) -> None:
    for panel in panels(read(name)):
        assert panel["title"]
        assert re.fullmatch(r"(?s)[A-Z0-9p].{40,}\.", panel["description"]), panel["description"]


@each
def test_panel_units(name: str) -> None:
    assert len(UNITS) > 100
    for panel in panels(read(name)):
        fields = [panel["fieldConfig"]["defaults"], *_overridden(panel)]
        assert {field["unit"] for field in fields if "unit" in field} <= UNITS
        assert "unit" in fields[0], panel["title"]


def _overridden(panel: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for override in panel["fieldConfig"]["overrides"]:
        yield {given["id"]: given["value"] for given in override["properties"]}


@each
def test_a_panel_without_data_says_why(name: str) -> None:
    for panel in panels(read(name)):
        said = panel["fieldConfig"]["defaults"].get("noValue", "")
        # A number has little room for it.
        whole = r".{9,}[.?]"
        assert re.fullmatch(rf"(no|too|needs) .+|{whole}" if panel["type"] == "stat" else whole, said), panel["title"]


@each
def test_panel_no_targets(name: str) -> None:
    for panel in panels(read(name)):
        assert panel["targets"]
        assert [target["refId"] for target in panel["targets"]] == [*"ABCDEFGHIJKLM"[: len(panel["targets"])]]


@each
def test_target_promql(name: str) -> None:
    assert all(selectors(expression) for expression in parsed(name).values())


@each
@pytest.mark.parametrize("label", ["job", "instance"])
def test_target_job_and_instance(name: str, label: str) -> None:
    for query, expression in parsed(name).items():
        for selector in selectors(expression):
            if selector.name not in EXCLUDED[f"target-{label}"]:
                matchers = [(found.name, found.op, found.value) for found in selector.matchers.matchers]
                assert (label, promql.MatchOp.Re, f"${label}") in matchers, query


@pytest.mark.parametrize("rule", EXCLUDED)
def test_what_is_excluded_is_there(rule: str) -> None:
    used = {selector.name for name in NAMES for tree in parsed(name).values() for selector in selectors(tree)}
    assert EXCLUDED[rule] <= used


@each
def test_target_rate_interval(name: str) -> None:
    for query, expression in parsed(name).items():
        for node in nodes(expression):
            if isinstance(node, promql.Call) and node.func.name in ("rate", "irate"):
                assert node.args[0].range.total_seconds() == 61, query


@each
def test_target_counter_agg(name: str) -> None:
    for query, expression in parsed(name).items():
        counters = [selector.name for selector in selectors(expression) if selector.name.endswith("_total")]
        counted = [
            selector.name
            for node in nodes(expression)
            if isinstance(node, promql.Call) and node.func.name in ("rate", "irate", "increase")
            for selector in selectors(node)
        ]
        assert sorted(counters) == sorted(found for found in counted if found.endswith("_total")), query


@each
def test_uneditable_dashboard(name: str) -> None:
    assert read(name)["editable"] is False
