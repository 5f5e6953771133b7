"""Values with much of the mass, and codes: each has a bin of its own, which can drift."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.derived.drift_statistics import psi
from exporter.reference.profile import MAX_BINS, Numeric, bin_labels
from tests.derived.samples import profiled
from tests.offline.profiling.training import made, write

FEWEST = 20


def alone(feature: Numeric, value: float) -> int:
    """Return the count of the bin that starts with a value and ends before the next whole number or float."""
    (at,) = [place for place, edge in enumerate(feature.edges) if edge == value]
    assert feature.edges[at + 1] in (math.nextafter(value, math.inf), value + 1)
    return feature.counts[at + 1]


def moved(feature: Numeric, window: np.ndarray) -> float:
    """Return the PSI of a window."""
    counts = np.bincount(np.searchsorted(feature.edges, window, side="right"), minlength=len(feature.counts))
    return float(psi(counts.astype(float), np.array(feature.counts, float)))


@given(
    st.dictionaries(st.integers(-50, 50).map(lambda n: n / 4), st.integers(1, 400), max_size=6),
    st.integers(0, 300),
    st.sampled_from([2, 5, 10, 30, 100]),
)
def test_a_value_with_half_the_rows_of_a_bin_has_a_bin_of_its_own(
    atoms: dict[float, int], rest: int, bins: int
) -> None:
    others = np.random.default_rng(rest).normal(0, 10, rest + 128)  # enough for quantiles
    values = np.concatenate([np.repeat(list(atoms), list(atoms.values())), others])
    feature = profiled(values, bins=bins)
    assert feature.problem() is None
    assert len(feature.counts) <= MAX_BINS
    counts = Counter(values.tolist())
    heavy = [value for value, count in counts.items() if count >= max(len(values) / (2 * bins), FEWEST)]
    assert [alone(feature, value) for value in heavy[:bins]] == [counts[value] for value in heavy[:bins]]
    assert len({*bin_labels(feature)}) == len(feature.counts)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.92, 0.999])
@pytest.mark.parametrize("atom", [0.0, -3.25, 7.0, 1e300, 5e-324])
@pytest.mark.parametrize("side", [-1, 1, 0])
def test_a_feature_that_is_mostly_one_value_can_drift(share: float, atom: float, side: int) -> None:
    rng = np.random.default_rng(1)

    def sample(share: float, size: int) -> np.ndarray:
        spread = rng.lognormal(size=size) * (side or np.where(rng.random(size) < 0.5, 1, -1))
        return np.where(rng.random(size) < share, atom, atom + spread * max(1.0, abs(atom)))

    feature = profiled(sample(share, 10_000))
    assert moved(feature, sample(share, 5000)) < 0.01
    assert moved(feature, sample(share * 0.5, 5000)) > 0.03
    assert moved(feature, np.full(5000, atom)) > 0.004 or share == 0.999
    assert moved(feature, np.nextafter(np.full(5000, atom), -np.inf)) > 0.5
    assert moved(feature, np.nextafter(np.full(5000, atom), np.inf)) > 0.5


def test_the_values_beside_an_atom_have_several_bins_and_their_drift_shows() -> None:
    rng = np.random.default_rng(2)
    feature = profiled(np.where(rng.random(20_000) < 0.92, 0.0, rng.gamma(2.0, 50.0, 20_000)))
    assert bin_labels(feature)[:2] == ("0: (-inf, 0)", "1: 0")
    assert min(feature.counts[2:]) > 0.015 * 20_000
    assert len(feature.counts) == 6
    assert moved(feature, np.where(rng.random(5000) < 0.92, 0.0, rng.gamma(2.0, 200.0, 5000))) > 0.05


def test_a_fraction_beside_an_atom_of_whole_numbers_shows() -> None:
    rng = np.random.default_rng(6)
    feature = profiled(np.where(rng.random(10_000) < 0.92, 0.0, rng.integers(0, 9999, 10_000)))
    assert bin_labels(feature)[:2] == ("0: (-inf, 0)", "1: 0")
    assert moved(feature, np.where(rng.random(5000) < 0.92, 0.5, rng.integers(0, 9999, 5000))) > 1


def test_cells_between_cuts_contain_an_atom_alone_or_not_at_all() -> None:
    rng = np.random.default_rng(3)
    for values in (
        np.where(rng.random(20_000) < 0.92, 0.0, rng.normal(0, 5, 20_000)),
        np.minimum(rng.normal(50, 20, 20_000), 70.0),
        np.where(rng.random(20_000) < 0.99, 2.5, rng.normal(2.5, 1, 20_000)),
    ):
        feature = profiled(values)
        (atom, count), *_ = Counter(values.tolist()).most_common(1)
        at = feature.cuts.index(atom)
        assert feature.cuts[at + 1] == math.nextafter(atom, math.inf)
        assert feature.cut_counts[at + 1] == count
        assert not feature.is_discrete
        assert len(feature.cuts) <= 128


def test_uniform_bins_are_the_textbook_s_ten() -> None:
    values = np.where(np.random.default_rng(4).random(5000) < 0.92, 0.0, np.arange(5000.0))
    feature = profiled(values, binning="uniform")
    assert feature.edges == np.histogram_bin_edges(values, 10)[1:-1].tolist()


@pytest.mark.parametrize("codes", [range(18), range(50), range(0, 500, 10), [1, 2, 3, 10, 11, 40, 90, 91, 99, 7, 12]])
def test_each_code_has_a_bin_and_a_new_code_shows(codes: range | list[int]) -> None:
    values = np.repeat(np.array(codes, float), 40)
    feature = profiled(values)
    assert feature.is_discrete
    assert len(feature.counts) <= MAX_BINS
    counts = dict(zip([-math.inf, *feature.edges], feature.counts, strict=True))
    assert [counts[code] for code in codes] == [40] * len(codes)
    hidden = [
        new
        for new in {*range(-1, max(codes) + 2)} - {*codes}
        if feature.counts[int(np.searchsorted(feature.edges, new, side="right"))]
    ]
    assert len(hidden) == (9 if len(codes) == 50 and max(codes) == 490 else 0)  # one of 49 gaps has no bin


def test_two_of_18_codes_that_vanish_are_as_large_a_change_as_of_categories() -> None:
    rng = np.random.default_rng(5)
    shares = rng.dirichlet(np.full(18, 5.0))
    reference = rng.choice(18, 10_000, p=shares) * 1.0
    window = reference[(reference != 4) & (reference != 11)][:5000]
    names, counts = np.unique(reference, return_counts=True)
    expected = psi(np.array([(window == name).sum() for name in names]) * 1.0, counts * 1.0)
    assert moved(profiled(reference), window) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.arange(51.0).repeat(40), id="51 distinct"),
        pytest.param(np.arange(40.0).repeat(19), id="few rows for each"),
        pytest.param(np.arange(40.0).repeat(40) / 8, id="fractions"),
    ],
)
def test_other_columns_have_quantiles(values: np.ndarray) -> None:
    assert len(profiled(values).counts) <= 11


def test_numbers_are_the_same_with_and_without_a_fraction_of_zero(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": 3, "y": 1.5}\n{"x": 3.0, "y": 2.5}\n{"x": 4e0, "y": 3.5}\n' * 20)
    feature = made(path, output=tmp_path / "out.json").features["x"]
    assert isinstance(feature, Numeric)
    assert (feature.edges, feature.counts) == ([3.0, 4.0, 5.0], [0, 40, 20, 0])


def test_a_csv_file_makes_the_same_bins(tmp_path: Path) -> None:
    rows = [{"x": code, "y": code / 2} for code in [3, 8, 9, 0, 0, 0] * 30]
    by_file = [
        made(write(tmp_path / name, rows), output=tmp_path / "out.json").features for name in ("a.csv", "a.jsonl")
    ]
    assert by_file[0] == by_file[1]
