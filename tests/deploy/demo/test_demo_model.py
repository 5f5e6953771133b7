"""The demo's model and its data."""

import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.demo import model
from deploy.demo.model import Model

BINS = 10


@pytest.fixture(scope="module")
def trained() -> Model:
    return model.train()


def test_training_again_gives_the_same_model(trained: Model) -> None:
    again = model.train()
    assert np.array_equal(again.training, trained.training)
    assert np.array_equal(again.held_out, trained.held_out)
    scores = (each.classifier.predict_proba(trained.held_out) for each in (again, trained))
    assert np.array_equal(*scores)
    assert again.accuracy == trained.accuracy


def test_the_model_is_accurate_on_rows_it_was_not_trained_on(trained: Model) -> None:
    assert trained.accuracy > 0.95
    assert len(trained.training) + len(trained.held_out) == 569
    assert not {tuple(row) for row in trained.training.tolist()} & {tuple(row) for row in trained.held_out.tolist()}


def test_single_predictions_equal_those_of_all_rows_at_once(trained: Model) -> None:
    outcomes = [trained.predict(row) for row in trained.training]
    scores = trained.classifier.predict_proba(trained.training)
    assert [outcome["probability"] for outcome in outcomes] == pytest.approx(scores.max(axis=1), abs=1e-6)
    names = [trained.classes[best] for best in trained.classifier.predict(trained.training)]
    assert [outcome["prediction"] for outcome in outcomes] == names


def test_a_missing_value_counts_as_the_mean_of_the_training_rows(trained: Model) -> None:
    row = trained.held_out[0]
    features = trained.named(row)
    assert np.array_equal(trained.row(features), row)
    missing = trained.row(features | {trained.features[3]: None})
    assert np.flatnonzero(np.isnan(missing)).tolist() == [3]
    mean = row.copy()
    mean[3] = trained.training[:, 3].mean()
    assert trained.predict(missing) == trained.predict(mean)


def psi(reference: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Compute the index of a feature with the deciles of its reference, by the definition in the README."""
    edges = np.quantile(reference, np.arange(1, BINS) / BINS)
    counts = [np.bincount(np.searchsorted(edges, side, side="right"), minlength=BINS) for side in (values, reference)]
    p, q = ((count + 0.5) / (count.sum() + 0.5 * BINS) for count in counts)
    return float(((p - q) * np.log(p / q)).sum())


def test_only_what_is_shifted_drifts(trained: Model) -> None:
    held_out = trained.held_out
    shifted = np.array([trained.shifted(row) for row in held_out])
    before = [psi(*columns) for columns in zip(trained.training.T, held_out.T, strict=True)]
    after = [psi(*columns) for columns in zip(trained.training.T, shifted.T, strict=True)]
    assert max(before) <= 0.1
    assert {name for name, value in zip(trained.features, after, strict=True) if value > 0.25} == set(model.SHIFTED)
    for name, *values in zip(trained.features, before, after, strict=True):
        assert (values[0] == values[1]) == (name not in model.SHIFTED)
