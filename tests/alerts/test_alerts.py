"""Every alert, by promtool: it fires with exactly these labels and words, alone; it bears a near miss; it resolves."""

import re
from pathlib import Path

import pytest

from alerts.__main__ import FILES
from alerts.alert import Links
from tests.alerts import cases_drift, cases_performance, cases_quality, cases_serving, cases_sidecar
from tests.alerts.timeline import Case, fired, firing, nothing_beside, run

CASES = [
    *cases_serving.CASES,
    *cases_drift.CASES,
    *cases_quality.CASES,
    *cases_performance.CASES,
    *cases_sidecar.CASES,
]
ALERTS = {alert.name: alert for file in FILES for group in file.groups for alert in group.alerts}
ROOT = Path(__file__).parent.parent.parent
each_alert = pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)


def expected(case: Case) -> dict[str, object]:
    alert = ALERTS[case.alert]
    links = alert.annotations(Links())
    variables = "&".join(
        f"var-{name}={case.labels[name]}" for name in ("model_name", "model_version") if name in case.labels
    )
    texts = {
        "summary": alert.summary,
        "description": case.says,
        "value": case.value,
        "limit": case.limit,
        "runbook_url": links["runbook_url"],
        "dashboard_url": links["dashboard_url"].split("?")[0] + (f"?{variables}" if variables else ""),
    }
    return {
        "exp_labels": {**case.labels, **alert.labels},
        "exp_annotations": {name: text for name, text in texts.items() if text},
    }


@pytest.mark.servers
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_it_fires_alone_bears_a_near_miss_and_resolves(case: Case, tmp_path: Path) -> None:
    told = case.begins + case.fires
    over = told + 2 * case.step + case.resolves
    tests = {
        "alert_rule_test": [
            {"eval_time": f"{told}m", "alertname": case.alert, "exp_alerts": [expected(case)]},
            {"eval_time": f"{over}m", "alertname": case.alert, "exp_alerts": []},
        ],
        "promql_expr_test": [
            firing(case.begins, ()),
            firing(told, [case.alert, *case.also]),
            fired(over, [case.alert, *case.also]),
            nothing_beside(over, case.beside),
        ],
    }
    if wrong := run(tmp_path, case, tests):
        pytest.fail(wrong)


@each_alert
def test_every_alert_has_a_case(alert) -> None:
    assert alert.name in {case.alert for case in CASES}


@each_alert
def test_an_alert_says_all_that_it_should(alert) -> None:
    texts = alert.annotations(Links("https://grafana", "https://runbooks"))
    assert texts["runbook_url"] == f"https://runbooks/{alert.name}.md"
    assert texts["dashboard_url"].startswith("https://grafana/d/prediction-exporter-")
    assert re.fullmatch(r"[A-Z][^{}]*[a-z`]\.", texts["summary"])
    assert "First " in texts["description"]
    assert re.fullmatch(r"(Model|PredictionExporter)([A-Z][a-z]+)+", alert.name)
    assert re.fullmatch(r"[0-9]+[mh]", alert.pending)


@each_alert
def test_no_value_is_in_a_label(alert) -> None:
    assert all("{" not in text for text in alert.labels.values())
