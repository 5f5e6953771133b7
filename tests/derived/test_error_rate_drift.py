"""Concept drift: the test of a rise against scipy's, how often it is wrong, how soon it is right, and what it reads."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from exporter.assembly.measures import measures
from exporter.batch import Batch, Floats
from exporter.configuration.settings import Config, DriftConfig
from exporter.derived.degradation import CRITICAL, rise
from exporter.exposition.collector import Collector
from exporter.model_key import OTHERS
from exporter.reference.profile import Profile
from exporter.state import checkpoint
from exporter.state.snapshot import ModelLabels, Snapshot
from exporter.tallies.vocabulary import CLASS_LABEL, ERROR_LABEL
from exporter.tallies.windows import PANES, Window
from tests.outcomes import CONFIG, of_classes, of_values, outcomes
from tests.records import DEFAULT, NOW

WINDOWS = [Window("1h", 3600.0), Window("24h", 86400.0)]
CLASSES = ("approve", "deny")

panes = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted), max_size=7)


@given(panes)
def test_it_is_the_clearest_of_all_rises_up_to_any_pane(drawn: list[list[int]]) -> None:
    errors, total = np.array(drawn, np.float64).reshape(-1, 2).T
    clearest = 0.0
    for end in range(len(drawn) + 1):
        for change in range(end):
            (k1, n1), (k2, n2) = (
                (errors[part].sum(), total[part].sum()) for part in (slice(change), slice(change, end))
            )
            if n1 and n2 and k2 / n2 > k1 / n1:
                table = [[k1, n1 - k1], [k2, n2 - k2]]
                if min(np.sum(table, axis=0)) > 0:
                    clearest = max(clearest, chi2_contingency(table, correction=False, lambda_="log-likelihood")[0])
    assert rise(errors, total) == pytest.approx(clearest, abs=1e-9)


def test_without_change_it_alarms_once_in_a_hundred_windows_at_most() -> None:
    """At every pane of 900 windows, of few and many outcomes and errors; an alarm is one as long as it lasts."""
    rng = np.random.default_rng(7)
    begun, windows = 0, 100
    for rate in (0.003, 0.1, 0.5):
        for outcomes_a_pane in (2, 30, 1000):
            total = rng.poisson(outcomes_a_pane, PANES * (windows + 1))
            errors = rng.binomial(total, rate) * 1.0
            looks = (slice(at, at + PANES) for at in range(PANES * windows))
            alarms = [rise(errors[look], total[look]) > CRITICAL for look in looks]
            begun += sum(now and not before for before, now in pairwise([False, *alarms]))
    assert begun <= 9


@pytest.mark.parametrize(
    ("outcomes_a_pane", "half", "nearly_all"), [(50, 300, 600), (200, 400, 600), (2000, 2000, 2000)]
)
def test_a_jump_of_ten_points_is_seen_within_600_outcomes(outcomes_a_pane: int, half: int, nearly_all: int) -> None:
    """From 10 % to 20 %, after a window of the one: in half of all runs, and in 19 of 20."""
    rng = np.random.default_rng(outcomes_a_pane)
    total = np.full(2 * PANES, float(outcomes_a_pane))
    delays = []
    for _ in range(200):
        errors = rng.binomial(outcomes_a_pane, np.repeat([0.1, 0.2], PANES)) * 1.0
        windows = ((errors[end : PANES + end], total[end : PANES + end]) for end in range(1, PANES))
        seen = (number for number, window in enumerate(windows, 1) if rise(*window) > CRITICAL)
        delays.append(next(seen, PANES) * outcomes_a_pane)
    assert np.quantile(delays, 0.5) <= half
    assert np.quantile(delays, 0.95) <= nearly_all


def collected(snapshot: Snapshot, profile: Profile | None, config: Config = CONFIG) -> float | None:
    """Return what is told of concept drift, if anything."""
    chosen = measures(config, profile)
    collector = Collector({OTHERS: chosen}, WINDOWS)
    samples = [sample for family in collector.collect(snapshot) for sample in family.samples]
    found = [sample.value for sample in samples if sample.name == "model_concept_drift"]
    assert len(found) <= 1
    return found[0] if found else None


def snapshot(batches: Sequence[Batch], profile: Profile | None, config: Config = CONFIG) -> Snapshot:
    """Return what there is after outcomes in consecutive panes of the longest window, up to now."""
    statistics = [statistic for statistic in measures(config, profile).statistics if statistic.reads == "outcomes"]
    last = int(WINDOWS[1].panes(np.array([NOW]))[0])
    held: Any = {
        last - back: {DEFAULT: {statistic.name: statistic.tally(batch)[0] for statistic in statistics}}
        for back, batch in enumerate(reversed(batches))
    }
    totals: Any = {DEFAULT: {statistic.name: statistic.zero() for statistic in measures(config, profile).statistics}}
    return Snapshot(
        time=NOW,
        totals=totals,
        windows={"24h": held},
        labels={DEFAULT.model_name: ModelLabels({CLASS_LABEL: (*CLASSES, "value"), ERROR_LABEL: ()})},
    )


def of_rates(rates: Sequence[float], size: int = 40, labels: tuple[str, str] = CLASSES) -> list[Batch]:
    """Return a batch a pane, of which that share is wrong."""
    right, wrong = labels
    return [
        outcomes([right] * size, [wrong] * round(rate * size) + [right] * (size - round(rate * size)), classes=CLASSES)
        for rate in rates
    ]


def told(batches: Sequence[Batch], profile: Profile | None, config: Config = CONFIG) -> float | None:
    return collected(snapshot(batches, profile, config), profile, config)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        pytest.param([0.1] * 60, 0, id="nothing changes"),
        pytest.param([0.1] * 30 + [0.3] * 30, 1, id="a rise"),
        pytest.param([0.1] * 56 + [0.4] * 4, 1, id="a rise just now"),
        pytest.param([0.1] * 20 + [0.4] * 4 + [0.1] * 36, 1, id="a rise that has passed"),
        pytest.param([0.3] * 30 + [0.1] * 30, 0, id="a fall"),
        pytest.param([0.4] * 4 + [0.1] * 57, 0, id="a fall from what is nearly out of view"),
        pytest.param([0.1] * 10 + [0.9] * 60, 0, id="a rise that is out of view"),
        pytest.param([0.0] * 60, 0, id="no error at all"),
        pytest.param([1.0] * 60, 0, id="errors alone"),
    ],
)
@pytest.mark.parametrize("profile", [None, of_classes(CLASSES)], ids=["no reference", "a reference"])
def test_it_tells_whether_the_error_rate_has_risen_in_the_longest_window(
    rates: list[float], expected: float, profile: Profile | None
) -> None:
    assert told(of_rates(rates), profile) == expected


def test_of_few_outcomes_it_says_nothing() -> None:
    assert told([], None) is None
    assert told(of_rates([0.0, 1.0], 49), None) is None
    assert told(of_rates([0.0, 1.0], 50), None) == 1


def test_outcomes_that_depend_on_each_other_are_worth_fewer() -> None:
    batches = of_rates([0.1] * 57 + [0.3] * 3)
    assert told(batches, None) == 1
    assert told(batches, None, replace_drift(2.0)) == 0


def replace_drift(overdispersion: float) -> Config:
    return Config(sources=[], ground_truth=CONFIG.ground_truth, drift=DriftConfig(overdispersion=overdispersion))


def test_without_a_reference_fractional_numbers_are_neither_right_nor_wrong() -> None:
    """Rounding them to a class would make all of them right, or all that are compared with an integer wrong."""
    batches = of_rates([0.1] * 30 + [0.9] * 30, labels=("value", "value"))
    assert told(batches, None) is None
    mixed = [
        replace(a, actual=b.actual)
        for a, b in zip(batches, of_rates([0.1] * 60, labels=("value", "value")), strict=True)
    ]
    assert told(mixed, None) is None


@pytest.mark.parametrize("scale", [1.0, 1.6, 5.0, 1e6])
def test_of_values_it_is_the_absolute_error_that_rises(scale: float) -> None:
    rng = np.random.default_rng(4)
    batches = [residuals(rng.standard_t(2, 50) * (1.0 if pane < 40 else scale)) for pane in range(60)]
    assert told(batches, of_values()) == (scale > 1)
    assert told(batches[::-1], of_values()) == 0


def test_of_values_a_bias_that_comes_is_seen() -> None:
    rng = np.random.default_rng(5)
    batches = [residuals(rng.normal(0.0 if pane < 40 else 2.0, 1.0, 30)) for pane in range(60)]
    assert told(batches, of_values()) == 1
    assert told([residuals(np.zeros(30))] * 60, of_values()) == 0


def residuals(drawn: Floats) -> Batch:
    truth = np.full(len(drawn), 50.25)
    return outcomes(value=(truth + drawn).tolist(), actual_value=truth.tolist())


def test_it_is_the_same_after_a_restart() -> None:
    before = snapshot(of_rates([0.1] * 30 + [0.3] * 30), None)
    after = checkpoint.decode(checkpoint.encode(before))
    assert collected(before, None) == collected(after, None) == 1
