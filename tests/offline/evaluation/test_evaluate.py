"""`prediction-exporter evaluate`: archives and their ground truth, against scikit-learn, and its exit status."""

import gzip
import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from sklearn import metrics

from tests.offline.commands import evaluated, run
from tests.process import command

Rows = list[dict[str, Any]]


def rows(month: int, number: int, wrong: float, seed: int) -> Rows:
    """Return predictions with their `actual`; a share of them is wrong."""
    chance = random.Random(seed)
    made = []
    for index in range(number):
        score = chance.random()
        prediction = "yes" if score >= 0.5 else "no"
        other = "no" if prediction == "yes" else "yes"
        made.append(
            {
                "request_id": f"{month}-{index}",
                "timestamp": f"2026-{month:02}-10T12:00:00Z",
                "model_name": "m",
                "model_version": "1",
                "features": {"x": score},
                "prediction": prediction,
                "probability": {"yes": score, "no": 1 - score},
                "actual": other if chance.random() < wrong else prediction,
            }
        )
    return made


GOOD, BAD = rows(5, 400, 0.1, 1), rows(6, 300, 0.4, 2)


def without_truth(made: Rows) -> Rows:
    return [{name: value for name, value in row.items() if name != "actual"} for row in made]


def truth_of(made: Rows) -> Rows:
    return [{"request_id": row["request_id"], "actual": row["actual"]} for row in made]


def write(path: Path, made: Rows) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in made).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "log.jsonl.gz", without_truth(GOOD + BAD))


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return write(tmp_path / "truth.jsonl", truth_of(GOOD + BAD))


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    source = write(tmp_path / "reference.jsonl", rows(1, 1000, 0.1, 3))
    assert run("profile", source, "--output", tmp_path / "reference.json").exit_code == 0
    return tmp_path / "reference.json"


def test_all_figures_equal_those_of_scikit_learn(log: Path, truth: Path, reference: Path) -> None:
    (model,) = evaluated(log, "--truth", truth, "--reference", reference)["models"]
    actual, predicted = ([row[key] for row in GOOD + BAD] for key in ("actual", "prediction"))
    scores = [row["probability"]["yes"] for row in GOOD + BAD]
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(actual, predicted, average="weighted")
    expected = {
        "accuracy": metrics.accuracy_score(actual, predicted),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "brier_score": metrics.brier_score_loss([value == "yes" for value in actual], scores),
        "log_loss": metrics.log_loss([value == "yes" for value in actual], scores),
    }
    assert {name: model["figures"][name] for name in expected} == pytest.approx(expected, abs=1e-9)
    auc = metrics.roc_auc_score([value == "yes" for value in actual], scores)
    assert model["figures"]["auc"] == pytest.approx(auc, abs=0.002)
    confusion = metrics.confusion_matrix(actual, predicted, labels=["yes", "no"])
    assert [[model["confusion"][p][a] for p in ("yes", "no")] for a in ("yes", "no")] == confusion.tolist()
    assert model["outcomes"] == model["predictions"] == len(GOOD + BAD)


def test_only_predictions_of_the_time_span_are_evaluated(log: Path, truth: Path) -> None:
    answer = evaluated(log, "--truth", truth, "--from", "2026-06-01", "--to", "2026-07-01")
    (model,) = answer["models"]
    right = sum(row["prediction"] == row["actual"] for row in BAD)
    assert model["figures"]["accuracy"] == pytest.approx(right / len(BAD))
    assert answer["unused_truths"] == len(GOOD)


@pytest.mark.parametrize(("span", "status"), [("2026-06-01", 0), (None, 1)])
def test_a_drop_below_the_baseline_fails(
    log: Path, truth: Path, reference: Path, span: str | None, status: int
) -> None:
    until = ("--to", span) if span else ()
    result = run("evaluate", log, "--truth", truth, "--reference", reference, "--max-drop", "f1=0.05", *until)
    assert result.exit_code == status
    assert ("FAILED m 1: f1 is " in result.stdout) == bool(status)


def test_a_figure_below_its_limit_fails_and_so_does_an_unknown_one(log: Path, truth: Path) -> None:
    assert run("evaluate", log, "--truth", truth, "--least", "accuracy=0.7").exit_code == 0
    drop = run("evaluate", log, "--truth", truth, "--max-drop", "accuracy=0.5")
    assert drop.exit_code == 1
    assert "the baseline, which is unknown" in drop.stdout


def test_the_process_exits_with_the_status(log: Path, truth: Path) -> None:
    assert command("evaluate", log, "--truth", truth, "--least", "accuracy=0.99").returncode == 1


@pytest.mark.parametrize(("which", "expected"), [("first", 0.0), ("last", 1.0)])
def test_the_chosen_one_of_several_labels_counts(tmp_path: Path, which: str, expected: float) -> None:
    log = write(tmp_path / "log.jsonl", [{"request_id": "a", "prediction": "x"}] * 2)
    truths = [{"request_id": "a", "actual": label} for label in ("y", "y", "x")]
    answer = evaluated(log, "--truth", write(tmp_path / "truth.jsonl", truths), "--revision", which)
    (model,) = answer["models"]
    assert model["figures"]["accuracy"] == expected
    assert model["outcomes"] == 1
    assert (answer["repeated_truths"], answer["revised_truths"]) == (1, 1)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_are_read_too(tmp_path: Path, log: Path, kind: str) -> None:
    table = pa.Table.from_pylist(truth_of(GOOD))
    folder = tmp_path / "truths"
    folder.mkdir()
    if kind == "csv":
        csv.write_csv(table, folder / "truth.csv")
    else:
        parquet.write_table(table, folder / "truth.parquet")
    # Spark writes such files.
    (folder / "_SUCCESS").write_text("")
    (folder / f".truth.{kind}.crc").write_bytes(b"crc\x00")
    answer = evaluated(log, "--truth", folder)
    (model,) = answer["models"]
    assert model["outcomes"] == len(GOOD)
    assert answer["rejected_lines"] == {}


def test_ground_truth_is_read_from_a_database(tmp_path: Path, log: Path) -> None:
    with sqlite3.connect(tmp_path / "labels.db") as database:
        database.execute("CREATE TABLE labels (id INTEGER PRIMARY KEY, request_id TEXT, outcome TEXT)")
        database.executemany(
            "INSERT INTO labels (request_id, outcome) VALUES (?, ?)",
            [(row["request_id"], row["actual"]) for row in GOOD],
        )
    config = tmp_path / "config.yaml"
    config.write_text(
        "sources: [log.jsonl]\n"
        "ground_truth:\n"
        f"  sources: [{{url: 'sqlite:///{tmp_path}/labels.db', mark: id, rows: 150,\n"
        "             query: 'SELECT id, request_id, outcome FROM labels WHERE id > :mark'}]\n"
        "  fields: {actual: outcome}\n"
    )
    (model,) = evaluated(log, "--config", config)["models"]
    right = sum(row["prediction"] == row["actual"] for row in GOOD)
    assert model["figures"]["accuracy"] == pytest.approx(right / len(GOOD))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["{log}"], "--truth: expected a file of ground truth"),
        (["no.jsonl", "--truth", "{truth}"], "no.jsonl: No such file or directory"),
        (["{log}", "--truth", "{truth}", "--least", "f2=1"], "--least: no such figure 'f2'"),
        (["{log}", "--truth", "{truth}", "--least", "f1=high"], "--least: expected f1=NUMBER, got 'f1=high'"),
        (
            ["{log}", "--truth", "{truth}", "--least", "mae=1"],
            "--least: does not apply to mae, for which less is better",
        ),
        (["{log}", "--truth", "{truth}", "--from", "yesterday"], "--from: expected a date or time such as"),
        (
            ["{log}", "--truth", "{truth}", "--from", "2026-07-01", "--to", "2026-06-01"],
            "--to: expected a time after --from, which is 2026-07-01, got '2026-06-01'",
        ),
        (["{log}", "--truth", "{truth}", "--reference", "no.json"], "no.json: No such file or directory"),
    ],
)
def test_a_mistake_is_one_line(log: Path, truth: Path, arguments: list[str], problem: str) -> None:
    result = run("evaluate", *(argument.format(log=log, truth=truth) for argument in arguments))
    assert result.exit_code == 2
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1
