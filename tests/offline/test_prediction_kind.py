"""What predictions and their scores are: classes or values, and the score of the prediction or of one class."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score, roc_auc_score

from exporter.configuration import loading
from exporter.configuration.loading import ConfigError
from exporter.reference import profile_file
from exporter.reference.profile import Categorical, Numeric
from tests.offline import commands
from tests.offline.profiling.training import made, run, write
from tests.records import NOW

SUFFIXES = (".jsonl", ".csv", ".parquet")
Row = dict[str, Any]


def prices(count: int = 2000, seed: int = 0) -> list[Row]:
    """Return predictions in cents, which are whole numbers, and what was paid."""
    rng = random.Random(seed)
    predicted = [rng.randrange(10_000, 500_000) for _ in range(count)]
    return [{"size": p / 1000, "prediction": p, "actual": round(p * rng.uniform(0.9, 1.1))} for p in predicted]


def approvals(count: int = 2000, seed: int = 0) -> list[Row]:
    """Return predictions of two classes with the score of class 1, as `predict_proba(x)[:, 1]` has it."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        score = rng.random()
        rows.append(
            {"x": score, "prediction": int(score > 0.5), "probability": score, "actual": int(rng.random() < score)}
        )
    return rows


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_many_whole_numbers_without_scores_are_values_and_the_option_decides(tmp_path: Path, suffix: str) -> None:
    data = write(tmp_path / f"data{suffix}", prices())
    profile = made(data, output=tmp_path / "profile.json")
    assert isinstance(profile.prediction, Numeric)
    assert isinstance(profile.actual, Numeric)
    assert (
        "are taken for values, as of a regression; --prediction class changes this"
        in run(data, "--output", tmp_path / "profile.json").output
    )
    classes = made(data, "--prediction", "class", output=tmp_path / "profile.json")
    assert isinstance(classes.prediction, Categorical)
    assert isinstance(classes.actual, Categorical)


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([{"x": n, "prediction": n % 50} for n in range(1000)], Categorical),
        ([{"x": n, "prediction": n % 51} for n in range(1000)], Numeric),
        # The codes of many classes have scores.
        ([{"x": n, "prediction": n, "probability": 0.5} for n in range(1000)], Categorical),
        ([{"x": n, "prediction": f"a{n % 70}"} for n in range(1000)], Categorical),
        # Predictions may be whole by chance, or rounded, while the ground truth is not.
        ([{"x": n, "prediction": n % 5, "actual": n % 5 + 0.5} for n in range(1000)], Numeric),
        ([{"x": n, "prediction": n % 5, "actual": "a"} for n in range(1000)], Categorical),
    ],
)
def test_what_predictions_look_like(tmp_path: Path, rows: list[Row], kind: type) -> None:
    assert isinstance(made(write(tmp_path / "a.jsonl", rows), output=tmp_path / "out.json").prediction, kind)


def evaluated(folder: Path, rows: list[Row], *settings: str) -> dict[str, float]:
    """Return the figures of rows by `evaluate` with some lines of configuration."""
    log, labels = folder / "log.jsonl", folder / "labels.jsonl"
    with log.open("w") as of_log, labels.open("w") as of_labels:
        for number, row in enumerate(rows):
            about = {"request_id": str(number), "timestamp": NOW}
            features = {name: row[name] for name in ("size", "x") if name in row}
            record = {name: row[name] for name in ("prediction", "probability") if name in row}
            of_log.write(json.dumps(about | record | {"features": features}) + "\n")
            of_labels.write(json.dumps(about | {"actual": row["actual"]}) + "\n")
    config = folder / "config.yaml"
    config.write_text("\n".join((f"sources: [{log}]", f"ground_truth: {{sources: [{labels}]}}", *settings)))
    result = commands.run("evaluate", log, "--truth", labels, "--config", config, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    (model,) = json.loads(result.stdout)["models"]
    figures: dict[str, float] = model["figures"]
    return figures


@pytest.mark.parametrize("setting", ["prediction: value", "reference: profile.json"])
def test_whole_numbers_are_judged_as_a_regression(tmp_path: Path, setting: str) -> None:
    rows = prices(seed=1)
    made(write(tmp_path / "training.csv", prices()), output=tmp_path / "profile.json")
    found = evaluated(tmp_path, rows, setting)
    predicted, actual = ([row[name] for row in rows] for name in ("prediction", "actual"))
    assert "accuracy" not in found
    assert found["mae"] == pytest.approx(mean_absolute_error(actual, predicted))
    assert found["r2"] == pytest.approx(r2_score(actual, predicted))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_score_of_the_positive_class_is_as_good_as_that_of_the_prediction(tmp_path: Path, suffix: str) -> None:
    rows = approvals()
    of_prediction = [
        row | {"probability": row["probability"] if row["prediction"] else 1 - row["probability"]} for row in rows
    ]
    given = made(
        write(tmp_path / f"given{suffix}", rows), "--positive-class", "1", output=tmp_path / f"given{suffix}.json"
    )
    plain = made(write(tmp_path / f"plain{suffix}", of_prediction), output=tmp_path / f"plain{suffix}.json")
    assert given.calibration == plain.calibration
    assert given.probability == plain.probability


def test_with_a_positive_class_the_figures_are_those_of_scikit_learn(tmp_path: Path) -> None:
    made(write(tmp_path / "training.csv", approvals()), "--positive-class", "1", output=tmp_path / "profile.json")
    rows = approvals(seed=1)
    found = evaluated(tmp_path, rows, "reference: profile.json", "models: {'*': {positive_class: 1}}")
    actual, predicted, scores = (
        np.array([row[name] for row in rows]) for name in ("actual", "prediction", "probability")
    )
    assert found["accuracy"] == pytest.approx(accuracy_score(actual, predicted))
    assert found["auc"] == pytest.approx(roc_auc_score(actual, scores), abs=1e-3)
    assert found["log_loss"] == pytest.approx(log_loss(actual, scores), rel=1e-3)


def test_scores_that_are_hardly_those_of_the_prediction_are_noted(tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", approvals())
    noted = "so it is hardly that of the predicted class; give --positive-class with the class it belongs to"
    assert noted in run(data, "--output", tmp_path / "out.json").output
    assert noted not in run(data, "--positive-class", "1", "--output", tmp_path / "out.json").output


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["reference: prices.json", "prediction: class"], "prediction: the reference describes values; make it with"),
        (
            ["models: {a: {reference: approvals.json, versions: {2: {prediction: value}}}}"],
            "models.a.versions.2.prediction: the reference describes classes; make it with `profile --prediction",
        ),
        (["reference: approvals.json", "positive_class: 2"], "positive_class: expected one of 0, 1, got 2"),
        (
            ["models: {'*': {positive_class: 1}, a: {reference: prices.json}}"],
            "models.*.positive_class: predictions are values, not classes",
        ),
        (["prediction: number"], "prediction: expected class or value, got 'number'"),
    ],
)
def test_a_contradiction_is_one_line(tmp_path: Path, lines: list[str], expected: str) -> None:
    for name, rows in (("prices", prices(200)), ("approvals", approvals(200))):
        made(write(tmp_path / f"{name}.jsonl", rows), output=tmp_path / f"{name}.json")
    (tmp_path / "config.yaml").write_text("\n".join(("sources: [log.jsonl]", *lines)))
    with pytest.raises(ConfigError) as raised:
        loading.load(tmp_path / "config.yaml")
    (problem,) = raised.value.problems
    assert problem.split("config.yaml: ")[1].startswith(expected)
    assert profile_file.read(tmp_path / "prices.json").predicts_values
