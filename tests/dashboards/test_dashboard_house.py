"""The house of dashboards: names in one place, PromQL in another, and metrics that there are."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser as promql
import pytest
from tests.test_house import METRICS, PAGES, SELF_METRICS
from tests.test_house import metrics as table_of_metrics

from alerts.rule_files import load, recordings
from dashboards import metrics
from tests.dashboards.grafana import EXAMPLE, NAMES, fill_in, panels, queries, read

ROOT = Path(__file__).parent.parent.parent
MODULES = sorted((ROOT / "dashboards").rglob("*.py"))
IMPORTED = {"FEATURES", "PREFIX", "SEGMENTS"}
NAMED = {name: value for name, value in vars(metrics).items() if name.isupper() and name not in IMPORTED}
OF_SERIES = r"model_[a-z0-9_]+|prediction_exporter_[a-z_]+|process_[a-z_]+"
# Labels and variables, which begin as metrics do.
LABELS = {"model_name", "model_version"}

each_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)


def texts(module: Path) -> Iterator[str]:
    """Yield a module's texts but for docstrings."""
    tree = ast.parse(module.read_text())
    told = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in told:
            yield node.value


@each_module
def test_a_metric_is_named_in_one_module_alone(module: Path) -> None:
    found = {word for text in texts(module) for word in re.findall(rf"\b(?:{OF_SERIES})\b", text)} - LABELS
    assert module.stem == "metrics" or not found, "name it in metrics"


@each_module
def test_promql_is_in_one_place(module: Path) -> None:
    if module.parent.name == "promql" or module.stem == "metrics":
        return
    for text in texts(module):
        assert not re.search(r"\b(rate|increase|histogram_quantile|topk|sum|max|min|count)( by)? ?\(", text)


@each_module
def test_a_module_says_what_it_is_and_is_no_longer_than_250_lines(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text()))
    assert len(module.read_text().splitlines()) <= 250


def test_no_metric_is_named_twice_or_for_nothing() -> None:
    assert len({*NAMED.values()}) == len(NAMED)
    used = "".join(module.read_text() for module in MODULES if module.stem != "metrics")
    assert [name for name in NAMED if not re.search(rf"\b{name}\b", used)] == []


def shown() -> set[str]:
    """Return the series that dashboards ask for."""
    found: set[str] = set()
    for name in NAMES:
        for _, _, target in queries(read(name)):
            text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', promql.parse(fill_in(target["expr"], EXAMPLE)).prettify())
            found |= {*re.findall(r"([a-zA-Z_:][\w:]*)\{", text)}
    return found


def served() -> dict[str, str]:
    """Return the metrics that golden pages show, the reference names or the sidecar tells of itself, with their type.

    Of what the reference alone names, the type is empty.
    """
    prose = dict.fromkeys(re.findall(r"`(model_\w+)`", METRICS), "")
    of_itself = {metrics.PREFIX + name: "" for name in SELF_METRICS}
    golden = dict(re.findall(r"^# TYPE (\S+) (\w+)$", PAGES, re.MULTILINE))
    return prose | dict.fromkeys(table_of_metrics(), "") | of_itself | golden


def is_served(series: str) -> bool:
    """Tell whether a metric of this name is served, or such a part of a histogram or summary."""
    family = re.sub(r"_(bucket|sum|count)$", "", series)
    return series in SERVED or (family != series and SERVED.get(family) in ("histogram", "summary", ""))


SERVED = served()
RECORDED = {*recordings(load())}
ELSEWHERE = {metrics.UP, metrics.ALERTS} | RECORDED


def test_what_is_not_served_is_found() -> None:
    assert is_served("model_prediction_latency_seconds_bucket")
    assert not is_served("model_concept_drift_detections_total")
    assert not is_served("model_predictions_total_sum")
    assert not is_served("model_business_sum")


@pytest.mark.parametrize("metric", [name for name in NAMED.values() if name.startswith(("model_", metrics.PREFIX))])
def test_a_metric_that_is_named_is_served(metric: str) -> None:
    if "$" in metric or ":" in metric or metric == metrics.BUSINESS_FIGURES:
        return
    assert is_served(metric)


def test_business_figures_are_found_by_their_names() -> None:
    served = {found[1] for name in SERVED if (found := re.fullmatch(metrics.BUSINESS_FIGURES, f"{name}_count"))}
    assert EXAMPLE["figure"] in served
    assert fill_in(metrics.BUSINESS, EXAMPLE) in SERVED
    assert fill_in(metrics.SEGMENT_BUSINESS, EXAMPLE) in SERVED


@pytest.mark.parametrize("series", sorted(shown()))
def test_a_series_that_is_shown_is_served(series: str) -> None:
    assert is_served(series) or series.startswith("process_") or series in ELSEWHERE


@pytest.mark.parametrize("name", NAMES)
def test_a_chart_of_five_hundred_models_has_lines_of_some_alone(name: str) -> None:
    for panel in panels(read(name)):
        if panel["type"] in ("timeseries", "state-timeline", "bargauge"):
            for target in panel["targets"]:
                is_by_version = "model_name, model_version" in target["expr"]
                assert not is_by_version or re.search(r"\b(topk|bottomk)\(", target["expr"]), panel["title"]
