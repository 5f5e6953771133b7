"""Embedding drift against plain loops, with and without drift."""

import math
from collections import Counter
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from exporter.assembly.measures import measures
from exporter.batch import Floats, Series
from exporter.configuration.settings import Config
from exporter.derived import Criteria
from exporter.derived.drift_statistics import psi, psi_critical
from exporter.derived.multivariate_drift import EmbeddingDrift
from exporter.offline.profiling.column import Column
from exporter.offline.profiling.vector import VectorSketch, VectorTally
from exporter.reference.profile import Profile, Vector
from exporter.reference.projections import directions
from exporter.stats.embedding import Embedding
from tests.derived.views import view_of
from tests.records import columns, numeric, reference, vector

SERIES = Series("credit", "3")
NOTHING = [math.nan] * 3
# All have the spread 2.
PROFILE = reference(
    {
        "other": vector([0.0, 0.0], [[0.5]], [[50, 50]]),
        "text": vector([0.5, -1.25, 0.0], [[-0.7113, 0.4142], [0.1618], []], [[30, 30, 40], [60, 40], [100]]),
    }
)
TEXT = Embedding(PROFILE, "text")

numbers = st.one_of(st.sampled_from([1e300, -1.7e308, 0.0]), st.integers(-6400, 6400).map(lambda n: n / 64))
vectors = st.one_of(st.just(NOTHING), st.lists(numbers, min_size=3, max_size=3))


@given(st.lists(st.tuples(vectors, st.integers(0, 2)), min_size=1, max_size=20))
def test_counts_and_sums_equal_a_plain_loop_for_each_group(log: list[tuple[list[float], int]]) -> None:
    expected: Counter[tuple[int, int]] = Counter()
    onto = directions(3, 3).tolist()
    for values, group in log:
        if math.isnan(values[0]):
            continue
        means = [0.5, -1.25, 0.0]
        within = [mean + max(-32.0, min(32.0, value - mean)) for value, mean in zip(values, means, strict=True)]
        for row, edges in enumerate(PROFILE.vectors["text"].edges):
            coordinate = sum(a * b for a, b in zip(onto[row], within, strict=True))
            expected[group, row * 3 + sum(coordinate >= edge for edge in edges)] += 1
        for index, (value, mean) in enumerate(zip(within, means, strict=True)):
            expected[group, 9 + index] += value - mean + 32
    batch = columns(
        len(log),
        vectors=[[[0.0, 0.0]] * len(log), [values for values, _ in log]],
        group=[group for _, group in log],
        groups=3,
    )
    tally = TEXT.tally(batch)
    assert tally.shape == (3, 12)
    np.testing.assert_allclose(tally, [[expected[group, cell] for cell in range(12)] for group in range(3)], rtol=1e-12)


def gauges(profile: Profile, *tallies: Floats) -> dict[tuple[str, str], float]:
    embeddings = [Embedding(profile, feature) for feature in profile.vectors]
    row = {embedding.name: tally for embedding, tally in zip(embeddings, tallies, strict=True)}
    families = EmbeddingDrift(embeddings, Criteria()).collect(view_of({"5m": {SERIES: row}}))
    return {
        (sample.name, sample.labels["feature_name"]): sample.value for family in families for sample in family.samples
    }


def test_gauges_are_the_mean_psi_and_the_distance_of_the_means() -> None:
    counts = [[20.0, 70, 110], [150, 50, 0], [200, 0, 0]]
    sums = 200 * (32 + np.array([3.0, 0.0, -4.0]))  # the mean has moved by (3, 0, -4)
    observed = gauges(PROFILE, np.zeros(4), np.array([*chain.from_iterable(counts), *sums]))
    against = [[30.0, 30, 40], [60, 40, 0], [100, 0, 0]]
    expected = [float(psi(np.array(w), np.array(r))) for w, r in zip(counts, against, strict=True)]
    assert observed == pytest.approx(
        {
            ("model_embedding_drift_psi", "text"): sum(expected) / 3,
            ("model_embedding_mean_shift", "text"): 5 / 2,
        }
    )


@pytest.mark.parametrize(("count", "values"), [(0, 0), (99, 0), (100, 2)])
def test_few_vectors_give_no_value(count: int, values: int) -> None:
    good = np.random.default_rng(1).normal(size=(count, 3)).tolist()
    batch = columns(count + 1, vectors=[[[0.0, 0.0]] * (count + 1), [*good, NOTHING]])
    observed = gauges(PROFILE, np.zeros(4), TEXT.tally(batch)[0])
    assert len(observed) == values


def test_one_absurd_vector_moves_the_mean_by_a_bounded_amount() -> None:
    values = np.tile([0.5, -1.25, 0.0], (1000, 1))
    values[0] = [1e300, -1.7e308, 0.0]
    batch = columns(1000, vectors=[[[0.0, 0.0]] * 1000, values])
    observed = gauges(PROFILE, np.zeros(4), TEXT.tally(batch)[0])
    assert observed["model_embedding_mean_shift", "text"] == pytest.approx(16 * math.sqrt(2) / 1000)


def test_without_vectors_there_is_no_statistic() -> None:
    chosen = measures(Config(sources=[]), reference({"a": numeric([50.0])}))
    assert not [statistic for statistic in chosen.statistics if statistic.name.startswith("embedding")]


def profiled(vectors: Floats) -> Profile:
    sketch = VectorSketch()
    sketch.add({vectors.shape[1]: vectors})
    tally = VectorTally(sketch)
    tally.add(Column(vectors={vectors.shape[1]: vectors}))
    return reference({"text": tally.feature(len(vectors))})


def drawn(rng: np.random.Generator, count: int) -> Floats:
    """Draw vectors of 48 correlated numbers far from 0, like an embedding's."""
    mixing = np.random.default_rng(0).normal(size=(8, 48))
    return 3 + rng.normal(size=(count, 8)) @ mixing + 0.5 * rng.normal(size=(count, 48))


def observed(profile: Profile, vectors: Floats, windows: int = 1) -> list[tuple[float, float]]:
    """Return the PSI and the mean shift of each of equal windows."""
    statistic = Embedding(profile, "text")
    group = np.repeat(np.arange(windows), len(vectors) // windows).tolist()
    tallies = statistic.tally(columns(len(vectors), vectors=[vectors], group=group, groups=windows))
    return [tuple(gauges(profile, tally).values()) for tally in tallies]


@pytest.mark.parametrize(("rows", "records"), [(500, 200), (20_000, 200), (20_000, 2000)])
def test_without_drift_both_have_the_values_expected_by_chance(rows: int, records: int) -> None:
    rng = np.random.default_rng(5)
    found = [
        pair
        for _ in range(5)
        for profile in [profiled(drawn(rng, rows))]
        for pair in observed(profile, drawn(rng, records * 10), windows=10)
    ]
    chance = 1 / records + 1 / rows
    psis, shifts = np.array(found).T
    assert psis.mean() == pytest.approx(9 * chance, rel=0.1)
    assert psis.max() < 9 * chance * 2.5
    assert np.sqrt((shifts**2).mean()) == pytest.approx(math.sqrt(chance), rel=0.1)
    assert shifts.max() < 2.5 * math.sqrt(chance)


@pytest.mark.parametrize("shared", [0.0, 0.7, 1.0])
def test_without_drift_the_mean_psi_exceeds_the_critical_value_no_more_often_than_stated(shared: float) -> None:
    """Projections are independent, correlated or equal; each window has its own reference."""
    rng = np.random.default_rng(7)
    edges = np.tile(norm.ppf(np.linspace(0.1, 0.9, 9)), (16, 1))
    rows, records, windows = 2000, 500, 400
    limit = psi_critical(np.full(10, records / 10), np.full(10, rows / 10), 0.01)
    exceeded = sum(
        psi(counts_of(correlated(rng, shared, records), edges), counts_of(correlated(rng, shared, rows), edges)).mean()
        > limit
        for _ in range(windows)
    )
    # 4 are expected of a single projection; 10 is three standard deviations beyond.
    assert exceeded <= (10 if shared == 1 else 4)


def correlated(rng: np.random.Generator, shared: float, rows: int, columns: int = 16) -> Floats:
    """Draw normal numbers; any two in a row have the correlation `shared`."""
    common = rng.normal(size=(rows, 1))
    return math.sqrt(shared) * common + math.sqrt(1 - shared) * rng.normal(size=(rows, columns))


def counts_of(values: Floats, edges: Floats) -> Floats:
    """Return counts by bin of each column, shape (columns, bins)."""
    cells = [np.searchsorted(column_edges, column) for column, column_edges in zip(values.T, edges, strict=True)]
    return np.array([np.bincount(each, minlength=edges.shape[1] + 1) for each in cells], np.float64)


def test_both_detect_a_shift_and_the_bins_detect_a_change_of_shape() -> None:
    rng = np.random.default_rng(6)
    vectors = drawn(rng, 20_000)
    profile = profiled(vectors)
    feature = profile.vectors["text"]
    assert isinstance(feature, Vector)
    ((psi_moved, moved),) = observed(profile, drawn(rng, 1000) + np.full(48, feature.spread / math.sqrt(48)))
    assert moved == pytest.approx(1, abs=0.1)
    assert psi_moved > 0.25
    ((psi_wider, unmoved),) = observed(profile, 3 + 2 * (drawn(rng, 1000) - 3))
    assert unmoved < 0.15
    assert psi_wider > 0.25
