"""AUC, log loss, Brier score and calibration error against scikit-learn and plain loops."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.preprocessing import label_binarize

from exporter.batch import Floats
from exporter.derived.classification import auc
from exporter.stats.class_scores import BINS, EDGES
from tests.outcomes import Told, of_classes, outcomes, told

Rng = np.random.Generator
Draw = Callable[[Rng], tuple[Floats, Floats]]
MOST = 0.002


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def gaussian(
    separation: float, scale: float, rate: float, offset: float = 0.0
) -> Callable[[Rng], tuple[Floats, Floats]]:
    """Draw scores of a logistic model, whose classes lie so far apart."""

    def draw(rng: Rng) -> tuple[Floats, Floats]:
        truth = rng.random(20_000) < rate
        return sigmoid(scale * (rng.normal(size=len(truth)) + separation * truth) + offset), truth

    return draw


def beta(of_others: tuple[float, float], of_class: tuple[float, float]) -> Draw:
    def draw(rng: Rng) -> tuple[Floats, Floats]:
        truth = rng.random(20_000) < 0.3
        return np.where(truth, rng.beta(*of_class, len(truth)), rng.beta(*of_others, len(truth))), truth

    return draw


def narrow(rng: Rng) -> tuple[Floats, Floats]:
    truth = rng.random(20_000) < 0.5
    return 0.5 + 0.02 * (rng.normal(size=len(truth)) + truth), truth


def of_votes(rng: Rng) -> tuple[Floats, Floats]:
    truth = rng.random(20_000) < 0.4
    return rng.binomial(100, np.where(truth, 0.6, 0.45)) / 100, truth


SCORES: dict[str, Draw] = {
    "plain": gaussian(1.5, 1.0, 0.5),
    "no better than chance": gaussian(0.0, 1.0, 0.5),
    "nearly perfect": gaussian(5.0, 1.0, 0.5),
    "worse than chance": gaussian(-1.0, 1.0, 0.5),
    "rare, near 0": gaussian(2.0, 1.0, 0.01, -7.0),
    "very rare, nearer 0": gaussian(2.0, 1.5, 0.005, -12.0),
    "near 1": gaussian(1.0, 1.0, 0.9, 8.0),
    "overconfident": gaussian(1.0, 8.0, 0.5),
    "far overconfident": gaussian(1.0, 12.0, 0.5, -2.0),
    "boosted, at both ends": beta((0.2, 1.5), (1.5, 0.2)),
    "within a few hundredths": narrow,
    "votes of a hundred trees": of_votes,
    "ends alone": lambda rng: ((rng.random(20_000) < 0.3) * 1.0, rng.random(20_000) < 0.5),
    "uniform": lambda rng: (rng.random(20_000), rng.random(20_000) < 0.5),
}


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("seed", range(4))
def test_auc_is_scikit_learn_s_to_the_bins(name: str, seed: int) -> None:
    scores, truth = SCORES[name](np.random.default_rng(seed))
    cells = np.searchsorted(EDGES, scores, side="right")
    of_class, others = (np.bincount(cells[mask], minlength=BINS).astype(float) for mask in (truth, ~truth))
    error = abs(float(auc(others, of_class)) - roc_auc_score(truth, scores))
    assert error <= MOST
    # The bound that the documentation states.
    assert error <= (of_class / of_class.sum() * others / others.sum()).sum() / 2 + 1e-12


def test_there_are_enough_bins_finer_near_0_and_1() -> None:
    widths = np.diff([0.0, *EDGES, 1.0])
    assert BINS == len(EDGES) + 1 >= 100
    assert (np.diff(EDGES) > 0).all()
    assert widths[0] < 1e-7
    assert widths[-1] < 1e-7
    assert widths.max() <= 1 / 256


def softmax(rng: Rng, n: int, classes: int, strength: float) -> tuple[Floats, Floats]:
    """Return scores, shape (n, classes), and the number of the true class of each."""
    truth = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes)) + strength * np.eye(classes)[truth]
    raised = np.exp(logits)
    return raised / raised.sum(axis=1, keepdims=True), truth


def of_model(scores: Floats, truth: Floats, names: str) -> dict[str, Told]:
    predicted = [names[code] for code in scores.argmax(axis=1)]
    batch = outcomes(
        predicted,
        [names[code] for code in truth],
        classes=names,
        scores=scores.T,
        probability=scores.max(axis=1).tolist(),
    )
    return told(batch, of_classes(names))


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize("strength", [0.0, 1.0, 4.0])
def test_of_several_classes_all_are_scikit_learn_s(classes: int, strength: float) -> None:
    names = "abcdef"[:classes]
    scores, truth = softmax(np.random.default_rng(classes), 3000, classes, strength)
    found = of_model(scores, truth, names)
    areas = [roc_auc_score(truth == code, scores[:, code]) for code in range(classes)]
    for code, name in enumerate(names):
        assert found["model_auc"]["", name] == pytest.approx(areas[code], abs=MOST)
    for average in ("weighted", "macro"):
        expected = (
            roc_auc_score(truth, scores[:, 1])
            if classes == 2
            else roc_auc_score(truth, scores, multi_class="ovr", average=average)
        )
        assert found["model_auc"][average, ""] == pytest.approx(expected, abs=MOST)
    assert found["model_log_loss"] == {(): pytest.approx(log_loss(truth, scores), abs=1e-9)}
    expected = brier_score_loss(truth, scores[:, 1] if classes == 2 else scores)
    assert found["model_brier_score"] == {(): pytest.approx(expected, abs=1e-9)}
    if classes > 2:
        squares = np.square(scores - label_binarize(truth, classes=range(classes))).sum(axis=1)
        assert expected == pytest.approx(squares.mean())
    calibration = plain_calibration_error(scores.max(axis=1), scores.argmax(axis=1) == truth)
    assert found["model_expected_calibration_error"] == {(): pytest.approx(calibration, abs=1e-9)}


def plain_calibration_error(scores: Floats, right: Floats, bins: int = 15) -> float:
    """Guo et al., in a loop."""
    error = 0.0
    for low in range(bins):
        inside = [i for i, score in enumerate(scores) if low / bins < score <= (low + 1) / bins or score == low == 0]
        if inside:
            share, mean = (sum(values[i] for i in inside) / len(inside) for values in (right, scores))
            error += abs(share - mean) * len(inside) / len(scores)
    return error


def test_the_reliability_diagram_is_a_plain_loop_s() -> None:
    scores, truth = softmax(np.random.default_rng(3), 500, 2, 1.0)
    found = of_model(scores, truth, "ab")
    best, right = scores.max(axis=1), scores.argmax(axis=1) == truth
    for low in range(10):
        key = (f"{low / 10:.1f}-{(low + 1) / 10:.1f}",)
        inside = (best > low / 10) & (best <= (low + 1) / 10)
        assert found["model_reliability_samples"][key] == inside.sum()
        if inside.any():
            assert found["model_reliability_confidence"][key] == pytest.approx(best[inside].mean())
            assert found["model_reliability_accuracy"][key] == pytest.approx(right[inside].mean())
        else:
            assert key not in found["model_reliability_confidence"]
            assert key not in found["model_reliability_accuracy"]


@pytest.mark.parametrize("score", [0.0, 0.1, 0.2, 0.3, 0.6, 0.7, 1.0, 1 / 15, 2 / 15, 14 / 15])
def test_a_score_on_an_edge_is_in_the_bin_below_it(score: float) -> None:
    found = told(outcomes("a", "b", probability=[score]), None)
    samples = {key: value for key, value in found["model_reliability_samples"].items() if value}
    (((name,), count),) = samples.items()
    low, high = map(float, name.split("-"))
    assert count == 1
    assert low < score <= high or score == low == 0
    assert found["model_expected_calibration_error"] == {(): pytest.approx(score)}


def test_what_the_model_does_not_say_is_not_counted() -> None:
    scores = np.array([[0.5, 0.2, math.nan], [0.25, math.nan, 0.7], [0.25, 0.1, 0.3]])
    found = told(outcomes("aab", "abb", classes="abc", scores=scores), of_classes("abc"))
    # Of the second outcome the true class has no score, and of the third another one.
    assert found["model_log_loss"] == {(): pytest.approx(-(math.log(0.5) + math.log(0.7)) / 2)}
    assert found["model_brier_score"] == {(): pytest.approx(0.25 + 2 * 0.0625)}
    # b: 0.7 where it is the truth, 0.25 where it is not; c is never the truth.
    assert found["model_auc"]["", "b"] == 1
    assert ("", "c") not in found["model_auc"]


def test_a_truth_that_the_reference_does_not_know_has_no_loss() -> None:
    found = told(outcomes("a", "z", classes="ab", scores=np.array([[0.5], [0.5]])), of_classes("ab"))
    assert (found["model_log_loss"], found["model_brier_score"], found["model_auc"]) == ({}, {}, {})


def test_a_score_of_0_for_the_truth_is_as_in_scikit_learn() -> None:
    scores = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    found = of_model(scores, np.array([0, 0, 1]), "ab")
    assert found["model_log_loss"] == {(): pytest.approx(log_loss([0, 0, 1], scores), abs=1e-9)}


def test_without_scores_there_is_no_value() -> None:
    found = told(outcomes("ab", "aa", classes="ab"), of_classes("ab"))
    for metric in ("model_auc", "model_log_loss", "model_brier_score", "model_expected_calibration_error"):
        assert found[metric] == {}


def test_scores_of_a_reference_that_was_replaced_are_not_counted() -> None:
    found = told(outcomes("ab", "aa", classes="abc", scores=np.full((2, 2), 0.5)), of_classes("abc"))
    assert (found["model_auc"], found["model_log_loss"]) == ({}, {})
