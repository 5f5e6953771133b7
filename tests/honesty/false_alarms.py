"""How often chance alone raises a level, over a month of overlapping windows and one fixed reference.

A window is judged once per three of its 60 panes, that is 20 times per window. Almost all judgements are far from a
level. These are found from a few sums, and only the others go through the code of the exporter.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy

from exporter.batch import Floats, Ints
from exporter.derived.distributions import Distributions
from exporter.derived.drift_level import (
    FEWEST_RECORDS,
    HELD_STATISTIC,
    LEVELS,
    NORMAL,
    PARTS_OF_CATEGORICAL,
    PARTS_OF_NUMERIC,
    SIGNIFICANCE,
    Evidence,
    LimitArrays,
    evidence,
    next_levels,
)
from exporter.derived.drift_statistics import wasserstein
from exporter.tallies.windows import PANES, PANES_PER_JUDGEMENT
from tests.honesty.populations import Model, Rng, Variable

STRETCHES = PANES // PANES_PER_JUDGEMENT
# The windows of 30 days, for windows of 5 minutes, an hour and a day; and how many times the records each contains.
WINDOWS = {"5m": (8640, 1), "1h": (720, 12), "24h": (30, 288)}
MOST_STRETCHES = 10_000
# In squared standard errors. G of a bin is at most about twice that, and its critical value is above 30.
FAR_BIN = 8.0
MOST_RECORDS = 4_000_000


def month(model: Model, records: float, shared_by: int, rng: Rng) -> Ints:
    """Return how often a feature rises to each level in 30 days, shape (windows, features, levels).

    A window of five minutes has so many records on average, and `shared_by` features share the rate of false alarms.
    """
    found = np.zeros((len(WINDOWS), len(model.variables), len(LEVELS)), np.int64)
    for row, (number, times) in zip(found, WINDOWS.values(), strict=True):
        if records * times >= FEWEST_RECORDS:
            for at, counts in enumerate(row):
                counts[:] = Feature(model, at, shared_by).rises(records * times, number, rng)
    return found


class Stretches(NamedTuple):
    """Records of a number of consecutive stretches of time: counts by stretch and cell, in the order of time."""

    number: int
    place: Ints
    cell: Ints
    count: Ints

    @classmethod
    def none(cls) -> "Stretches":
        return cls(0, *(np.zeros(0, np.int64) for _ in range(3)))

    def last(self, number: int) -> "Stretches":
        """Return the last of the stretches."""
        first = max(self.number - number, 0)
        start = np.searchsorted(self.place, first)
        return Stretches(self.number - first, self.place[start:] - first, self.cell[start:], self.count[start:])

    def followed_by(self, other: "Stretches") -> "Stretches":
        return Stretches(
            self.number + other.number,
            np.concatenate((self.place, other.place + self.number)),
            np.concatenate((self.cell, other.cell)),
            np.concatenate((self.count, other.count)),
        )


class Feature:
    """One feature of a model, whose windows take the place of features in the functions of the exporter."""

    def __init__(self, model: Model, at: int, shared_by: int) -> None:
        self.calculator, self.at, self.shared_by = model.calculator, at, shared_by
        self.variable: Variable = model.variables[at]
        self.is_numeric = self.variable.cuts.max() >= 0
        self.against = self.calculator.bins.reference[at]
        self.to_bins = _indicator(self.variable.bins, len(self.against))
        freedom = max(1, np.count_nonzero(self.against) - 1)
        part, *_ = PARTS_OF_NUMERIC if self.is_numeric else PARTS_OF_CATEGORICAL
        self.least_g = HELD_STATISTIC * scipy.special.chdtri(freedom, part * SIGNIFICANCE / shared_by)
        if self.is_numeric:
            self.to_cells = _indicator(self.variable.cuts, self.calculator.cuts.cells)
            cells = self.calculator.cuts.reference[at]
            shares = cells / cells.sum()
            # The difference of mean ranks is linear in the counts of a window.
            self.scores = np.append(shares.cumsum() - shares / 2 - 0.5, 0.0)[self.variable.cuts]
            self.variance = (1 - (shares**3).sum()) / 12

    def rises(self, records: float, windows: int, rng: Rng) -> list[int]:
        """Return how often the feature rises to each level over consecutive windows with so many records on average."""
        total = [0] * len(LEVELS)
        level, last, start = 0.0, 0, 0
        recent = Stretches.none()
        for stretches in self._stretches(records / STRETCHES, windows * STRETCHES, rng):
            recent = recent.last(STRETCHES - 1).followed_by(stretches)
            near = self._near(recent)
            if len(near):
                found = self.evidence(np.stack([self._whole(recent, at) for at in near.tolist()]))
                if level or ((found.effect >= 1) & (found.statistic >= 1)).any():
                    for place, at in enumerate((near + start).tolist()):
                        before = level if at == last + 1 else 0.0
                        one = Evidence(found.effect[:, [place]], found.statistic[[place]])
                        level, last = float(np.nan_to_num(next_levels(one, np.array([before]))[0])), at
                        total = [number + (before < each <= level) for number, each in zip(total, LEVELS, strict=True)]
            start += recent.number - STRETCHES + 1
        return total

    def evidence(self, whole: Floats) -> Evidence:
        """Return the evidence of windows, given counts by cell, shape (windows, cells)."""
        calculator, rows = self.calculator, len(whole)
        reference, none = calculator.reference, np.zeros(rows)
        bins, against = whole @ self.to_bins, np.tile(self.against, (rows, 1))
        distance, cells, cells_against = none[:0], np.zeros((0, 1)), np.zeros((0, 1))
        if self.is_numeric:
            cells, cells_against = whole @ self.to_cells, np.tile(reference.cells[self.at], (rows, 1))
            window = Distributions(bins, cells, whole @ self.variable.below, whole @ self.variable.above)
            below, above = (np.full(rows, side[self.at]) for side in (reference.below, reference.above))
            widths = np.tile(calculator.cuts.widths[self.at], (rows, 1))
            steps = np.full(rows, calculator.cuts.steps[self.at])
            distance = wasserstein(window, Distributions(against, cells_against, below, above), widths, steps)
            distance /= [*calculator.cuts.features.values()][self.at].stddev
        limits = LimitArrays(*(np.tile(each[:, [self.at]], rows) for each in calculator.limits))
        independent = Distributions(bins, cells, none, none), Distributions(against, cells_against, none, none)
        # The rate is divided by the number of rows.
        return evidence(distance, (bins, against), independent, limits, self.shared_by / rows)

    def _stretches(self, records: float, number: int, rng: Rng) -> "Iterator[Stretches]":
        """Yield consecutive stretches of time with a Poisson number of records each."""
        width, members = len(self.variable.bins), self.variable.cells
        # Many records are drawn as counts by cell, and few of them one by one.
        is_dense = records > 2 * width
        most = max(STRETCHES, min(MOST_STRETCHES, int(MOST_RECORDS / (width if is_dense else records))))
        for first in range(0, number, most):
            sizes = rng.poisson(records, min(most, number - first))
            if is_dense:
                counts = rng.multinomial(sizes, np.bincount(members, minlength=width) / len(members))
                place, cell = np.nonzero(counts)
                yield Stretches(len(sizes), place, cell, counts[place, cell])
            else:
                cell = members[rng.integers(0, len(members), sizes.sum(), np.uint16)]
                yield Stretches(len(sizes), np.repeat(np.arange(len(sizes)), sizes), cell, np.ones(len(cell), np.int64))

    def _whole(self, recent: "Stretches", first: int) -> Floats:
        """Return the counts by cell of the window that begins with a stretch."""
        start, end = np.searchsorted(recent.place, [first, first + STRETCHES])
        return np.bincount(recent.cell[start:end], recent.count[start:end], len(self.variable.bins))

    def _near(self, recent: "Stretches") -> Ints:
        """Return which windows may hold a level, by their first stretch; the statistics of the others are too small."""
        width = len(self.against)
        at = recent.place * width + self.variable.bins[recent.cell]
        bins = _windows(np.bincount(at, recent.count, recent.number * width).reshape(-1, width))
        n = bins.sum(axis=-1)
        near = self._g(bins.astype(np.int64), n) >= self.least_g
        near |= self._largest_square(bins, n) > FAR_BIN
        if self.is_numeric:
            is_value = self.variable.cuts >= 0
            values, scores = (
                _windows(np.bincount(recent.place, recent.count * each[recent.cell], recent.number))
                for each in (is_value, self.scores)
            )
            m = self.calculator.cuts.reference[self.at].sum()
            with np.errstate(divide="ignore", invalid="ignore"):
                # The variance of pooled ranks is at least the reference's part of it.
                variance = self.variance * m / (m + values) * (1 / values + 1 / m)
                near |= (scores / values) ** 2 > NORMAL**2 * variance
        return np.flatnonzero(near & (n >= FEWEST_RECORDS))

    def _largest_square(self, bins: Ints, n: Floats) -> Floats:
        """Return the largest square of a bin's difference in standard errors."""
        m = self.against.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            pooled = (bins + self.against) / (n + m)[:, None]
            variance = pooled * (1 - pooled) * (1 / n + 1 / m)[:, None]
            squares = (bins / n[:, None] - self.against / m) ** 2 / variance
        return np.nan_to_num(squares).max(axis=-1)

    def _g(self, bins: Ints, n: Floats) -> Floats:
        """Return G from tables of k * ln(k), which is fast."""
        m = self.against.sum()
        counts = np.arange(bins.max() + 1.0)[:, None]
        table = scipy.special.xlogy(counts, counts) - scipy.special.xlogy(counts + self.against, counts + self.against)
        xlogy = scipy.special.xlogy
        constant = xlogy(self.against, self.against).sum() - m * np.log(m)
        total: Floats = table[bins, np.arange(len(self.against))].sum(axis=-1) + constant
        return 2 * (total - xlogy(n, n) + xlogy(n + m, n + m))


def _windows(stretches: Floats) -> Floats:
    """Return the sums over all windows of STRETCHES stretches."""
    sums = stretches.cumsum(axis=0)
    sums[STRETCHES:] -= sums[:-STRETCHES].copy()
    return sums[STRETCHES - 1 :]


def _indicator(places: Ints, width: int) -> Floats:
    """Return a matrix that adds up cells by their place; those with -1 are left out."""
    matrix = np.zeros((len(places), width))
    inside = np.flatnonzero(places >= 0)
    matrix[inside, places[inside]] = 1
    return matrix
