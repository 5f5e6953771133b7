"""Every alert, by promtool: it fires with exactly these labels and words, alone; it bears a near miss; it resolves."""

import re
from pathlib import Path

import pytest

from tests.alerts import cases_drift, cases_performance, cases_quality, cases_serving, cases_sidecar
from tests.alerts.rule_files import ALERTS
from tests.alerts.timeline import Case, fired, firing, nothing_beside, run

CASES = [
    *cases_serving.CASES,
    *cases_drift.CASES,
    *cases_quality.CASES,
    *cases_performance.CASES,
    *cases_sidecar.CASES,
]


def expected(case: Case) -> dict[str, object]:
    alert = ALERTS[case.alert]
    written = alert["annotations"]
    variables = "&".join(
        f"var-{name}={case.labels[name]}" for name in ("model_name", "model_version") if name in case.labels
    )
    texts = {
        "summary": written["summary"],
        "description": case.says,
        "value": case.value,
        "limit": case.limit,
        "runbook_url": written["runbook_url"],
        "dashboard_url": written["dashboard_url"].split("?")[0] + (f"?{variables}" if variables else ""),
    }
    return {
        "exp_labels": {**case.labels, **alert["labels"]},
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


def test_every_alert_has_a_case() -> None:
    assert ALERTS.keys() - {case.alert for case in CASES} == set()


def test_an_alert_says_all_that_it_should() -> None:
    texts = {name: alert["annotations"] for name, alert in ALERTS.items()}
    assert [name for name, each in texts.items() if not re.fullmatch(r"[A-Z][^{}]*[a-z`]\.", each["summary"])] == []
    assert [name for name, each in texts.items() if "First " not in each["description"]] == []
