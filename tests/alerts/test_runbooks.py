"""The runbooks: one for each alert, whole, and with queries that Prometheus understands, of series that there are."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from alerts.__main__ import FILES
from tests.servers import require

ROOT = Path(__file__).parent.parent.parent
RUNBOOKS = {file.stem: file.read_text() for file in sorted((ROOT / "alerts" / "runbooks").glob("*.md"))}
ALERTS = {alert.name: alert for file in FILES for group in file.groups for alert in group.alerts}
RECORDED = {rule.name for file in FILES for group in file.groups for rule in group.recordings}
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Tuning and silencing"]
# What comes with ground truth and attributions.
COMING = {
    "model_outcomes_total",
    "model_window_outcomes",
    "model_accuracy",
    "model_recall",
    "model_expected_calibration_error",
    "model_mae",
    "model_rmse",
    "model_mape",
    "model_bias",
    "model_residual_quantile",
    "model_performance_baseline",
    "model_performance_drop",
    "model_performance_degraded",
    "model_concept_drift",
    "model_concept_drift_detections_total",
    "model_label_drift_psi",
    "model_label_drift_psi_critical",
    "model_estimated_accuracy",
    "model_estimated_stderr",
    "model_attribution_share",
    "model_attribution_rank",
    "model_attribution_ranking_ndcg",
    "model_attribution_drift_psi",
    "model_attribution_drift_psi_critical",
    "prediction_exporter_joins_total",
    "prediction_exporter_joins_waiting",
}
KEYWORDS = {"model_name", "model_version", "prediction_exporter"}


def queries(text: str) -> list[str]:
    return [line for block in re.findall(r"```promql\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]


def exported() -> set[str]:
    """Return the metrics of the page of reference, which is made from the code."""
    from tests.test_house import metrics  # noqa: PLC0415  # that module reads much when it is loaded

    return {*metrics()}


def unknown(expression: str) -> set[str]:
    """Return the names of metrics in an expression that nothing exports or records."""
    named = {*re.findall(r"(?<![\w:\"~=])(?:model|prediction_exporter)_[a-z0-9_]+(?![\w:(])", expression)}
    named -= {*re.findall(r"(?:by|on|without) \(([^)]*)\)", expression)}
    plain = {re.sub(r"_(bucket|count|sum)$", "", name) for name in named if not name.startswith("model_name")}
    return {name for name in plain if name not in KEYWORDS} - exported() - COMING


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert RUNBOOKS.keys() == ALERTS.keys()


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_runbook_is_whole(name: str) -> None:
    text, alert = RUNBOOKS[name], ALERTS[name]
    assert text.startswith(f"# {name}\n\n{alert.summary} Severity: {alert.severity}; told after {alert.pending}")
    assert f"`prediction-exporter-{alert.dashboard}`" in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert f"alertname={name} " in text
    assert queries(text)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (ROOT / "alerts" / "runbooks" / link.split("#")[0]).exists()


@pytest.mark.parametrize("name", RUNBOOKS)
def test_its_queries_name_only_what_there_is(name: str) -> None:
    for query in queries(RUNBOOKS[name]):
        assert {*re.findall(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", query)} <= RECORDED
        assert unknown(query) == set()


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)
def test_an_alert_names_only_what_there_is(alert) -> None:
    assert {*re.findall(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", alert.expression)} <= RECORDED
    assert unknown(alert.expression) == set()


@pytest.mark.servers
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    asked = [query for text in RUNBOOKS.values() for query in queries(text)]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(asked)]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run([require("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
