"""Every query of every panel and variable, asked of a real Prometheus as Grafana would, gives something."""

import math
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.alerts.rule_files import rule_files
from tests.dashboards.asked import Asked, chosen
from tests.dashboards.grafana import NAMES, fill_in, interpolated, panels, read, variables
from tests.dashboards.sidecars import models
from tests.dashboards.test_dashboard_metrics import NAMED
from tests.process import wait_until
from tests.screenshots.results import document, empty
from tests.servers import Prometheus, prometheus, require

pytestmark = pytest.mark.servers

SPAN_SECONDS = 300.0
STEP_SECONDS = 2.0
# A scrape that takes longer fails, and what the dashboards show of its target is gone until the next.
SCRAPE_SECONDS = 4
# Labels that only series of several clusters or namespaces have.
PLACE = {"cluster", "namespace"}
WEEK_SECONDS = 7 * 86400
PARTS = 3
# What fires here fires always; the rules of alerts/ are tested where they are.
ALERT = """\
groups:
- name: firing
  interval: 1s
  rules:
  - alert: Critical
    expr: 'model_threshold{metric="accuracy"} > 0'
    labels: {severity: critical, ruleset: prediction-exporter}
  - alert: Warning
    expr: 'model_threshold{metric="accuracy"} > 0'
    labels: {severity: warning, ruleset: prediction-exporter}
  - alert: Whole
    expr: 'max by (model_name) (model_threshold{metric="accuracy"}) > 0'
    labels: {severity: info, ruleset: prediction-exporter}
  - {alert: Down, expr: 'vector(1)', labels: {severity: critical, ruleset: prediction-exporter, theme: sidecar}}
  - {alert: Behind, expr: 'vector(1)', labels: {severity: warning, ruleset: prediction-exporter, theme: sidecar}}
  - {alert: Capped, expr: 'vector(1)', labels: {severity: info, ruleset: prediction-exporter, theme: sidecar}}
  - {alert: NotOurs, expr: 'vector(1)', labels: {severity: critical}}
"""
# What the dashboard of comparisons asks about last week.
COMPARED = re.compile(
    r"model_(predictions|prediction_errors|prediction_latency|prediction_probability|window_samples|accuracy"
    r"|drifted_features_ratio|drift_judged_features|feature_bin|feature_reference_bin|window_outcomes)"
)


def last_week(folder: Path, page: str) -> None:
    """Put a minute of a week ago into Prometheus's folder: a sidecar's own page, whose counters grow."""
    found = [line.rpartition(" ") for line in page.splitlines() if COMPARED.match(line)]
    begin = int(time.time() - WEEK_SECONDS) - 20
    with (folder / "week.txt").open("w") as file:
        for name, series in _by_metric(found):
            file.write(f"# TYPE {name} unknown\n")
            for labels, value in series:
                grows = re.search(r"_(total|bucket|sum|count){", labels) is not None
                for second in range(80):
                    scaled = float(value) * (1 + second / 80) if grows else float(value)
                    file.write(f'{labels[:-1]},instance="week",job="model"}} {scaled} {begin + second}\n')
        file.write("# EOF\n")
    subprocess.run(
        [require("promtool"), "tsdb", "create-blocks-from", "openmetrics", folder / "week.txt", folder / "tsdb"],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _by_metric(found: list[tuple[str, str, str]]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    grouped: dict[str, list[tuple[str, str]]] = {}
    for labels, _, value in found:
        grouped.setdefault(labels.split("{")[0], []).append((labels, value))
    yield from grouped.items()


def complete(server: Prometheus, targets: int) -> float:
    """Return a time of which Prometheus has the samples of all targets and rules, when no scrape can change that."""
    times: list[float] = []

    def is_complete() -> bool:
        times.append(time.time())
        server.wait_for(f"min(timestamp(up)) > {times[-1]}")
        recorded = "model_version_feature:model_feature_drift_psi:increase1h and on () ALERTS"
        return bool(server.labelled(f"sum(up) == {targets} and on () ({recorded})", times[-1]))

    wait_until(is_complete, lambda: server.labelled("up"))
    return times[-1]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("dashboards")
    rules = rule_files(folder)
    (folder / "rules" / "firing.yaml").write_text(ALERT)
    fairness = folder / "rules" / "fairness.yaml"
    # Within the time of a test there may be no whole hour.
    fairness.write_text(fairness.read_text().replace("[23h59m59s999ms:1h]", "[20s:1s]"))
    with ExitStack() as stack:
        served = stack.enter_context(models(folder))
        last_week(folder, served["credit"].sidecar.get("/metrics"))
        targets = [model.sidecar.address.removeprefix("http://") for model in served.values()]
        server = stack.enter_context(prometheus(folder, *targets, interval=f"{SCRAPE_SECONDS}s", rules=rules))
        server.wait_for(f"model_reference_info and model_reference_info offset {SCRAPE_SECONDS}s")
        for _ in range(PARTS):
            for model in served.values():
                model.serve()
            records = sum(model.records for model in served.values())
            server.wait_for(f"sum(prediction_exporter_source_records_total) == {records}")
        yield Asked(server.address, complete(server, len(targets)), SPAN_SECONDS, STEP_SECONDS)


@pytest.mark.parametrize("name", NAMES)
def test_every_query_gives_something_and_what_its_legend_names(name: str, asked: Asked) -> None:
    dashboard = read(name)
    filled = chosen(dashboard, asked, scrape=SCRAPE_SECONDS)
    wrong = []
    for panel in panels(dashboard):
        columns: set[str] = set()
        for target in panel["targets"]:
            where = f"{panel['title']} {target['refId']}: {target['expr']}"
            found = asked.series(fill_in(target["expr"], filled), instant=target["instant"])
            if isinstance(found, str):
                wrong.append(f"{where}: {found}")
                continue
            labels = {label for metric, _ in found for label in metric}
            columns |= labels
            named = {*re.findall(r"{{(\w+)}}", target["legendFormat"])}
            if not found or all(math.isnan(value) for _, values in found for value in values):
                wrong.append(f"{where}: nothing")
            elif not named <= labels | PLACE:
                wrong.append(f"{where}: no label {named - labels - PLACE}")
        for transformation in panel["transformations"]:
            if transformation["id"] == "organize":
                titles = {key for key in transformation["options"]["renameByName"] if not key.startswith("Value")}
                if missing := titles - columns - PLACE:
                    wrong.append(f"{panel['title']}: no column {missing}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_every_annotation_is_there(name: str, asked: Asked) -> None:
    dashboard = read(name)
    filled = chosen(dashboard, asked, scrape=SCRAPE_SECONDS)
    for mark in dashboard["annotations"]["list"]:
        if "expr" in mark:
            assert asked.series(fill_in(mark["expr"], filled), instant=False), mark["name"]


def test_all_that_a_picture_shows_is_asked_for(asked: Asked) -> None:
    dashboard = read("drift")
    made = document(dashboard, asked, scrape=SCRAPE_SECONDS, picked={"feature": "income"})
    assert made["variables"]["feature"] == "income"
    assert made["variables"]["model_name"] == "All"
    for panel in panels(dashboard):
        answers = made["results"][panel["id"]]
        assert [*answers] == [target["refId"] for target in panel["targets"]]
        assert all(answers.values()), panel["title"]
    assert empty(made) == []
    first = next(panels(dashboard))
    assert empty(made | {"results": made["results"] | {first["id"]: {"A": []}}}) == [first["title"]]
    assert all(made["marks"].values())


def test_one_value_and_several_are_chosen_too(asked: Asked) -> None:
    dashboard = read("model")
    filled = chosen(dashboard, asked, scrape=SCRAPE_SECONDS)
    (version,) = (variable for variable in variables(dashboard) if variable["name"] == "model_version")
    (requests,) = (
        panel for panel in panels(dashboard) if panel["title"] == "Requests" and panel["type"] == "timeseries"
    )
    for values in (["3"], ["3", "4"]):
        expression = fill_in(requests["targets"][0]["expr"], filled | {"model_version": interpolated(version, values)})
        assert sorted(metric["model_version"] for metric, _ in asked.series(expression, instant=False)) == values


def test_a_model_of_values_has_bins_of_values_and_no_classes(asked: Asked) -> None:
    dashboard = read("model")
    filled = chosen(dashboard, asked, scrape=SCRAPE_SECONDS, picked={"model_name": "rent"})
    found = {
        (panel["title"], target["refId"]): asked.series(fill_in(target["expr"], filled), instant=target["instant"])
        for panel in panels(dashboard)
        for target in panel["targets"]
    }
    now, reference = (dict(_bins(found["Predictions, against the reference", letter])) for letter in "AB")
    assert {*now} == {*reference}
    assert all(re.match(r"[0-9]+: [\[(]", name) or name in ("missing", "other") for name in reference)
    assert sum(now.values()) == pytest.approx(1)
    assert sum(reference.values()) == pytest.approx(1)
    assert found["Class mix", "A"] == []


def test_alerts_on_a_model_or_on_a_sidecar_are_counted_and_listed(asked: Asked) -> None:
    def found(name: str, title: str, **picked: str) -> list[tuple[Mapping[str, str], list[float]]]:
        dashboard = read(name)
        filled = chosen(dashboard, asked, scrape=SCRAPE_SECONDS, picked=picked)
        (panel,) = (panel for panel in panels(dashboard) if panel["title"] == title)
        return asked.series(fill_in(panel["targets"][0]["expr"], filled), instant=True)

    listed = [labels for labels, _ in found("fleet", "Firing alerts", model_name="credit")]
    names = {labels["alertname"] for labels in listed}
    assert {"Critical", "Warning", "Whole", "Down", "Behind", "Capped"} <= names
    assert "NotOurs" not in names
    assert {labels.get("model_name", "credit") for labels in listed} == {"credit"}
    of_sidecars = {labels["alertname"] for labels, _ in found("exporter", "Firing alerts")}
    assert {"Down", "Behind", "Capped"} <= of_sidecars
    assert not {"Critical", "Warning", "Whole", "NotOurs"} & of_sidecars
    for _, [since] in found("fleet", "Firing alerts"):
        assert asked.end - 600 < since / 1000 <= asked.end
    ((_, [count]),) = found("fleet", "Alerts firing")
    assert count >= len(listed)


def test_data_quality_shows_the_feature_with_most_unseen_values_and_that_it_exceeds_its_limit(asked: Asked) -> None:
    dashboard = read("quality")
    filled = chosen(dashboard, asked, scrape=SCRAPE_SECONDS, picked={"model_name": "credit"})
    titles = ["Unseen, % of limit", "Features beyond a limit", "Features"]
    stat, timeline, rows = (next(panel for panel in panels(dashboard) if panel["title"] == title) for title in titles)
    ((labels, [share]),) = asked.series(fill_in(stat["targets"][0]["expr"], filled), instant=True)
    # A third of the countries are not in the reference.
    assert labels["feature_name"] == "country"
    assert share > 1
    assert {"color": "red", "value": 1.0} in stat["fieldConfig"]["defaults"]["thresholds"]["steps"]
    states = [asked.series(fill_in(target["expr"], filled), instant=False) for target in timeline["targets"]]
    assert any(metric["feature_name"] == "country" and values[-1] > 1 for each in states for metric, values in each)
    worst = rows["targets"][2]["expr"]
    found = asked.series(fill_in(worst, filled), instant=True)
    assert max(found, key=lambda each: each[1][0])[0]["feature_name"] == "country"


def _bins(series: list[tuple[Mapping[str, str], list[float]]]) -> Iterator[tuple[str, float]]:
    for labels, [value] in series:
        yield labels["bin"], value


def test_a_query_for_what_is_not_there_is_found(asked: Asked) -> None:
    assert asked.series("model_predictions", instant=False) == []
    assert "parse error" in asked.series("sum(", instant=True)


def test_every_metric_that_is_named_is_there(asked: Asked) -> None:
    """Of a query, another branch of an `or` might have given something."""
    metrics = [name for name in NAMED.values() if "$" not in name and "(" not in name]
    assert len(metrics) > 100
    assert [name for name in metrics if not asked.series(f'{{__name__=~"{name}(_count)?"}}', instant=True)] == []
