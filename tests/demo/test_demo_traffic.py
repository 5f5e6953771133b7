"""The demo's model, and the log that it writes."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exporter.demo import model
from exporter.demo.model import Model
from exporter.demo.traffic import ERROR_TYPE, Traffic, training_lines

BINS = 10


@pytest.fixture(scope="module")
def trained() -> Model:
    return model.train()


def records(*logs: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for log in logs for line in log.read_text().splitlines()]


def is_error(record: dict[str, Any]) -> bool:
    return "error_type" in record


@pytest.fixture(scope="module")
def written(trained: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[Traffic, list[dict[str, Any]]]:
    """Return a log of 2000 requests, the second half of them shifted; a clock goes 2 ms from one look to the next."""
    log = tmp_path_factory.mktemp("traffic") / "predictions.jsonl"
    clock: Iterator[int] = itertools.count()
    with Traffic(trained, log, lambda: next(clock) * 0.002) as traffic:
        traffic._random = np.random.default_rng(1)  # the same requests at every run
        for number in range(2000):
            traffic.write(shifted=number >= 1000)
    return traffic, records(log)


def test_what_is_counted_is_what_is_written(written: tuple[Traffic, list[dict[str, Any]]]) -> None:
    traffic, log = written
    assert traffic.written == len(log) == 2000
    assert traffic.predictions == Counter(record["prediction"] for record in log if not is_error(record))
    assert traffic.errors == Counter(record["error_type"] for record in log if is_error(record))
    assert traffic.errors[ERROR_TYPE] > 0
    assert [record["request_id"] for record in log] == [f"{number:08}" for number in range(2000)]


def test_a_prediction_is_the_models_own_of_a_row_that_it_was_not_trained_on(
    trained: Model, written: tuple[Traffic, list[dict[str, Any]]]
) -> None:
    factors = np.array([1.3 if "texture" in name else 1.0 for name in trained.features])
    rows = {tuple(row) for row in trained.held_out.tolist()}
    shifted = {tuple(row) for row in (trained.held_out * factors).tolist()}
    predictions = [(number, record) for number, record in enumerate(written[1]) if not is_error(record)]
    for number, record in predictions:
        assert tuple(record["features"]) == trained.features
        assert tuple(record["features"].values()) in (rows if number < 1000 else shifted)
        assert record["latency_ms"] == 2.0
    inputs = np.array([list(record["features"].values()) for _, record in predictions])
    scores = trained.classifier.predict_proba(inputs)
    assert [record["probability"] for _, record in predictions] == pytest.approx(scores.max(axis=1), abs=1e-6)
    names = [trained.classes[best] for best in trained.classifier.predict(inputs)]
    assert [record["prediction"] for _, record in predictions] == names


def test_a_log_that_has_grown_is_renamed_and_none_grows_without_end(trained: Model, tmp_path: Path) -> None:
    log = tmp_path / "predictions.jsonl"
    with Traffic(trained, log, lambda: 0.0, rotate_bytes=10_000) as traffic:
        for _ in range(60):
            traffic.write(shifted=False)
            assert log.stat().st_size < 10_000 + 2000  # a line more
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["predictions.jsonl", "predictions.jsonl.1"]
    kept = [int(record["request_id"]) for record in records(tmp_path / names[1], tmp_path / names[0])]
    assert kept == list(range(kept[0], 60))
    assert (tmp_path / names[1]).stat().st_size >= 10_000


def test_a_log_is_gone_on_with(trained: Model, tmp_path: Path) -> None:
    for _ in range(2):
        with Traffic(trained, tmp_path / "log.jsonl", lambda: 0.0) as traffic:
            traffic.write(shifted=False)
    assert len(records(tmp_path / "log.jsonl")) == 2


def test_each_record_is_in_the_log_as_soon_as_it_is_written(trained: Model, tmp_path: Path) -> None:
    with Traffic(trained, tmp_path / "log.jsonl", lambda: 0.0) as traffic:
        for number in range(1, 4):
            traffic.write(shifted=False)
            assert len(records(tmp_path / "log.jsonl")) == number


def test_training_anew_gives_the_same_model(trained: Model) -> None:
    again = model.train()
    assert np.array_equal(again.training, trained.training)
    assert np.array_equal(again.held_out, trained.held_out)
    scores = (each.classifier.predict_proba(trained.held_out) for each in (again, trained))
    assert np.array_equal(*scores)
    assert again.accuracy == trained.accuracy


def test_the_model_is_good_and_has_not_seen_what_it_is_measured_on(trained: Model) -> None:
    assert trained.accuracy > 0.95
    assert len(trained.training) + len(trained.held_out) == 569
    assert not {tuple(row) for row in trained.training.tolist()} & {tuple(row) for row in trained.held_out.tolist()}


def test_training_lines_are_the_training_rows_with_their_predictions(trained: Model) -> None:
    lines = [json.loads(line) for line in training_lines(trained)]
    assert np.array_equal([list(line["features"].values()) for line in lines], trained.training)
    names = [trained.classes[best] for best in trained.classifier.predict(trained.training)]
    assert [line["prediction"] for line in lines] == names
    assert all(0.5 <= line["probability"] <= 1 for line in lines)


def psi(reference: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Compute the index of a feature with the deciles of its reference, by the definition in the README."""
    edges = np.quantile(reference, np.arange(1, BINS) / BINS)
    counts = [np.bincount(np.searchsorted(edges, side, side="right"), minlength=BINS) for side in (values, reference)]
    p, q = ((count + 0.5) / (count.sum() + 0.5 * BINS) for count in counts)
    return float(((p - q) * np.log(p / q)).sum())


def test_only_what_is_shifted_drifts(trained: Model) -> None:
    held_out = trained.held_out
    shifted = np.array([trained.shifted(row) for row in held_out])
    calm = [psi(*columns) for columns in zip(trained.training.T, held_out.T, strict=True)]
    moved = [psi(*columns) for columns in zip(trained.training.T, shifted.T, strict=True)]
    assert max(calm) <= 0.1
    assert {name for name, value in zip(trained.features, moved, strict=True) if value > 0.25} == set(model.SHIFTED)
    for name, before, after in zip(trained.features, calm, moved, strict=True):
        assert (after == before) == (name not in model.SHIFTED)
