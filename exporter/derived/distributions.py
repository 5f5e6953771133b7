"""Distributions of variables, and the statistics that compare them.

Variables are features, attributions, outputs or ground-truth labels; numeric ones come first. A result is an array with
one value per variable, or per numeric variable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from exporter.batch import Floats
from exporter.stats.feature_cuts import FeatureCuts


class Values(NamedTuple):
    """Where the values of numeric variables lie: `cells` counts those between the cuts, shape (variables, cells).

    `below` and `above` are the sums of their distances below the first and above the last cut, shape (variables,).
    """

    cells: Floats
    below: Floats
    above: Floats


class Distributions(NamedTuple):
    """Counts of all variables by bin, shape (variables, bins), and the values of the numeric ones."""

    bins: Floats
    values: Values

    def divided(self, overdispersion: float) -> Distributions:
        """Return the counts of that many times fewer records."""
        if overdispersion == 1:
            return self
        return Distributions(self.bins / overdispersion, self.values._replace(cells=self.values.cells / overdispersion))


@dataclass(frozen=True, slots=True)
class DriftCriteria:
    """How drift is judged.

    `significance` is the accepted rate of false alarms. Records that depend on each other count less: `overdispersion`
    of them as one. `threshold` is the PSI above which a change matters; `epsilon` is that of `psi.psi`.
    """

    significance: float = 0.01
    overdispersion: float = 1.0
    threshold: float = 0.25
    epsilon: float | None = None


@dataclass(frozen=True)
class Comparison:
    """The distributions of a window, and those of the reference or of another window.

    `independent` has the same two, with the counts of as many independent records as they are worth: p-values and
    critical values use these. `cuts` has the grid of the numeric variables.
    """

    window: Distributions
    reference: Distributions
    independent: tuple[Distributions, Distributions]
    cuts: FeatureCuts
    criteria: DriftCriteria

    @property
    def is_independent(self) -> bool:
        """Whether all records are independent."""
        window, reference = self.independent
        return window is self.window and reference is self.reference


@dataclass(frozen=True)
class DriftStatistic:
    """A statistic of how far two distributions differ. `name` is its name in the configuration's `drift.methods`.

    It exports `model_feature_drift_X`, and the like of other variables, for each X in `results`; their help texts have
    `{}` for the variable. `compute` returns the arrays of the results in that order.
    """

    name: str
    results: Mapping[str, str]
    compute: Callable[[Comparison], tuple[Floats, ...]]
    is_numeric: bool = False
