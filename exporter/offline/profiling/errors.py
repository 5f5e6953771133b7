"""The errors of the reference's predictions of values: their means, and a tree of where they are large.

The tree is grown on one half of a sample, and its leaves are measured on the other half. Breiman, Friedman, Olshen &
Stone (1984), Classification and regression trees.
"""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import UNSET, UnsetType

from exporter.batch import Bools, Floats, Ints
from exporter.decoding.columns import numbers
from exporter.offline.profiling.blocks import Block
from exporter.offline.profiling.column import Column
from exporter.offline.profiling.sample import SAMPLE, Sample
from exporter.reference.errors import ErrorBaseline, ErrorLeaf, ErrorSplit, ErrorSums, ErrorTree

FEWEST_ROWS = 400
# Of either half.
ROWS_PER_LEAF = 50
MOST_LEAVES = 32
# Thresholds that are tried, per variable.
THRESHOLDS = 64
SAMPLED_NUMBERS = 1 << 22
# A split must explain so many times the mean squared deviation, or chance might.
LEAST_GAIN = 20.0


class ErrorSample:
    """The second pass over the predictions, their ground truth and the numeric features."""

    def __init__(self, names: Sequence[str], *, are_values: bool) -> None:
        self._names = names
        self._are_values = are_values
        self._sums = ErrorSums(0, 0, 0, 0)
        self._sample = Sample(min(SAMPLE, SAMPLED_NUMBERS // (len(names) + 2)))

    def add(self, block: Block) -> None:
        """Take the rows of a block that have a prediction and its ground truth."""
        if not self._are_values or block.outcomes is None:
            return
        predicted, actual = (numbers(tuple(each)) for each in (block.outcomes.predictions, block.outcomes.labels))
        residuals = predicted - actual
        usable = np.isfinite(residuals)
        if usable.any():
            columns = [block.features.get(name, Column()).by_row(block.rows) for name in self._names]
            self._sums = self._sums.plus(ErrorSums.of(residuals[usable]))
            self._sample.add(np.column_stack((np.abs(residuals), predicted, *columns))[usable])

    def baseline(self) -> ErrorBaseline | UnsetType:
        """Return the means; UNSET without outcomes."""
        if not self._sums.number:
            return UNSET
        return ErrorBaseline(samples=int(self._sums.number), **self._sums.figures)

    def tree(self) -> ErrorTree | UnsetType:
        """Return the tree; UNSET with too few outcomes."""
        if self._sums.number < FEWEST_ROWS:
            return UNSET
        rows = self._sample.values()
        half = len(rows) // 2
        # Missing values are less than all others.
        values = np.where(np.isnan(rows[:, 1:]), -np.inf, rows[:, 1:]).T
        grown = _Growth((values[:, :half], rows[:half, 0]), (values[:, half:], rows[half:, 0]))
        return grown.tree([None, *self._names])


@dataclass(frozen=True)
class _Split:
    """The best split of a leaf: how much of the sum of squared deviations it explains, its variable and threshold."""

    gain: float
    variable: int
    threshold: float


Half = tuple[Floats, Floats]


class _Growth:
    """Grows a tree from the leaf whose split explains most, until no split is worth it.

    Each half has values, shape (variables, n), and errors, shape (n,).
    """

    def __init__(self, fitted: Half, held: Half) -> None:
        self._fitted, self._held = fitted, held
        values, errors = fitted
        quantiles = np.linspace(0, 1, THRESHOLDS + 1)[1:-1]
        self._thresholds: list[Floats] = [
            np.unique(np.quantile(row[np.isfinite(row)], quantiles, method="higher"))
            if np.isfinite(row).any()
            else np.empty(0)
            for row in values
        ]
        self._codes = [
            np.searchsorted(thresholds, row, "right") for thresholds, row in zip(self._thresholds, values, strict=True)
        ]
        self._noise = float(errors.var())

    def tree(self, names: Sequence[str | None]) -> ErrorTree:
        """Return the tree; `names` are those of the variables."""
        everything = [np.ones(len(errors), np.bool_) for _, errors in (self._fitted, self._held)]
        # A node is a split with the nodes below and above, or the rows of a leaf.
        children: dict[int, tuple[_Split, int, int]] = {}
        rows: dict[int, list[Bools]] = {0: everything}
        waiting: list[tuple[float, int, _Split]] = []
        self._offer(waiting, 0, everything)
        numbering, leaves = itertools.count(1), 1
        while waiting and leaves < MOST_LEAVES:
            _, node, split = heapq.heappop(waiting)
            above = [half[0][split.variable] >= split.threshold for half in (self._fitted, self._held)]
            here = rows.pop(node)
            below_node, above_node = next(numbering), next(numbering)
            children[node] = split, below_node, above_node
            rows[below_node] = [mask & ~side for mask, side in zip(here, above, strict=True)]
            rows[above_node] = [mask & side for mask, side in zip(here, above, strict=True)]
            for child in (below_node, above_node):
                self._offer(waiting, child, rows[child])
            leaves += 1
        return self._numbered(names, children, rows)

    def _numbered(
        self, names: Sequence[str | None], children: dict[int, tuple[_Split, int, int]], rows: dict[int, list[Bools]]
    ) -> ErrorTree:
        order = list(children)
        leaf_numbers = {node: number for number, node in enumerate(rows)}

        def number(node: int) -> int:
            return order.index(node) if node in children else -1 - leaf_numbers[node]

        splits = [
            ErrorSplit(names[split.variable], split.threshold, number(below), number(above))
            for split, below, above in children.values()
        ]
        errors = self._held[1]
        leaves = [
            ErrorLeaf(int(held.sum()), float(errors[held].mean()), float(errors[held].std()))
            for _, held in rows.values()
        ]
        return ErrorTree(splits, leaves)

    def _offer(self, waiting: list[tuple[float, int, _Split]], node: int, rows: list[Bools]) -> None:
        """Add the best split of a leaf, if it is worth it."""
        fitted, held = rows
        errors = self._fitted[1][fitted]
        best: _Split | None = None
        for variable, (codes, thresholds) in enumerate(zip(self._codes, self._thresholds, strict=True)):
            if len(thresholds):
                gains = _gains(codes[fitted], errors, len(thresholds))
                at = int(gains.argmax())
                if best is None or gains[at] > best.gain:
                    best = _Split(float(gains[at]), variable, float(thresholds[at]))
        if best is None or best.gain < LEAST_GAIN * self._noise:
            return
        above = self._held[0][best.variable] >= best.threshold
        if min((held & above).sum(), (held & ~above).sum()) >= ROWS_PER_LEAF:
            heapq.heappush(waiting, (-best.gain, node, best))


def _gains(codes: Ints, errors: Floats, thresholds: int) -> Floats:
    """Return by how much each threshold reduces the sum of squared deviations; 0 where a side has too few rows."""
    counts = np.bincount(codes, minlength=thresholds + 1).cumsum()
    sums = np.bincount(codes, errors, thresholds + 1).cumsum()
    n, total = counts[-1], sums[-1]
    below, of_below = counts[:-1], sums[:-1]
    above, of_above = n - below, total - of_below
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = of_below**2 / below + of_above**2 / above - total**2 / n
    gained: Floats = np.where(np.minimum(below, above) >= ROWS_PER_LEAF, gains, 0.0)
    return gained
