"""Dashboards name each metric in one module, write PromQL in one package, and show metrics that exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser as promql

from alerts.rule_files import load, recordings
from dashboards import metrics
from tests import exported
from tests.dashboards.grafana import EXAMPLE, NAMES, fill_in, panels, queries, read

ROOT = Path(__file__).parent.parent.parent
MODULES = sorted((ROOT / "dashboards").rglob("*.py"))
IMPORTED = {"FEATURES", "PREFIX", "SEGMENTS"}
NAMED = {name: value for name, value in vars(metrics).items() if name.isupper() and name not in IMPORTED}
OF_SERIES = r"model_[a-z0-9_]+|prediction_exporter_[a-z_]+|process_[a-z_]+"
# Labels and variables, which begin as metrics do.
LABELS = {"model_name", "model_version"}


def texts(module: Path) -> Iterator[str]:
    """Yield a module's texts but for docstrings."""
    tree = ast.parse(module.read_text())
    told = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in told:
            yield node.value


def test_metrics_are_named_in_one_module() -> None:
    found = {
        (module.name, word)
        for module in MODULES
        for text in texts(module)
        for word in re.findall(rf"\b(?:{OF_SERIES})\b", text)
        if module.stem != "metrics" and word not in LABELS
    }
    assert found == set(), "name it in metrics"


def test_promql_is_in_one_package() -> None:
    aggregation = r"\b(rate|increase|histogram_quantile|topk|sum|max|min|count)( by)? ?\("
    others = [module for module in MODULES if module.parent.name != "promql" and module.stem != "metrics"]
    assert [(module.name, text) for module in others for text in texts(module) if re.search(aggregation, text)] == []


def test_a_module_says_what_it_is() -> None:
    assert [module.name for module in MODULES if not ast.get_docstring(ast.parse(module.read_text()))] == []


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
    """Return the metrics that exist, with their type, which is empty where no golden exposition shows it."""
    prose = dict.fromkeys(re.findall(r"`(model_\w+)`", exported.REFERENCE), "")
    of_the_process = {metrics.PREFIX + name: "" for name in exported.of_the_process()}
    return prose | dict.fromkeys(exported.documented(), "") | of_the_process | exported.types()


def is_served(series: str) -> bool:
    """Tell whether a metric of this name is served, or such a part of a histogram or summary."""
    family = re.sub(r"_(bucket|sum|count)$", "", series)
    return series in SERVED or (family != series and SERVED.get(family) in ("histogram", "summary", ""))


SERVED = served()
RECORDED = {*recordings(load())}
HISTOGRAMS = {name for name, kind in SERVED.items() if kind == "histogram"}
ELSEWHERE = {metrics.UP, metrics.ALERTS, metrics.ALERTS_FOR_STATE} | RECORDED


def test_what_is_not_served_is_found() -> None:
    assert is_served("model_prediction_latency_seconds_bucket")
    assert not is_served("model_concept_drift_detections_total")
    assert not is_served("model_predictions_total_sum")
    assert not is_served("model_business_sum")


def test_metrics_that_are_named_are_served() -> None:
    patterns = {name for name in NAMED.values() if "$" in name or ":" in name} | {metrics.BUSINESS_FIGURES}
    own = {name for name in NAMED.values() if name.startswith(("model_", metrics.PREFIX))}
    assert [name for name in own - patterns if not is_served(name)] == []


def test_business_figures_are_found_by_their_names() -> None:
    served = {found[1] for name in SERVED if (found := re.fullmatch(metrics.BUSINESS_FIGURES, f"{name}_count"))}
    assert EXAMPLE["figure"] in served
    assert fill_in(metrics.BUSINESS, EXAMPLE) in SERVED
    assert fill_in(metrics.SEGMENT_BUSINESS, EXAMPLE) in SERVED


def test_series_that_are_shown_are_served() -> None:
    elsewhere = {name for name in shown() if name.startswith("process_")} | ELSEWHERE
    assert [series for series in shown() - elsewhere if not is_served(series)] == []


def test_what_reads_a_classic_histogram_reads_a_native_histogram_too() -> None:
    """For a Prometheus that converts histograms, which then have no buckets."""
    histograms = {name for series in shown() if (name := re.sub("_(bucket|sum|count)$", "", series)) in HISTOGRAMS}
    assert len(histograms) >= 8
    assert histograms <= shown()


def test_a_chart_of_five_hundred_models_has_lines_of_some_alone() -> None:
    charts = [
        (name, panel)
        for name in NAMES
        for panel in panels(read(name))
        if panel["type"] in ("timeseries", "state-timeline", "bargauge")
    ]
    by_version = [
        (name, panel["title"], target["expr"])
        for name, panel in charts
        for target in panel["targets"]
        if "model_name, model_version" in target["expr"]
    ]
    assert [where for where in by_version if not re.search(r"\b(topk|bottomk)\(", where[2])] == []
