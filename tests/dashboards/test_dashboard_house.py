"""The house of dashboards: names in one place, PromQL in another, and metrics that there are."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser as promql
import pytest

from dashboards import metrics
from tests.dashboards import coming
from tests.dashboards.grafana import EXAMPLE, NAMES, fill_in, queries, read
from tests.test_house import PAGES, SELF_METRICS

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


@pytest.mark.parametrize("series", sorted(shown()))
def test_a_series_that_is_shown_is_served(series: str) -> None:
    family = re.sub(r"_(bucket|sum|count|total)$", "", series)
    pages = PAGES + "".join((*coming.counters(1), *coming.gauges()))
    assert (
        re.search(rf"^(# TYPE )?{re.escape(series)}[ {{]", pages, re.MULTILINE)
        or re.search(rf"^# TYPE {re.escape(family)}[ _]", pages, re.MULTILINE)
        or series.removeprefix("prediction_exporter_") in SELF_METRICS
        or family.removeprefix("prediction_exporter_") in SELF_METRICS
        or series.startswith("process_")
        or series in (metrics.UP, metrics.ALERTS, metrics.FLEET_PSI, metrics.CHANGE_PSI, metrics.CHANGED)
    )
