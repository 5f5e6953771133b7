"""Judged outcomes: whichever labels arrive first, accuracy is that of all predictions, and nothing raises an alarm."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from exporter.batch import Floats, Ints
from exporter.derived.classification import Classification
from exporter.derived.error_rate_drift import ErrorRateDrift
from exporter.derived.judged_outcomes import FEWEST_OUTCOMES, LATEST, Arrivals, OutcomeJudge
from exporter.derived.view import View, panes_in_view
from exporter.state.snapshot import ModelLabels, Snapshot
from exporter.stats.label_counts import LabelCounts
from exporter.stats.outcomes import Outcomes, cell
from exporter.tallies.tally import AnyTallies
from exporter.tallies.vocabulary import CLASS_LABEL
from exporter.tallies.windows import HALF_DAY, Window
from tests.records import DEFAULT

HOUR, DAY = 3600.0, 86400.0
# A Monday at 0:00 UTC.
BEGIN = 19_670
WAIT_DAYS = 4
OUTCOMES = Outcomes()
PREDICTIONS = LabelCounts("model_predictions_total", "", "prediction", CLASS_LABEL, "predictions")
CLASSES = {CLASS_LABEL: ("no", "yes")}


class Log(NamedTuple):
    """Predictions of half a day and their outcomes: 0 is `no`, 1 is `yes`; `arrives` is the time of the label."""

    time: Floats
    predicted: Ints
    actual: Ints
    arrives: Floats


def share(log: Log, rng: np.random.Generator, of: float) -> Floats:
    """Return hours until a label of a share of predictions, and infinity for the others."""
    return np.where(rng.random(len(log.time)) < of, rng.exponential(6.0, len(log.time)), np.inf)


def slow(log: Log, rng: np.random.Generator) -> Floats:
    """Return hours until a label that takes twice as long for wrong predictions."""
    return rng.lognormal(2.3, 1.0, len(log.time)) * np.where(log.predicted != log.actual, 2, 1)


# Hours until the label.
DELAYS: dict[str, Callable[[Log, np.random.Generator], Floats]] = {
    "after two days": lambda log, _: np.full(len(log.time), 48.0),
    "nightly": lambda log, _: ((np.floor(log.time / DAY) + 1) * DAY - log.time) / HOUR + 2,
    "positives first": lambda log, _: np.where(log.actual == 1, 1.0, 48.0),
    "wrong ones first": lambda log, _: np.where(log.predicted != log.actual, 1.0, 48.0),
    "flagged ones first": lambda log, _: np.where(log.predicted == 1, 1.0, 48.0),
    "a sample": lambda log, rng: share(log, rng, 0.6),
    "flagged ones and an audit": lambda log, rng: np.where(log.predicted == 1, 1.0, share(log, rng, 0.1)),
    "wrong ones late": slow,
}


def judge(settled_days: float = 0.0, wait_days: float = WAIT_DAYS) -> OutcomeJudge:
    return OutcomeJudge(PREDICTIONS, OUTCOMES, wait_days * DAY, 0.9, settled_days * DAY)


def logs(days: int, delay: str, errors: Callable[[int], float], size: int = 1000, seed: int = 7) -> list[Log]:
    """Return the log of each half-day, with fewer predictions at weekends; `errors` is the error rate of a day."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(2 * days):
        n = rng.poisson(size * (0.4 if number // 2 % 7 >= 5 else 1))
        time = (2 * BEGIN + number + rng.random(n)) * HALF_DAY
        actual = (rng.random(n) < 0.2).astype(np.int64)
        predicted = np.where(rng.random(n) < errors(number // 2), 1 - actual, actual)
        log = Log(time, predicted, actual, time)
        hours = DELAYS[delay](log, rng)
        found.append(log._replace(arrives=time + np.where(hours <= WAIT_DAYS * 24, hours, np.inf) * HOUR))
    return found


def view(log: list[Log], end: int, wait_days: float = WAIT_DAYS) -> View:
    """Return the view after so many half-days."""
    now = (2 * BEGIN + end) * HALF_DAY
    window = Window.of_outcomes((wait_days + 30) * DAY, [PREDICTIONS.name, OUTCOMES.name])
    panes = {}
    for number in range(max(0, end - window.number + 1), end):
        arrived = log[number].arrives <= now
        pairs = cell(log[number].predicted[arrived], log[number].actual[arrived])
        row = {
            PREDICTIONS.name: np.bincount(log[number].predicted, minlength=2).astype(np.float64),
            OUTCOMES.name: np.bincount(pairs, minlength=4).astype(np.float64),
        }
        panes[2 * BEGIN + number] = AnyTallies({DEFAULT: row})
    labels = {DEFAULT.model_name: ModelLabels(CLASSES)}
    totals = AnyTallies({DEFAULT: {}})
    snapshot = Snapshot(time=now, totals=totals, windows={window.label: panes}, labels=labels)
    return View(snapshot, (), [DEFAULT], CLASSES, panes_in_view(snapshot, [window]), window)


@pytest.mark.parametrize("delay", DELAYS)
def test_accuracy_is_that_of_all_predictions_whichever_labels_come_first(delay: str) -> None:
    """Over ten weeks of a model that is wrong in one case of ten: a mean bias of at most 1.2 points, and no alarm."""
    log = logs(70, delay, lambda _: 0.1)
    performance = Classification(OUTCOMES, is_declared=True, judge=judge())
    found = []
    for end in range(2 * 14, len(log) + 1):
        seen = view(log, end)
        (latest,) = performance.judge.windows(seen)
        assert latest.label == LATEST
        assert performance.judge.samples(latest) >= FEWEST_OUTCOMES
        found.append(performance.accuracy(latest))
        assert not ErrorRateDrift(performance).has_risen(seen, performance.judge.half_days(seen)[DEFAULT])
    assert np.mean(found) == pytest.approx(0.9, abs=0.012)


@pytest.mark.parametrize("delay", ["after two days", "nightly", "flagged ones first"])
def test_a_rise_of_six_points_is_reported_within_a_day_of_being_judged(delay: str) -> None:
    log = logs(40, delay, lambda day: 0.14 if day >= 30 else 0.08, size=10_000)
    performance = Classification(OUTCOMES, is_declared=True, judge=judge())
    for end in range(2 * 30, len(log) + 1):
        seen = view(log, end)
        half_days = performance.judge.half_days(seen)[DEFAULT]
        if ErrorRateDrift(performance).has_risen(seen, half_days):
            break
    newest = half_days.newest_judged()
    assert newest is not None
    assert 2 * (BEGIN + 30) < newest + 1 <= 2 * (BEGIN + 31)


def test_figures_by_class_wait_until_predictions_are_settled() -> None:
    log = logs(20, "nightly", lambda _: 0.1)
    seen = view(log, len(log))
    early, late = judge(), judge(settled_days=5)
    assert early.settled(seen) == early.windows(seen)
    (settled,), (latest,) = late.settled(seen), late.windows(seen)
    assert late.samples(settled) != late.samples(latest)
    five_days_ago = seen.snapshot.time - 5 * DAY
    newest = late.half_days(seen)[DEFAULT].newest_judged(five_days_ago)
    assert newest == 2 * (BEGIN + 15) - 1


def test_the_judged_horizon_moves_with_the_labels() -> None:
    log = logs(12, "after two days", lambda _: 0.1)
    for end in (16, 20, 24):
        samples = [sample for family in judge().collect(view(log, end)) for sample in family.samples]
        (until,) = (sample.value for sample in samples if sample.name.startswith("model_ground_truth_judged_until"))
        assert until == (2 * BEGIN + end - 4) * HALF_DAY


def test_the_window_grows_until_it_has_enough_outcomes() -> None:
    log = logs(30, "after two days", lambda _: 0.1, size=10)
    (latest,) = judge().windows(view(log, len(log)))
    # Weekdays have about 20 outcomes.
    assert FEWEST_OUTCOMES <= judge().samples(latest) <= FEWEST_OUTCOMES + 40


def test_without_labels_nothing_is_judged() -> None:
    log = [each._replace(arrives=np.full(len(each.time), np.inf)) for each in logs(10, "nightly", lambda _: 0.1)]
    seen = view(log, len(log))
    assert judge().windows(seen) == ()
    assert [*judge().half_days(seen)[DEFAULT].is_judged] == [False] * len(log)


@pytest.mark.parametrize(
    ("made", "labelled", "reached", "is_enough"),
    [
        ([100, 100], [90, 90], [1, 1], True),
        ([100, 100], [100, 89], [1, 1], False),
        ([100, 100], [90, 90], [0.9, 1], True),
        # Of a sample of 60%, chance decides.
        ([100, 100], [55, 50], [0.6, 0.6], True),
        ([100, 100], [55, 30], [0.6, 0.6], False),
        ([100, 3, 1], [90, 3, 0], [1, 1, 1], False),
        ([100, 30, 2, 3], [90, 30, 1, 3], [1, 1, 1, 1], False),
        ([100, 0], [90, 0], [1, 1], True),
        ([0, 0], [0, 0], [1, 1], False),
    ],
)
def test_each_class_needs_its_labels(
    made: list[int], labelled: list[int], reached: list[float], *, is_enough: bool
) -> None:
    arrivals = Arrivals(np.array(made, np.float64), np.array(labelled, np.float64))
    assert arrivals.is_enough(np.array(reached, np.float64), 0.9) is is_enough


def test_weights_are_the_inverse_of_the_share_of_labels() -> None:
    even = Arrivals(np.array([100.0, 100.0]), np.array([50.0, 50.0]))
    assert even.weights.tolist() == [1, 1]
    uneven = Arrivals(np.array([100.0, 100.0, 7.0]), np.array([100.0, 10.0, 0.0]))
    assert uneven.weights[1] / uneven.weights[0] == pytest.approx(10)
    assert uneven.weights[2] == 0
    # The variance of a mean of weighted outcomes is that of so many equal ones.
    effective = (uneven.weights * uneven.labelled).sum()
    exact = (100 * 1 + 10 * 10) ** 2 / (100 * 1 + 10 * 100)
    assert effective == pytest.approx(exact)
