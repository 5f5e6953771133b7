"""Pairs of samples, a reference's and a window's, of every shape that features come in; and how they are compared.

The profile is made by the very code of `prediction-exporter profile`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from exporter.batch import Floats
from exporter.derived import Criteria
from exporter.derived.drift import DriftCalculator, DriftResult
from exporter.offline.profiling.column import Column
from exporter.offline.profiling.numeric import NumericSketch, NumericTally
from exporter.reference.profile import Numeric, Profile
from exporter.tallies.tally import StatisticArrays
from tests.derived.views import window_of
from tests.records import columns, reference

Rng = np.random.Generator


@dataclass(frozen=True)
class Pair:
    """`window` is drawn after `reference`, of the sizes given."""

    name: str
    reference: Callable[[Rng, int], Floats]
    window: Callable[[Rng, int], Floats]
    sizes: tuple[int, int] = (5000, 2000)

    def draw(self) -> tuple[Floats, Floats]:
        rng = np.random.default_rng(sum(self.name.encode()))
        m, n = self.sizes
        return self.reference(rng, m), self.window(rng, n)


def _mixture(rng: Rng, n: int) -> Floats:
    return np.where(rng.random(n) < 0.3, 0.0, rng.gamma(2.0, 3.0, n))


PAIRS = [
    Pair("normal, unmoved", lambda r, n: r.normal(size=n), lambda r, n: r.normal(size=n)),
    Pair("normal, mean moved", lambda r, n: r.normal(size=n), lambda r, n: r.normal(0.5, size=n)),
    Pair("normal, far away", lambda r, n: r.normal(size=n), lambda r, n: r.normal(50.0, size=n)),
    Pair("normal, far below", lambda r, n: r.normal(size=n), lambda r, n: r.normal(-9.0, 0.1, size=n)),
    Pair("normal, wider", lambda r, n: r.normal(size=n), lambda r, n: r.normal(0.0, 2.0, size=n)),
    Pair("normal, narrower", lambda r, n: r.normal(size=n), lambda r, n: r.normal(0.0, 0.3, size=n)),
    Pair("normal, large offset", lambda r, n: r.normal(1e9, 1.0, n), lambda r, n: r.normal(1e9 + 0.2, 1.0, n)),
    Pair("normal, tiny scale", lambda r, n: r.normal(0, 1e-12, n), lambda r, n: r.normal(3e-13, 1e-12, n)),
    Pair("uniform, unmoved", lambda r, n: r.random(n), lambda r, n: r.random(n)),
    Pair("uniform, part of it", lambda r, n: r.random(n), lambda r, n: r.random(n) * 0.5),
    Pair("exponential, scaled", lambda r, n: r.exponential(size=n), lambda r, n: r.exponential(1.5, n)),
    Pair("lognormal, unmoved", lambda r, n: r.lognormal(0, 1.5, n), lambda r, n: r.lognormal(0, 1.5, n)),
    Pair("lognormal, moved", lambda r, n: r.lognormal(0, 1.0, n), lambda r, n: r.lognormal(0.4, 1.0, n)),
    Pair("Pareto, heavy tail", lambda r, n: r.pareto(2.5, n), lambda r, n: r.pareto(2.0, n)),
    Pair("Student's t of 3", lambda r, n: r.standard_t(3, n), lambda r, n: r.standard_t(3, n) + 0.3),
    Pair("Cauchy", lambda r, n: r.standard_cauchy(n), lambda r, n: r.standard_cauchy(n) * 2),
    Pair(
        "two humps to one",
        lambda r, n: np.where(r.random(n) < 0.5, r.normal(-3, 1, n), r.normal(3, 1, n)),
        lambda r, n: r.normal(0, 3, n),
    ),
    Pair("beta at the edges", lambda r, n: r.beta(0.5, 0.5, n), lambda r, n: r.beta(0.6, 0.4, n)),
    Pair("gamma, shape moved", lambda r, n: r.gamma(2.0, 3.0, n), lambda r, n: r.gamma(2.5, 3.0, n)),
    Pair("zero-inflated, unmoved", _mixture, _mixture),
    Pair("zero-inflated, more zeros", _mixture, lambda r, n: np.where(r.random(n) < 0.6, 0.0, r.gamma(2.0, 3.0, n))),
    Pair("integers 0 to 5", lambda r, n: r.integers(0, 6, n) * 1.0, lambda r, n: r.integers(1, 6, n) * 1.0),
    Pair("integers 0 to 99", lambda r, n: r.integers(0, 100, n) * 1.0, lambda r, n: r.integers(10, 100, n) * 1.0),
    Pair("integers, unseen ones", lambda r, n: r.integers(0, 6, n) * 1.0, lambda r, n: r.integers(3, 12, n) * 1.0),
    Pair("Poisson", lambda r, n: r.poisson(4.0, n) * 1.0, lambda r, n: r.poisson(4.5, n) * 1.0),
    Pair("geometric", lambda r, n: r.geometric(0.2, n) * 1.0, lambda r, n: r.geometric(0.25, n) * 1.0),
    Pair("rounded, many ties", lambda r, n: r.normal(size=n).round(1), lambda r, n: r.normal(0.2, 1, n).round(1)),
    Pair("two values", lambda r, n: (r.random(n) < 0.5) * 1.0, lambda r, n: (r.random(n) < 0.8) * 1.0),
    Pair("rare value", lambda r, n: (r.random(n) < 0.01) * 1.0, lambda r, n: (r.random(n) < 0.05) * 1.0),
    Pair("constant, unmoved", lambda _, n: np.full(n, 7.0), lambda _, n: np.full(n, 7.0)),
    Pair("constant, moved", lambda _, n: np.full(n, 7.0), lambda _, n: np.full(n, 8.0)),
    Pair("constant to varying", lambda _, n: np.full(n, 7.0), lambda r, n: r.normal(7.0, 1.0, n)),
    Pair("varying to constant", lambda r, n: r.normal(size=n), lambda _, n: np.full(n, 0.1)),
    Pair("small window", lambda r, n: r.normal(size=n), lambda r, n: r.normal(0.5, 1, n), (5000, 120)),
    Pair("small reference", lambda r, n: r.normal(size=n), lambda r, n: r.normal(0.5, 1, n), (150, 5000)),
    Pair("both small", lambda r, n: r.normal(size=n), lambda r, n: r.normal(0.5, 1, n), (120, 110)),
]


def profiled(values: Floats, bins: int = 10, binning: str = "quantile") -> Numeric:
    """Return the feature that `profile` makes of the values."""
    sketch = NumericSketch()
    sketch.add(values)
    tally = NumericTally(sketch, sketch.edges(bins, binning), sketch.cuts())
    tally.add(Column(values))
    return tally.feature(len(values))


def calculator(profile: Profile, criteria: Criteria = Criteria()) -> DriftCalculator:  # noqa: B008  # it is frozen
    return DriftCalculator(profile, criteria=criteria)


def row(compared: DriftCalculator, *numbers: Floats) -> StatisticArrays:
    """Return a window's tallies of numeric features."""
    batch = columns(len(numbers[0]), numbers=[values.tolist() for values in numbers])
    statistics = (compared.bins, compared.cuts, compared.moments)
    return {statistic.name: statistic.tally(batch)[0].astype(np.float64) for statistic in statistics}


@cache
def compared(pair: Pair, binning: str = "quantile") -> tuple[DriftCalculator, DriftResult, Floats, Floats]:
    """Return a pair's calculator and its result, with the reference's and the window's values."""
    against, window = pair.draw()
    both = calculator(reference({"x": profiled(against, binning=binning)}))
    return both, both.drift(window_of(row(both, window))), against, window
