"""Degradation: the drop is told exactly, and called one no more often by chance than is stated."""

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.stats import binomtest, norm
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from exporter.batch import Floats
from exporter.configuration.settings import Config
from exporter.derived import Criteria
from exporter.derived.degradation import FEWEST_OUTCOMES, least_drop
from exporter.reference.performance import Baseline, Estimate, figures, wilson
from exporter.reference.profile import Profile
from tests.outcomes import CONFIG, Told, of_classes, outcomes, told

METRICS = ("accuracy", "precision", "recall", "f1")
NAMES = "abcdefghij"


def confused(accuracy: float, prior: list[float]) -> Floats:
    """Return the shares of pairs of classes of a model that is as often right of each class."""
    shares = np.array(prior)
    wrong = (1 - accuracy) / (len(shares) - 1) * (1 - np.eye(len(shares)))
    return (wrong + accuracy * np.eye(len(shares))) * shares


RARE = np.array([[0.93, 0.02], [0.03, 0.02]])
NEVER_PREDICTED = np.array([[0.9, 0.1], [0.0, 0.0]])
MODELS = {
    "two classes": confused(0.9, [0.5, 0.5]),
    "four classes": confused(0.8, [0.4, 0.3, 0.2, 0.1]),
    "ten classes": confused(0.6, [0.1] * 10),
    "a rare class": RARE,
    "a class that is never predicted": NEVER_PREDICTED,
}


def drawn(rng: np.random.Generator, shares: Floats, n: int) -> Floats:
    return rng.multinomial(n, shares.ravel()).reshape(shares.shape).astype(np.float64)


def spelt(counts: Floats) -> tuple[list[str], list[str]]:
    """Return the predicted and the actual classes that make a confusion matrix."""
    pairs = [(NAMES[i], NAMES[j]) for (i, j), count in np.ndenumerate(counts) for _ in range(int(count))]
    return [predicted for predicted, _ in pairs], [actual for _, actual in pairs]


def known(counts: Floats) -> Profile:
    """Return the reference of which the counts are the outcomes."""
    baseline = Baseline(samples=int(counts.sum()), **figures(counts))
    return replace(of_classes(NAMES[: len(counts)]), baseline=baseline)


def window(counts: Floats, profile: Profile, config: Config = CONFIG) -> dict[str, Told]:
    return told(outcomes(*spelt(counts), classes=NAMES[: len(counts)]), profile, config)


@pytest.mark.parametrize("name", MODELS)
def test_the_drop_is_the_difference_of_scikit_learn_s_figures(name: str) -> None:
    rng = np.random.default_rng(2)
    before, now = drawn(rng, MODELS[name], 900), drawn(rng, MODELS[name], 200)
    found = window(now, known(before))
    expected = []
    for counts in (before, now):
        predicted, actual = spelt(counts)
        of_all = precision_recall_fscore_support(actual, predicted, average="weighted", zero_division=0.0)
        expected.append([accuracy_score(actual, predicted), *of_all[:3]])
    baseline, drop = found["model_performance_baseline"], found["model_performance_drop"]
    assert [baseline[metric,] for metric in METRICS] == pytest.approx(expected[0], abs=1e-9)
    assert [drop[metric,] for metric in METRICS] == pytest.approx(np.subtract(*expected), abs=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_standard_errors_are_those_of_a_simulation(name: str) -> None:
    rng = np.random.default_rng(4)
    n = 2000
    found = [figures(drawn(rng, MODELS[name], n)) for _ in range(1500)]
    for metric in METRICS:
        spread = np.std([each[metric].value for each in found])
        assert figures(MODELS[name] * n)[metric].stderr == pytest.approx(spread, rel=0.08)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [FEWEST_OUTCOMES, 200, 2000])
def test_no_more_false_alarms_than_stated(name: str, size: int) -> None:
    rng = np.random.default_rng(size)
    rounds = 600
    any_drop, tolerated = dict.fromkeys(METRICS, 0), dict.fromkeys(METRICS, 0)
    for _ in range(rounds):
        before, now = figures(drawn(rng, MODELS[name], 3000)), figures(drawn(rng, MODELS[name], size))
        for metric in METRICS:
            least = least_drop(before[metric], 3000, now[metric], size, Criteria(threshold=0.0))
            any_drop[metric] += least > 0
            tolerated[metric] += least > 0.05
    # Of a drop of nothing at the stated rate, about: 2 % and three standard deviations of chance more.
    assert all(count <= 0.02 * rounds + 3 * np.sqrt(0.02 * rounds) for count in any_drop.values())
    # With the tolerance hardly ever.
    assert all(count <= 0.005 * rounds for count in tolerated.values())


def test_real_drops_are_seen() -> None:
    rng = np.random.default_rng(5)
    before = figures(drawn(rng, confused(0.9, [0.5, 0.5]), 5000))
    for size, accuracy, seen in ((500, 0.75, 0.95), (2000, 0.8, 0.95), (100_000, 0.86, 0.0)):
        rounds = [figures(drawn(rng, confused(accuracy, [0.5, 0.5]), size)) for _ in range(200)]
        for metric in METRICS:
            told = [
                least_drop(before[metric], 5000, now[metric], size, Criteria(threshold=0.05)) > 0.05 for now in rounds
            ]
            assert np.mean(told) >= seen
            assert seen or not any(told)


@pytest.mark.parametrize(("right", "n"), [(0, 5), (3, 7), (50, 60), (10, 10), (900, 1000)])
def test_wilson_s_interval_is_scipy_s(right: int, n: int) -> None:
    expected = binomtest(right, n).proportion_ci(0.98, method="wilson")
    assert wilson(right / n, n, float(norm.ppf(0.99))) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_interval_of_a_difference_is_newcombe_s_published_one() -> None:
    # Table II (a) of the paper: 56/70 - 48/80, 95 %.
    before, now = Estimate(56 / 70, np.sqrt(0.8 * 0.2 / 70)), Estimate(48 / 80, np.sqrt(0.6 * 0.4 / 80))
    assert least_drop(before, 70, now, 80, Criteria(threshold=0.0, significance=0.025)) == pytest.approx(
        0.0524, abs=5e-5
    )


def test_a_drop_beyond_tolerance_and_chance_is_a_degradation() -> None:
    profile = known(np.array([[450.0, 50.0], [50.0, 450.0]]))
    good, bad = np.array([[45.0, 5.0], [5.0, 45.0]]), np.array([[70.0, 30.0], [30.0, 70.0]])
    every = {(metric,): 0 for metric in METRICS}
    assert window(good, profile)["model_performance_degraded"] == every
    assert window(bad, profile)["model_performance_degraded"] == dict.fromkeys(every, 1)
    lenient = replace(CONFIG, thresholds={"performance_tolerance": 0.25})
    assert window(bad, profile, lenient)["model_performance_degraded"] == every
    dependent = replace(CONFIG, drift=replace(CONFIG.drift, overdispersion=10.0))
    assert window(bad, profile, dependent)["model_performance_degraded"] == every


def test_the_tolerance_is_a_threshold() -> None:
    limits = window(np.ones((2, 2)), known(np.ones((2, 2))))["model_threshold"]
    assert limits["performance_tolerance",] == 0.05


def test_of_few_outcomes_the_drop_is_told_and_not_judged() -> None:
    profile = known(np.array([[450.0, 50.0], [50.0, 450.0]]))
    found = window(np.array([[0.0, 10.0], [FEWEST_OUTCOMES - 11.0, 0.0]]), profile)
    assert found["model_performance_drop"]["accuracy",] == pytest.approx(0.9)
    assert found["model_performance_degraded"] == {}


def test_without_outcomes_there_is_the_baseline_alone() -> None:
    found = window(np.zeros((2, 2)), known(np.ones((2, 2))))
    assert len(found["model_performance_baseline"]) == len(METRICS)
    assert (found["model_performance_drop"], found["model_performance_degraded"]) == ({}, {})


def test_without_a_baseline_there_is_none() -> None:
    found = told(outcomes("ab", "ab"), of_classes("ab"))
    assert not any(name.startswith("model_performance") for name, values in found.items() if values)


@pytest.mark.parametrize("counts", [np.diag([60.0, 40.0]), np.diag([0.0, 100.0]), np.fliplr(np.diag([60.0, 40.0]))])
def test_a_figure_at_its_end_is_worth_all_its_samples(counts: Floats) -> None:
    for figure in figures(counts).values():
        assert 0 <= figure.value <= 1
        assert np.isfinite(least_drop(figure, 100, figure, 100, Criteria(threshold=0.05)))
