"""Drift of all variables of a kind: how far each has moved, and whether that matters and is more than chance."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

import numpy as np

from exporter.batch import Bools, Floats
from exporter.derived import false_discovery
from exporter.derived.counts import used
from exporter.derived.distributions import Comparison, Distributions, DriftCriteria, DriftStatistic, Values
from exporter.derived.psi import PSI
from exporter.derived.view import WindowTallies
from exporter.reference.profile import Profile
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_cuts import FeatureCuts
from exporter.stats.feature_moments import FeatureMoments, FeatureSums
from exporter.stats.variable_kind import FEATURES, VariableKind
from exporter.tallies.tally import S

SAMPLES_PER_BIN = 10


class DriftResult:
    """How far each variable has moved, as arrays of shape (variables,).

    A value is NaN if there are too few records, or if a statistic does not apply to the variable. The results of a
    statistic are computed when they are first asked for.
    """

    def __init__(self, compared: Comparison) -> None:
        self._compared = compared
        self._results: dict[str, Mapping[str, Floats]] = {}

    @cached_property
    def is_enough(self) -> Bools:
        """Whether there are enough records of each variable."""
        window, reference = self._compared.independent
        return is_enough(window.bins, reference.bins)

    @cached_property
    def drifted(self) -> Bools:
        """Whether the PSI of each variable is above its threshold and not due to chance."""
        criteria = self._compared.criteria
        return (self.psi > criteria.threshold) & false_discovery.rejected(
            self.of(PSI)["psi_pvalue"], criteria.significance
        )

    @property
    def psi(self) -> Floats:
        return self.of(PSI)["psi"]

    @property
    def psi_critical(self) -> Floats:
        """The PSI that chance alone exceeds with probability `significance`."""
        return self.of(PSI)["psi_critical"]

    def of(self, statistic: DriftStatistic) -> Mapping[str, Floats]:
        """Return the results of a statistic by name."""
        if statistic.name not in self._results:
            results = map(self._of_all, statistic.compute(self._compared))
            self._results[statistic.name] = dict(zip(statistic.results, results, strict=True))
        return self._results[statistic.name]

    def _of_all(self, values: Floats) -> Floats:
        """Return values of all variables, or of the numeric ones, as values of all."""
        result = np.full(len(self.is_enough), np.nan)
        result[: len(values)] = values
        return np.where(self.is_enough, result, np.nan)


class DriftCalculator:
    """Compares the variables of a kind with those of a profile. `bins`, `cuts` and `moments` are tallied for it.

    `exported` names the features whose bins are exported; None means all.
    """

    def __init__(
        self,
        profile: Profile,
        kind: VariableKind = FEATURES,
        criteria: DriftCriteria = DriftCriteria(),  # noqa: B008  # it is frozen
        exported: Collection[str] | None = None,
    ) -> None:
        self.kind = kind
        self.criteria = criteria
        self.bins = FeatureBins(profile, kind, exported)
        self.cuts = FeatureCuts(profile, kind)
        self.moments = FeatureMoments(profile, kind)
        self.variables = self.bins.features

    @cached_property
    def reference(self) -> Distributions:
        """The distributions of the profile."""
        means = np.array([feature.tail_means for feature in self.cuts.features.values()]).reshape(-1, 2)
        cells = self.cuts.reference
        below = cells[:, 0] * (self.moments.first - means[:, 0])
        above = self.cuts.above(cells) * (means[:, 1] - self.moments.last)
        return Distributions(self.bins.reference, Values(cells, below, above))

    def distributions(self, window: WindowTallies[S]) -> Distributions:
        """Return the distributions of a window."""
        sums = FeatureSums.of(window[self.moments])
        return Distributions(window[self.bins], Values(window[self.cuts], sums.below, sums.above))

    def drift(self, window: WindowTallies[S]) -> DriftResult:
        """Return how far a window has moved from the reference; computed once per window."""
        return window.result(self._drift)

    def _drift(self, window: WindowTallies[S]) -> DriftResult:
        return self.compare(self.distributions(window))

    def compare(self, window: Distributions, other: Distributions | None = None) -> DriftResult:
        """Compare a window with another window, or with the profile, whose records are taken to be independent."""
        overdispersion = self.criteria.overdispersion
        reference = other or self.reference
        independent = window.divided(overdispersion), reference.divided(overdispersion if other else 1.0)
        return DriftResult(Comparison(window, reference, independent, self.cuts, self.criteria))


def is_enough(bins: Floats, reference: Floats) -> Bools:
    """Return whether there are enough records of each variable on both sides, given counts by bin."""
    least = np.minimum(bins.sum(axis=-1), reference.sum(axis=-1))
    enough: Bools = (least > 0) & (least >= SAMPLES_PER_BIN * used(bins, reference).sum(axis=-1))
    return enough
