"""Reports: the same figures from any kind of data, equal to those of scipy and scikit-learn, in every form."""

import json
import math
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc
from scipy import stats
from sklearn import metrics

import exporter
from exporter.offline import OfflineError
from exporter.reporting import Report
from exporter.reporting import report as make
from exporter.reporting.gates import Gates
from exporter.status.words import index
from tests.process import command
from tests.reporting.tables import BEGIN, MOVED, table, written

REFERENCE, CURRENT = table(4000, 1), table(3000, 2, drifted=True)


class Frame:
    """A data frame of any library, as far as Arrow knows it."""

    def __init__(self, data: pa.Table) -> None:
        self._data = data

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._data.__arrow_c_stream__(requested_schema)


report = partial(make, now=datetime(2026, 12, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def made() -> Report:
    return report(Frame(CURRENT), Frame(REFERENCE))


def by_name(made: Report) -> dict[str, Any]:
    (model,) = made.as_dict()["models"]
    return {each["status"]["name"]: each for each in (*model["features"], *model["outputs"])}


def column(data: pa.Table, name: str) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = data[name].drop_null().to_numpy()
    return values


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return the values of a document by their paths; models that are equal differ in the rounding of sums only."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {key: inner for name, each in items for key, inner in flat(each, f"{path}.{name}").items()}
    return {path: pytest.approx(value, rel=1e-6, abs=1e-9) if isinstance(value, float) else value}


def models(made: Report) -> dict[str, Any]:
    return flat(made.as_dict()["models"])


def test_what_has_moved_is_found_and_nothing_else(made: Report) -> None:
    found = by_name(made)
    assert {name for name, each in found.items() if each["status"]["level"] == 2} == MOVED
    assert made.document.level == 2
    headline = made.document.headline[0]
    assert headline.startswith("3 of 4 features have drifted: ")
    assert all(f"{name} (PSI " in headline for name in MOVED)


@pytest.mark.parametrize("name", ["age", "income"])
def test_kolmogorov_smirnov_and_wasserstein_are_scipy_s(made: Report, name: str) -> None:
    tests = by_name(made)[name]["tests"]
    now, before = column(CURRENT, name), column(REFERENCE, name)
    exact = stats.ks_2samp(now, before, method="asymp")
    assert exact.statistic - 0.008 <= tests["ks"] <= exact.statistic + 1e-9
    distance = stats.wasserstein_distance(now, before) / before.std(ddof=1)
    assert tests["wasserstein"] == pytest.approx(distance, abs=0.01)


def test_chi_squared_is_scipy_s(made: Report) -> None:
    tests = by_name(made)["country"]["tests"]
    counts = [
        [int((column(data, "country") == name).sum()) for name in ("DE", "FR", "US")] for data in (CURRENT, REFERENCE)
    ]
    exact = stats.chi2_contingency(counts, correction=False)
    assert tests["chi2"] == pytest.approx(exact.statistic, rel=1e-9)
    assert tests["chi2_pvalue"] == pytest.approx(exact.pvalue, rel=1e-6)


def test_performance_is_scikit_learn_s(made: Report) -> None:
    (model,) = made.as_dict()["models"]
    said, was = (CURRENT[name].to_pylist() for name in ("prediction", "actual"))
    figures = model["status"]["performance"]["figures"]
    assert figures["accuracy"] == pytest.approx(metrics.accuracy_score(was, said))
    for name, score in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ):
        assert figures[name] == pytest.approx(score(was, said, average="weighted"))
    scores = CURRENT["probability"].to_numpy()
    of_yes = np.where(np.array(said) == "yes", scores, 1 - scores)
    assert figures["auc"] == pytest.approx(metrics.roc_auc_score(np.array(was) == "yes", of_yes), abs=0.002)
    assert figures["log_loss"] == pytest.approx(metrics.log_loss(np.array(was) == "yes", of_yes), rel=1e-6)
    error = math.sqrt(figures["accuracy"] * (1 - figures["accuracy"]) / CURRENT.num_rows)
    assert model["standard_errors"]["accuracy"] == pytest.approx(error, rel=0.2)
    labels = ["no", "yes"]
    matrix = metrics.confusion_matrix(was, said, labels=labels)
    assert model["confusion"] == {
        predicted: {
            actual: int(matrix[labels.index(actual), labels.index(predicted)]) for actual in model["confusion"]["no"]
        }
        for predicted in model["confusion"]
    }
    curve = model["curves"]["yes"]
    area = np.trapezoid([0, *curve["recall"]], [0, *curve["false_positive_rate"]])
    assert area == pytest.approx(figures["auc"], abs=0.002)


@pytest.mark.parametrize("name", ["current.parquet", "current.csv", "current.jsonl"])
def test_files_of_any_kind_give_the_same_figures(made: Report, tmp_path: Path, name: str) -> None:
    of_file = report(str(written(tmp_path, name, CURRENT)), Frame(REFERENCE))
    assert models(of_file) == models(made)
    about = of_file.document.about
    assert (about.rows, about.records, about.rejected) == (CURRENT.num_rows, CURRENT.num_rows, {})
    assert about.first == BEGIN.timestamp()


def test_data_may_come_in_several_parts(made: Report, tmp_path: Path) -> None:
    # Not in the order of time.
    parts = [CURRENT.slice(2000), CURRENT.slice(0, 1000), CURRENT.slice(1000, 1000)]
    for number, part in enumerate(parts):
        written(tmp_path, f"part-{number}.parquet", part)
    assert models(report(str(tmp_path), Frame(REFERENCE))) == models(made)
    assert models(report([Frame(part) for part in parts], Frame(REFERENCE))) == models(made)


def test_drift_over_time_is_that_of_the_records_of_each_stretch() -> None:
    # The first half is like the reference.
    data = pa.concat_tables([table(3000, 3), table(3000, 4, drifted=True)])
    start = int(BEGIN.timestamp() * 1e6)
    times = pa.array([start + number * 60_000_000 for number in range(6000)], pa.int64()).cast(
        pa.timestamp("us", "UTC")
    )
    at = data.schema.get_field_index("timestamp")
    found = by_name(report(Frame(data.set_column(at, "timestamp", times)), Frame(REFERENCE)))
    course = found["income"]["status"]["psi_course"]
    assert max(course[: len(course) // 4]) < 0.1
    assert min(course[-len(course) // 4 :]) > 0.2


def test_nested_records_are_read_as_the_sidecar_reads_them(made: Report, tmp_path: Path) -> None:
    rows = [
        {"features": {name: row.pop(name) for name in ("age", "income", "country", "size")}} | row
        for row in CURRENT.to_pylist()
    ]
    lines = [json.dumps(row | {"timestamp": row["timestamp"].isoformat()}) for row in rows]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\nnot JSON\n")
    of_log = report(str(tmp_path / "log.jsonl"), Frame(REFERENCE))
    assert models(of_log) == models(made)
    assert of_log.document.about.rejected == {"invalid_json": 1}
    assert of_log.document.headline[-1] == "1 of 3,001 rows were rejected, most of them for: invalid json."


def test_columns_may_have_other_names() -> None:
    names = {"prediction": "verdict", "probability": "score", "actual": "truth"}
    renamed = [
        data.rename_columns([names.get(name, name) for name in data.schema.names]) for data in (CURRENT, REFERENCE)
    ]
    found = report(Frame(renamed[0]), Frame(renamed[1]), fields=names)
    assert found.document.models[0].status.performance is not None
    assert {each["status"]["name"] for each in by_name(found).values()} >= {"age", "prediction", "probability"}
    assert "verdict" not in by_name(found)


def test_values_have_errors() -> None:
    rng = np.random.default_rng(3)
    value = rng.normal(100, 20, 2000)
    actual = value + rng.normal(0, 5, 2000)
    data = pa.table({"size": value / 2, "prediction": value, "actual": actual})
    figures = report(Frame(data), Frame(data), prediction="value").document.models[0].status.performance
    assert figures is not None
    assert figures.figures["mae"] == pytest.approx(metrics.mean_absolute_error(actual, value))
    assert figures.figures["r2"] == pytest.approx(metrics.r2_score(actual, value))


def test_segments_are_split_by_a_feature() -> None:
    (segment,) = report(Frame(CURRENT), Frame(REFERENCE), segments=["country"]).document.models[0].status.segments
    countries = CURRENT["country"].to_pylist()
    assert {each.value: each.requests for each in segment.values} == {
        name: countries.count(name) for name in {*countries}
    }


def test_html_json_and_markdown_agree(made: Report) -> None:
    page, markdown = made.as_html(), made.as_markdown()
    for name, each in by_name(made).items():
        psi = each["status"]["psi"]
        spelt = index(psi)
        assert f"| {name} |" in markdown
        assert spelt in markdown
        assert f">{spelt}<" in page
    for line in made.document.headline:
        assert line in markdown
        assert line.replace("<", "&lt;") in page


def test_a_page_is_small(made: Report) -> None:
    assert len(made.as_html()) < 60 * 1024
    wide = report(Frame(table(2000, 5, features=20)), Frame(table(2000, 6, features=20)))
    assert len(wide.as_html()) < 150 * 1024
    widest = report(Frame(table(1000, 5, features=500)), Frame(table(1000, 6, features=500)))
    assert len(widest.as_html()) < 1024 * 1024


def test_text_of_the_data_is_escaped() -> None:
    hostile = CURRENT.set_column(2, "country", pa.array(["<script>alert(1)</script>|"] * CURRENT.num_rows))
    found = report(Frame(hostile), Frame(hostile.rename_columns(["<b>age", *hostile.schema.names[1:]])))
    page = found.as_html()
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert "<script>" not in found.as_markdown()


def test_code_for_evidently_before_0_7_keeps_working(made: Report) -> None:
    result = made.as_evidently()
    # As in its tutorials.
    data_set = result["metrics"][0]["result"]
    assert (data_set["dataset_drift"], data_set["number_of_drifted_columns"], data_set["number_of_columns"]) == (
        True,
        3,
        6,
    )
    assert data_set["share_of_drifted_columns"] == 0.5
    drifted = {
        name for name, column in result["metrics"][1]["result"]["drift_by_columns"].items() if column["drift_detected"]
    }
    assert drifted == MOVED
    of_column = {each["result"]["column_name"]: each["result"] for each in result["metrics"][2:]}
    assert of_column["age"]["column_type"] == "num"
    assert of_column["country"]["drift_score"] > of_column["country"]["stattest_threshold"]
    assert sum(of_column["country"]["current"]["small_distribution"]["y"]) == pytest.approx(1)


def test_gates_and_junit(made: Report) -> None:
    gated = Report(made.document, Gates.parse("level=2", ["accuracy=0.99", "f1=0.1", "mae=1"]))
    problems = gated.failures
    assert {line.split(" ")[0] for line in problems} == MOVED | {"accuracy", "mae"}
    suite = ET.fromstring(gated.as_junit())
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == MOVED | {"accuracy", "mae"}
    assert (suite.get("tests"), suite.get("failures")) == ("9", "5")
    assert made.failures == []


def test_the_command_writes_every_form_and_has_an_exit_status(tmp_path: Path) -> None:
    current, reference = (
        written(tmp_path, f"{name}.parquet", data) for name, data in (("c", CURRENT), ("r", REFERENCE))
    )
    outputs = [tmp_path / f"out.{suffix}" for suffix in ("html", "json", "md", "xml")]
    options = [option for path in outputs for option in ("--output", path)]
    done = command("report", current, "--reference", reference, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 of 4 features have drifted")
    found = json.loads(outputs[1].read_text())
    assert found["about"]["command"].startswith("prediction-exporter report ")
    assert all(path.stat().st_size for path in outputs)

    profile = tmp_path / "r.json"
    assert command("profile", reference, "--output", profile).returncode == 0
    gated = command("report", current, "--reference", profile, "--fail-on", "level=2", "--least", "accuracy=0.1")
    assert gated.returncode == 1
    assert "income has drifted: level 2" in gated.stdout
    of_past = tmp_path / "legacy.json"
    command("report", current, "--reference", profile, "--output", of_past, "--json-format", "evidently")
    assert json.loads(of_past.read_text())["metrics"][0]["metric"] == "DatasetDriftMetric"


def test_an_arrow_stream_is_read_from_standard_input(tmp_path: Path) -> None:
    stream = tmp_path / "stream"
    with stream.open("wb") as file, ipc.new_stream(file, CURRENT.schema) as writer:
        writer.write_table(CURRENT)
    reference = written(tmp_path, "r.parquet", REFERENCE)
    with stream.open("rb") as file:
        done = command("report", "-", "--reference", reference, stdin=file)
    assert done.returncode == 0, done.stderr
    assert "3 of 4 features have drifted" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["none.parquet", "--reference", "r.parquet"], "none.parquet: No such file or directory"),
        (["c.parquet", "--reference", "none.json"], "none.json: No such file or directory"),
        (
            ["c.parquet", "--reference", "r.parquet", "-o", "x.pdf"],
            "x.pdf: expected a name that ends in .html, .json, .md, .xml",
        ),
        (
            ["c.parquet", "--reference", "r.parquet", "--fail-on", "3"],
            "--fail-on: expected level=1 or level=2, got '3'",
        ),
        (
            ["c.parquet", "--reference", "r.parquet", "--least", "f1"],
            "--least: expected FIGURE=NUMBER such as accuracy=0.8",
        ),
        (
            ["c.parquet", "--reference", "r.parquet", "--field", "x"],
            "--field: expected FIELD=PATH such as prediction=score",
        ),
        (["c.parquet", "--reference", "r.parquet", "--field", "x=y"], "fields.x: no such record field"),
        (["c.parquet", "--reference", "broken.json"], "broken.json"),
        (["s3://127.0.0.1:1/x", "--reference", "r.parquet"], "s3://127.0.0.1:1/x"),
        (["-", "--reference", "r.parquet"], "-: expected an Arrow stream"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, arguments: list[str], problem: str) -> None:
    written(tmp_path, "c.parquet", CURRENT.slice(0, 200))
    written(tmp_path, "r.parquet", REFERENCE.slice(0, 200))
    (tmp_path / "broken.json").write_text('{"version": 1, "rows": 5, "features": {"a": 1}}')
    with (tmp_path / "broken.json").open("rb") as file:
        done = command("report", *arguments, cwd=tmp_path, stdin=file)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if problem in line], done.stderr
    assert "Traceback" not in done.stderr


def test_features_alone_are_enough() -> None:
    alone = [Frame(data.select(["age", "income", "country", "size"])) for data in (CURRENT, REFERENCE)]
    found = report(*alone)
    assert {name for name, each in by_name(found).items() if each["status"]["level"] == 2} == MOVED
    assert "Predicted classes" not in found.as_html()


def test_columns_that_are_not_in_the_reference_are_named() -> None:
    found = report(Frame(CURRENT.append_column("tenure", CURRENT["age"])), Frame(REFERENCE))
    assert found.document.headline[-1] == "1 column is not in the reference: tenure."


def test_a_name_that_cannot_be_read_is_one_line() -> None:
    quoted = REFERENCE.rename_columns(['the "age"', *REFERENCE.schema.names[1:]])
    with pytest.raises(OfflineError, match="a key with a quote"):
        report(Frame(quoted), Frame(quoted))


def test_data_without_predictions_says_so() -> None:
    without = report(Frame(CURRENT.drop_columns(["prediction"])), Frame(REFERENCE))
    assert without.document.headline == [
        "There are no predictions in the data.",
        "3,000 of 3,000 rows were rejected, most of them for: missing field.",
    ]
    empty = report(Frame(CURRENT.slice(0, 0)), Frame(REFERENCE))
    assert empty.document.headline == ["There are no predictions in the data."]
    assert "There are no predictions in the data." in empty.as_html()
    with pytest.raises(OfflineError, match="no predictions"):
        report(Frame(CURRENT), Frame(REFERENCE.slice(0, 0)))


def test_the_package_has_it_too() -> None:
    assert exporter.report is make
    with pytest.raises(AttributeError, match="no attribute 'reports'"):
        _ = exporter.reports


def test_a_notebook_shows_the_page(made: Report) -> None:
    assert made._repr_html_() == made.as_html()
    assert made.document.about.created == "2026-12-01T00:00:00+00:00"
