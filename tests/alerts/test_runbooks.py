"""The runbooks: one for each alert, whole, and with queries that Prometheus understands, of series that there are."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from alerts.rule_files import RECORDED, Rule
from tests.alerts.rule_files import ALERTS, RECORDINGS
from tests.exported import documented
from tests.servers import require

ROOT = Path(__file__).parent.parent.parent
RUNBOOKS = {file.stem: file.read_text() for file in sorted((ROOT / "alerts" / "runbooks").glob("*.md"))}
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
    "model_error_rate_drift",
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


def unknown(expression: str) -> set[str]:
    """Return the names of metrics in an expression that nothing exports or records."""
    named = {*re.findall(r"(?<![\w:\"~=])(?:model|prediction_exporter)_[a-z0-9_]+(?![\w:(])", expression)}
    named -= {*re.findall(r"(?:by|on|without) \(([^)]*)\)", expression)}
    plain = {re.sub(r"_(bucket|count|sum)$", "", name) for name in named if not name.startswith("model_name")}
    return {name for name in plain if name not in KEYWORDS} - documented() - COMING


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert RUNBOOKS.keys() == ALERTS.keys()


def lacks(name: str, text: str, alert: Rule) -> list[str]:
    """Return what a runbook lacks."""
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)]
    dashboard = alert["annotations"]["dashboard_url"].split("?")[0].rpartition("/")[2]
    facts = f"Severity: {alert['labels']['severity']}. Fires after {alert['for']}"
    if "keep_firing_for" in alert:
        facts += f", and keeps firing for {alert['keep_firing_for']} after the condition ends"
    facts += f". Dashboard: `{dashboard}`."
    has = {
        f"the title {name} and a first sentence": bool(re.match(rf"# {name}\n\n[A-Z].*\.\n\n", text)),
        facts: facts in text.splitlines(),
        f"the sections {SECTIONS}": re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS,
        "a silence": f"alertname={name} " in text,
        "queries": bool(queries(text)),
        "links to files that exist": all((ROOT / "alerts" / "runbooks" / link).exists() for link in links),
    }
    return [what for what, is_there in has.items() if not is_there]


def test_runbooks_are_whole() -> None:
    assert {name: lacking for name, text in RUNBOOKS.items() if (lacking := lacks(name, text, ALERTS[name]))} == {}


def unknown_series(expression: str) -> set[str]:
    return ({*RECORDED.findall(expression)} - RECORDINGS.keys()) | unknown(expression)


def test_queries_of_runbooks_name_only_what_there_is() -> None:
    asked = {query for text in RUNBOOKS.values() for query in queries(text)}
    assert {query: wrong for query in asked if (wrong := unknown_series(query))} == {}


def test_alerts_name_only_what_there_is() -> None:
    assert unknown_series("model_nowhere + slo:nowhere:ratio + up") == {"model_nowhere", "slo:nowhere:ratio"}
    assert {name: wrong for name, alert in ALERTS.items() if (wrong := unknown_series(alert["expr"]))} == {}


@pytest.mark.servers
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    asked = [query for text in RUNBOOKS.values() for query in queries(text)]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(asked)]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run([require("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
