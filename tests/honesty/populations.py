"""Populations of every kind that features come from, and records drawn from them as counts by bin and cut.

A population is a large sample; reference and windows are drawn from it with replacement, so their distribution is the
same, and known exactly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats, Ints
from exporter.derived.drift import DriftCalculator
from exporter.offline.profiling.column import Column
from exporter.offline.profiling.numeric import NumericSketch, NumericTally
from exporter.reference.profile import Categorical, Numeric, Profile

Rng = np.random.Generator

SIZE = 2**16
# A tail beyond the outermost cut is divided into so many cells, each represented by its mean.
TAIL_CELLS = 8


def _zeros(rng: Rng, n: int) -> Floats:
    return np.where(rng.random(n) < 0.92, 0.0, rng.gamma(2.0, 3.0, n))


def _missing(share: float) -> Callable[[Rng, int], Floats]:
    return lambda rng, n: np.where(rng.random(n) < share, np.nan, rng.normal(size=n))


def codes(count: int, exponent: float) -> Callable[[Rng, int], Floats]:
    """Return codes of which the k-th most frequent has a share in proportion to k ** -exponent."""
    shares = np.arange(1, count + 1) ** -exponent
    return lambda rng, n: rng.choice(count, n, p=shares / shares.sum()).astype(np.float64)


NUMERIC: Sequence[Callable[[Rng, int], Floats]] = (
    lambda rng, n: rng.normal(size=n),
    lambda rng, n: rng.lognormal(0, 1, n),
    lambda rng, n: rng.exponential(size=n),
    lambda rng, n: rng.standard_t(3, n),
    lambda rng, n: rng.random(n),
    _zeros,
    lambda rng, n: rng.integers(0, 6, n).astype(np.float64),
    lambda rng, n: rng.normal(size=n).round(1),
    _missing(0.1),
    _missing(0.02),
    lambda rng, n: rng.beta(0.5, 0.5, n),
    lambda rng, n: rng.poisson(4.0, n).astype(np.float64),
)
CATEGORICAL: Sequence[Callable[[Rng, int], Floats]] = (
    codes(5, 0.0),
    codes(8, 1.0),
    codes(10, 0.5),
    codes(18, 1.0),
    codes(30, 1.0),
    codes(50, 0.0),
    codes(50, 1.0),
    lambda rng, n: np.where(rng.random(n) < 0.05, np.nan, codes(12, 1.0)(rng, n)),
)


@dataclass(frozen=True)
class Variable:
    """The cells of a population, and what a record in each of them adds to the distributions of its feature.

    `cells` are those of the members of the population. `bins` and `cuts` are the positions in the counts of
    a feature; a cell of missing values has a cut of -1. `below` and `above` are the distances from the outermost cuts.
    """

    cells: Ints
    bins: Ints
    cuts: Ints
    below: Floats
    above: Floats


@dataclass(frozen=True)
class Model:
    """A model with one reference; the variables are those of its calculator, in the same order."""

    calculator: DriftCalculator
    variables: Sequence[Variable]


def profiled(values: Floats, bins: int = 10) -> Numeric:
    """Return the feature that `profile` makes of numbers."""
    present = values[np.isfinite(values)]
    sketch = NumericSketch()
    sketch.add(present)
    tally = NumericTally(sketch, sketch.edges(bins, "quantile"), sketch.cuts())
    tally.add(Column(present))
    return tally.feature(len(values))


def counted(codes: Floats) -> Categorical:
    """Return the feature that `profile` makes of codes of categories."""
    present, counts = np.unique(codes[np.isfinite(codes)], return_counts=True)
    categories = {f"c{code:.0f}": int(count) for code, count in zip(present, counts, strict=True)}
    return Categorical(categories, missing=int(np.isnan(codes).sum()), other=0, distinct=len(categories))


def model(features: int, records: int, rng: Rng) -> Model:
    """Return a model with a reference of `records`, of which three of five features are numeric."""
    numeric = round(features * 0.6)
    kinds = [NUMERIC[i % len(NUMERIC)] for i in range(numeric)]
    kinds += [CATEGORICAL[i % len(CATEGORICAL)] for i in range(features - numeric)]
    populations = [kind(rng, SIZE) for kind in kinds]
    samples = [rng.choice(population, records) for population in populations]
    described = [profiled(sample) if i < numeric else counted(sample) for i, sample in enumerate(samples)]
    names = [f"x{i}" for i in range(features)]
    profile = Profile(1, records, dict(zip(names, described, strict=True)))
    calculator = DriftCalculator(profile)
    width = calculator.bins.shape[1]
    variables = [
        _numeric(population, feature, width) if isinstance(feature, Numeric) else _codes_of(population, feature, width)
        for population, feature in zip(populations, described, strict=True)
    ]
    return Model(calculator, variables)


def _numeric(population: Floats, feature: Numeric, width: int) -> Variable:
    values = population[np.isfinite(population)]
    first, last = feature.cuts[0], feature.cuts[-1]
    parts = np.linspace(0, 1, TAIL_CELLS + 1)[1:-1]
    tails = [np.quantile(tail, parts) for tail in (values[values < first], values[values >= last]) if len(tail)]
    grid = np.unique(np.concatenate([feature.edges, feature.cuts, *tails]))
    at = np.searchsorted(grid, values, side="right")
    counts = np.bincount(at, minlength=len(grid) + 1)
    means = np.bincount(at, values, minlength=len(grid) + 1) / np.maximum(counts, 1)
    lower = np.append(-np.inf, grid)
    cuts = np.searchsorted(feature.cuts, lower, side="right")
    cells = np.full(len(population), len(counts))
    cells[np.isfinite(population)] = at
    return Variable(
        cells=cells,
        bins=np.append(np.searchsorted(feature.edges, lower, side="right"), width - 2),
        cuts=np.append(cuts, -1),
        below=np.append(np.where(cuts == 0, first - means, 0.0), 0.0),
        above=np.append(np.where(cuts == len(feature.cuts), means - last, 0.0), 0.0),
    )


def _codes_of(population: Floats, feature: Categorical, width: int) -> Variable:
    present = np.unique(population[np.isfinite(population)])
    places = {name: place for place, name in enumerate(feature.categories)}
    bins = [places.get(f"c{code:.0f}", width - 1) for code in present]
    none = np.zeros(len(bins) + 1)
    return Variable(
        # NaN comes after all codes.
        cells=np.searchsorted(present, population),
        bins=np.array([*bins, width - 2]),
        cuts=np.full(len(bins) + 1, -1),
        below=none,
        above=none,
    )
