"""Multivariate drift against a plain loop, with changed and unchanged correlations."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.assembly.measures import measures
from exporter.batch import Floats, Series
from exporter.configuration.settings import Config
from exporter.derived.multivariate_drift import MultivariateDrift
from exporter.offline.profiling.components import fit
from exporter.reference.components import Components
from exporter.reference.profile import Profile
from exporter.stats.reconstruction_error import ReconstructionError
from tests.derived.views import view_of
from tests.records import columns, numeric, reference

SERIES = Series("credit", "3")
NAN, INF = math.nan, math.inf
COMPONENTS = Components(
    ["c", "a", "b"],
    [[0.6, 0.8, 0.0], [0.0, 0.0, 1.0]],
    explained=0.7,
    rows=400,
    error_mean=0.5,
    error_stddev=0.25,
)
# All have mean 50 and standard deviation 10.
PROFILE = reference({name: numeric([50.0]) for name in ("a", "unread", "b", "c")}, components=COMPONENTS)
STATISTIC = ReconstructionError(PROFILE, COMPONENTS)

values = st.one_of(st.sampled_from([NAN, INF, -INF, 1e300, -1.7e308]), st.integers(-640, 6400).map(lambda n: n / 64))
rows = st.tuples(values, values, values, values, st.integers(0, 2))


def plain(values: dict[str, float]) -> float:
    """Return a record's error, computed in a loop."""
    z = {}
    for name in COMPONENTS.features:
        value = values[name]
        z[name] = max(-10.0, min(10.0, (value - 50) / 10)) if math.isfinite(value) else 0.0
    rest = dict(z)
    for loadings in COMPONENTS.loadings:
        score = sum(weight * z[name] for weight, name in zip(loadings, COMPONENTS.features, strict=True))
        for weight, name in zip(loadings, COMPONENTS.features, strict=True):
            rest[name] -= score * weight
    return math.sqrt(sum(part * part for part in rest.values())) / COMPONENTS.error_stddev


@given(st.lists(rows, min_size=1, max_size=20))
def test_errors_equal_a_plain_loop_for_each_group(log: list[tuple[float, float, float, float, int]]) -> None:
    counts: Counter[int] = Counter()
    sums: Counter[int] = Counter()
    for a, unread, b, c, group in log:
        counts[group] += 1
        sums[group] += plain({"a": a, "unread": unread, "b": b, "c": c})
    batch = columns(
        len(log),
        numbers=[list(column) for column in list(zip(*log, strict=True))[:4]],
        group=[r[4] for r in log],
        groups=3,
    )
    tally = STATISTIC.tally(batch)
    np.testing.assert_allclose(tally, [[counts[group], sums[group]] for group in range(3)], rtol=1e-9, atol=1e-12)


def test_one_absurd_value_moves_the_mean_by_a_bounded_amount() -> None:
    numbers = np.full((4, 1000), 50.0)
    numbers[0, 0] = 1e300
    ((count, total),) = STATISTIC.tally(columns(1000, numbers=numbers.tolist()))
    assert count == 1000
    assert total <= 10 * math.sqrt(3) / COMPONENTS.error_stddev


def gauges(profile: Profile, tally: Floats) -> dict[str, float]:
    assert profile.components
    statistic = ReconstructionError(profile, profile.components)
    families = MultivariateDrift(statistic).collect(view_of({"5m": {SERIES: {statistic.name: tally}}}))
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_the_shift_is_in_standard_deviations_and_the_score_in_standard_errors_of_both_samples() -> None:
    observed = gauges(PROFILE, np.array([100.0, 250.0]))
    assert observed == pytest.approx(
        {"model_multivariate_drift": 2.5 - 2, "model_multivariate_drift_zscore": 0.5 / math.sqrt(1 / 100 + 1 / 400)}
    )


@pytest.mark.parametrize("count", [0.0, 29.0])
def test_few_records_give_no_value(count: float) -> None:
    assert gauges(PROFILE, np.array([count, count])) == {}
    assert gauges(PROFILE, np.array([30.0, 60.0]))


def test_without_components_there_is_no_gauge() -> None:
    chosen = measures(Config(sources=[]), reference({"a": numeric([50.0])}))
    assert "reconstruction_error" not in {statistic.name for statistic in chosen.statistics}


def pairs(rng: np.random.Generator, count: int, correlation: float) -> Floats:
    """Draw pairs of mean 50 and standard deviation 10, shape (2, count)."""
    a, noise = rng.normal(size=(2, count))
    return 50 + 10 * np.array([a, correlation * a + math.sqrt(1 - correlation**2) * noise])


def trained(rng: np.random.Generator, rows: int) -> Profile:
    """Return a profile of pairs with a correlation of 0.7, with deciles."""
    numbers = pairs(rng, rows, 0.7)
    found = fit(["a", "b"], (numbers - 50) / 10)
    features = {}
    for name, row in zip("ab", numbers, strict=True):
        edges = np.quantile(row, np.linspace(0, 1, 11)[1:-1])
        features[name] = numeric(edges.tolist(), np.bincount(np.searchsorted(edges, row), minlength=10).tolist())
    return reference(features, components=found)


def derived(profile: Profile, numbers: Floats) -> dict[tuple[str, str], float]:
    """Return every derived gauge of a window of numbers, by its name and feature."""
    chosen = measures(Config(sources=[]), profile)
    batch = columns(numbers.shape[1], numbers=numbers.tolist())
    rows = {"requests": batch, "predictions": batch, "errors": batch.errors()}
    row = {statistic.name: statistic.tally(rows[statistic.reads])[0] for statistic in chosen.statistics}
    families = [family for one in chosen.derived for family in one.collect(view_of({"5m": {SERIES: row}}))]
    return {(s.name, s.labels.get("feature_name", "")): s.value for family in families for s in family.samples}


def test_only_this_statistic_detects_a_flipped_correlation() -> None:
    rng = np.random.default_rng(3)
    profile = trained(rng, 20_000)
    before, after = (derived(profile, pairs(rng, 1000, correlation)) for correlation in (0.7, -0.7))
    for observed in (before, after):
        psis = [value for (name, _), value in observed.items() if name == "model_feature_drift_psi"]
        assert len(psis) == 2
        assert max(psis) < 0.03
    assert abs(before["model_multivariate_drift_zscore", ""]) < 3
    assert after["model_multivariate_drift", ""] > 1
    assert after["model_multivariate_drift_zscore", ""] > 30


@pytest.mark.parametrize(("rows", "records", "windows"), [(400, 50, 2000), (20_000, 50, 2000), (20_000, 2000, 200)])
def test_without_drift_few_windows_are_beyond_three_standard_errors(rows: int, records: int, windows: int) -> None:
    """The normal distribution has 0.27%; small windows have a few times that, because errors are skewed."""
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(20):
        profile = trained(rng, rows)
        assert profile.components
        numbers = pairs(rng, records * (windows // 20), 0.7)
        group = np.repeat(np.arange(windows // 20), records).tolist()
        batch = columns(len(group), numbers=numbers.tolist(), group=group, groups=windows // 20)
        for tally in ReconstructionError(profile, profile.components).tally(batch):
            alarms += abs(gauges(profile, tally)["model_multivariate_drift_zscore"]) > 3
    assert alarms / windows < 0.01
