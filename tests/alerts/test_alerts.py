"""Every alert, by promtool: it fires with exactly these labels and words, alone; it bears a near miss; it resolves."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.alerts import cases_drift, cases_performance, cases_quality, cases_serving, cases_sidecar
from tests.alerts.rule_files import ALERTS
from tests.alerts.timeline import Case, fired, firing, in_namespace, nothing_beside, run_series, simulation

CASES = [
    *cases_serving.CASES,
    *cases_drift.CASES,
    *cases_quality.CASES,
    *cases_performance.CASES,
    *cases_sidecar.CASES,
]


def together(cases: Sequence[Case]) -> list[list[Case]]:
    """Group cases that promtool can run at once, each in a namespace named after its alert, to evaluate rules once.

    They have the same times and files, and the alert of each fires in no other.
    """
    groups: list[list[Case]] = []
    for case in cases:
        names = {case.alert, *case.also, *case.beside}
        for group in groups:
            first = group[0]
            if (case.step, case.files, case.begins) == (first.step, first.files, first.begins) and not any(
                other.alert in names or case.alert in (other.alert, *other.also, *other.beside) for other in group
            ):
                group.append(case)
                break
        else:
            groups.append([case])
    return groups


def expected(case: Case) -> dict[str, dict[str, str]]:
    alert = ALERTS[case.alert]
    written = alert["annotations"]
    labels = {**case.labels, "namespace": case.alert, **alert["labels"]}
    dashboard, _, variables = written["dashboard_url"].partition("?")
    chosen = [name for name in re.findall(r"var-(\w+)=", variables) if name in labels]
    texts = {
        "summary": case.summary,
        "description": case.says,
        "runbook_url": written["runbook_url"],
        "dashboard_url": f"{dashboard}?" + "&".join(f"var-{name}={labels[name]}" for name in chosen),
    }
    return {"exp_labels": labels, "exp_annotations": texts}


@pytest.mark.servers
@pytest.mark.parametrize("cases", together(CASES), ids=lambda cases: cases[0].alert)
def test_it_fires_alone_bears_a_near_miss_and_resolves(cases: list[Case], tmp_path: Path) -> None:
    series, alerts, expressions = {}, [], []
    until = max(case.over for case in cases)
    for case in cases:
        series |= in_namespace(simulation(case, until), case.alert)
        alerts += [
            {"eval_time": f"{case.told}m", "alertname": case.alert, "exp_alerts": [expected(case)]},
            {"eval_time": f"{case.over}m", "alertname": case.alert, "exp_alerts": []},
        ]
        expressions += [
            firing(case.begins, (), case.alert),
            firing(case.told, [case.alert, *case.also], case.alert),
            fired(case.over, [case.alert, *case.also], case.alert),
            nothing_beside(case.over, case.beside, case.alert),
        ]
    if wrong := run_series(tmp_path, cases[0], series, {"alert_rule_test": alerts, "promql_expr_test": expressions}):
        pytest.fail(wrong)


def test_every_alert_has_a_case() -> None:
    assert ALERTS.keys() - {case.alert for case in CASES} == set()


def test_an_alert_says_all_that_it_should() -> None:
    texts = [(case.alert, case.summary, case.says) for case in CASES]
    assert [name for name, summary, _ in texts if not re.fullmatch(r"[A-Z0-9].*[\w%`]\.", summary)] == []
    assert [name for name, _, says in texts if " First " not in says] == []
    # Nothing is left out of the middle of a sentence.
    assert [name for name, *both in texts if re.search(r"  | [.,:;)]|\( |:\.", " ".join(both))] == []
