"""Feature bins against numpy.histogram and a plain loop: every value is in one bin, also at the edges."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.batch import NON_FINITE, WRONG_TYPE, Batch, Series
from exporter.reference.profile import Profile
from exporter.stats.feature_bins import FeatureBins
from tests.records import PROFILE, categorical, columns, numeric, reference

SERIES = Series("credit", "3")
NAN, INF = math.nan, math.inf
EDGES = [-1.5, 0.0, 0.1, 7.0]
NUMBERS = reference({"x": numeric(EDGES, [1, 2, 3, 4, 5], missing=6, other=7), "y": numeric([0.5])})
LABELS = ("0: (-inf, -1.5)", "1: [-1.5, 0)", "2: [0, 0.1)", "3: [0.1, 7)", "4: [7, +inf)")

values = st.one_of(
    st.sampled_from(
        [*EDGES, -0.0, *(math.nextafter(e, 9) for e in EDGES), *(math.nextafter(e, -9) for e in EDGES), 1e308]
    ),
    st.floats(-20, 20, allow_subnormal=False),
)


def exported(profile: Profile, batch: Batch, metric: str = "model_feature_bin") -> dict[tuple[str, str], float]:
    """Return the counts that are not zero by feature and bin."""
    bins = FeatureBins(profile)
    (tally,) = bins.tally(batch)
    families = {family.name: family for family in bins.collect({SERIES: tally}, {})}
    samples = families[metric].samples
    assert all((s.labels["model_name"], s.labels["model_version"]) == SERIES for s in samples)
    return {(s.labels["feature_name"], s.labels["bin"]): s.value for s in samples if s.value}


@pytest.mark.parametrize(
    ("value", "label"),
    [
        pytest.param(-INF, "other", id="-Infinity"),
        pytest.param(-1e308, LABELS[0], id="far below"),
        pytest.param(math.nextafter(-1.5, -2), LABELS[0], id="just below an edge"),
        pytest.param(-1.5, LABELS[1], id="on an edge"),
        pytest.param(-0.0, LABELS[2], id="negative zero is on the edge 0"),
        pytest.param(0.0, LABELS[2], id="zero"),
        pytest.param(0.1, LABELS[3], id="on an edge that is no binary fraction"),
        pytest.param(math.nextafter(0.1, 0), LABELS[2], id="just below it"),
        pytest.param(7.0, LABELS[4], id="on the last edge"),
        pytest.param(1e308, LABELS[4], id="far above"),
        pytest.param(INF, "other", id="Infinity"),
        pytest.param(NAN, "missing", id="missing"),
    ],
)
def test_a_number_falls_in_the_bin_that_starts_at_or_below_it(value: float, label: str) -> None:
    assert exported(NUMBERS, columns(1, numbers=[[value], [0.0]])) == {("x", label): 1, ("y", "0: (-inf, 0.5)"): 1}


@given(st.lists(st.tuples(values, values), min_size=1, max_size=30))
def test_counts_of_numbers_equal_numpy(log: list[tuple[float, float]]) -> None:
    x, y = zip(*log, strict=True)
    (tally,) = FeatureBins(NUMBERS).tally(columns(len(log), numbers=[x, y]))
    assert np.histogram(x, [-INF, *EDGES, INF])[0].tolist() == tally[0, :5].tolist()
    assert np.bincount(np.digitize(x, EDGES), minlength=5).tolist() == tally[0, :5].tolist()
    assert [sum(v < 0.5 for v in y), sum(v >= 0.5 for v in y)] == tally[1, :2].tolist()
    # Cells beyond the bins of the shorter feature are unused, and so are `missing` and `other`.
    assert not tally[1, 2:].any()
    assert not tally[0, 5:].any()


@given(
    st.lists(
        st.tuples(
            st.one_of(values, st.sampled_from([NAN, INF, -INF])),
            st.sampled_from(["DE", "FR", "XX", "missing", "other", "", None]),
            st.sampled_from([0, WRONG_TYPE, NON_FINITE]),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_every_value_is_counted_once_like_in_a_plain_loop(log: list[tuple[float, str | None, int, int]]) -> None:
    profile = reference({"place": categorical({"DE": 1, "FR": 1}), "x": numeric(EDGES)})
    expected: Counter[tuple[int, int, int]] = Counter()
    for x, place, mark, group in log:
        if mark == WRONG_TYPE or math.isinf(x):
            cell = 6
        elif math.isnan(x):
            cell = 5
        else:
            cell = sum(x >= edge for edge in EDGES)
        expected[group, 0, cell] += 1
        expected[group, 1, {"DE": 0, "FR": 1, "missing": 5, None: 5}.get(place, 6)] += 1
    batch = columns(
        len(log),
        numbers=[[x for x, *_ in log]],
        categories=[[place for _, place, *_ in log]],
        marks=[[mark for *_, mark, _ in log], [0] * len(log)],
        group=[group for *_, group in log],
        groups=3,
    )
    tally = FeatureBins(profile).tally(batch)
    assert tally.shape == (3, 2, 7)
    assert expected == {cell: tally[cell] for cell in map(tuple, np.argwhere(tally).tolist())}
    assert tally.sum() == 2 * len(log)


class TestCategories:
    profile = reference({"place": categorical({"DE": 3, "FR": 2}, missing=4, other=5)})

    @pytest.mark.parametrize(
        ("value", "label"),
        [
            pytest.param("DE", "DE", id="known"),
            pytest.param("XX", "other", id="unseen"),
            pytest.param("de", "other", id="written otherwise"),
            pytest.param("", "other", id="empty"),
            pytest.param(None, "missing", id="absent"),
            pytest.param("missing", "missing", id="written missing"),
            pytest.param("other", "other", id="written other"),
        ],
    )
    def test_each_has_its_bin(self, value: str | None, label: str) -> None:
        assert exported(self.profile, columns(1, categories=[[value]])) == {("place", label): 1}

    def test_of_the_wrong_type_are_other(self) -> None:
        batch = columns(2, categories=[[None, None]], marks=[[WRONG_TYPE, NON_FINITE]])
        assert exported(self.profile, batch) == {("place", "other"): 1, ("place", "missing"): 1}

    def test_the_reference_has_the_same_bins(self) -> None:
        expected = {("place", "DE"): 3, ("place", "FR"): 2, ("place", "missing"): 4, ("place", "other"): 5}
        assert exported(self.profile, columns(0, categories=[[]]), "model_feature_reference_bin") == expected

    def test_literally_named_missing_and_other_share_the_bins_of_those_names(self) -> None:
        profile = reference(
            {"place": categorical({"other": 7, "DE": 3, "missing": 11, "FR": 2}, missing=100, other=1000)}
        )
        batch = columns(7, categories=[["missing", None, "other", "XX", "XX", "DE", "FR"]])
        expected = {("place", "DE"): 1, ("place", "FR"): 1, ("place", "missing"): 2, ("place", "other"): 3}
        assert exported(profile, batch) == expected
        assert exported(profile, batch, "model_feature_reference_bin") == {
            ("place", "DE"): 3,
            ("place", "FR"): 2,
            ("place", "missing"): 111,
            ("place", "other"): 1007,
        }

    def test_of_nothing_but_missing_and_other_have_those_bins_alone(self) -> None:
        profile = reference({"place": categorical({"missing": 1, "other": 2})})
        assert FeatureBins(profile).zero().shape == (1, 2)
        assert exported(profile, columns(2, categories=[["missing", "DE"]])) == {
            ("place", "missing"): 1,
            ("place", "other"): 1,
        }


class TestProfiles:
    def test_of_numbers_alone(self) -> None:
        bins = FeatureBins(NUMBERS)
        assert bins.features == ("x", "y")
        assert bins.tally(columns(2, numbers=[[0.0, NAN], [1.0, 2.0]])).sum() == 4

    def test_of_categories_alone(self) -> None:
        bins = FeatureBins(TestCategories.profile)
        assert bins.features == ("place",)
        assert bins.tally(columns(3, categories=[["DE", None, "XX"]])).tolist() == [[[1, 0, 1, 1]]]

    def test_of_no_features(self) -> None:
        bins = FeatureBins(reference({}))
        assert bins.tally(columns(3, group=[0, 1, 1], groups=2)).shape == (2, *bins.zero().shape) == (2, 0, 2)

    def test_of_one_bin(self) -> None:
        profile = reference({"x": numeric([], [100])})
        assert exported(profile, columns(2, numbers=[[-1e300, NAN]])) == {
            ("x", "0: (-inf, +inf)"): 1,
            ("x", "missing"): 1,
        }

    def test_of_as_many_bins_as_there_may_be(self) -> None:
        edges = [float(edge) for edge in range(99)]
        (tally,) = FeatureBins(reference({"x": numeric(edges)})).tally(columns(2, numbers=[[98.0, -1.0]]))
        assert np.flatnonzero(tally[0]).tolist() == [0, 99]

    def test_list_numbers_first_whatever_their_order(self) -> None:
        assert FeatureBins(PROFILE).features == ("age", "income", "plan", "country")


class TestExport:
    def test_every_bin_is_there_from_the_start(self) -> None:
        bins = FeatureBins(NUMBERS)
        seen, of_reference = bins.collect({SERIES: bins.zero()}, {})
        for family in (seen, of_reference):
            labels = [s.labels["bin"] for s in family.samples if s.labels["feature_name"] == "x"]
            assert labels == [*LABELS, "missing", "other"]
        assert {sample.value for sample in seen.samples} == {0.0}
        assert [s.value for s in of_reference.samples if s.labels["feature_name"] == "x"] == [1, 2, 3, 4, 5, 6, 7]

    def test_bins_that_would_be_spelt_alike_are_spelt_in_full(self) -> None:
        bins = FeatureBins(reference({"x": numeric([0.1234567, 0.12345671])}))
        seen, *_ = bins.collect({SERIES: bins.zero()}, {})
        labels = [sample.labels["bin"] for sample in seen.samples]
        assert len(labels) == len({*labels}) == 5
        assert labels[1] == "1: [0.1234567, 0.12345671)"

    def test_labels_sort_as_the_bins_do(self) -> None:
        bins = FeatureBins(reference({"x": numeric([float(edge) for edge in range(12)])}))
        seen, *_ = bins.collect({SERIES: bins.zero()}, {})
        labels = [sample.labels["bin"] for sample in seen.samples][:-2]
        assert labels == sorted(labels)


def test_another_reference_is_another_identity() -> None:
    assert repr(FeatureBins(NUMBERS)) == repr(FeatureBins(NUMBERS))
    assert repr(FeatureBins(NUMBERS)) != repr(FeatureBins(reference({"x": numeric(EDGES), "y": numeric([0.75])})))
