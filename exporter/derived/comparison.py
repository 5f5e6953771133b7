"""How far the distribution of each variable has moved, by every method at once, and whether chance explains it.

Variables are features, attributions to them, or the outputs of a model; numeric ones come first. A result is an array
of one value for each, and NaN where there is none: for want of records, or because a method does not apply.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from exporter.batch import Bools, Floats
from exporter.derived import chi2, false_discovery, kolmogorov_smirnov, psi
from exporter.derived.counts import used
from exporter.derived.jensen_shannon import jensen_shannon
from exporter.derived.wasserstein import Values, wasserstein
from exporter.reference.profile import Profile
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_cuts import FeatureCuts
from exporter.stats.feature_moments import FeatureMoments, Sums
from exporter.tallies.tally import StatisticArrays

SAMPLES_PER_BIN = 10


class Distributions(NamedTuple):
    """What a window, or the reference, holds of all variables; `values` is of the numeric ones alone."""

    bins: Floats
    values: Values


@dataclass(frozen=True, slots=True)
class Judgement:
    """How results are judged.

    `significance` is the share of false alarms that is borne. Rows that depend on each other are worth fewer: one for
    each `overdispersion` of them. `threshold` is the PSI from which on a change matters. `epsilon` is psi.psi's.
    """

    significance: float = 0.01
    overdispersion: float = 1.0
    threshold: float = 0.25
    epsilon: float | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """The results, shape (variables,) each; `is_enough` says of which there are enough records for any."""

    is_enough: Bools
    psi: Floats
    psi_critical: Floats
    psi_pvalue: Floats
    chi2: Floats
    chi2_pvalue: Floats
    js: Floats
    ks: Floats
    ks_pvalue: Floats
    wasserstein: Floats
    drifted: Bools


class Comparison:
    """Compares distributions of the variables of a profile."""

    def __init__(
        self, profile: Profile, bins: FeatureBins, cuts: FeatureCuts, moments: FeatureMoments, judgement: Judgement
    ) -> None:
        self._numeric = tuple(profile.numeric.values())
        self.subject = bins.subject
        self.variables = bins.features
        self.bins = bins
        self.cuts = cuts
        self.moments = moments
        self.judgement = judgement

    @cached_property
    def reference(self) -> Distributions:
        """What the profile holds."""
        means = np.array([feature.tail_means for feature in self._numeric]).reshape(-1, 2)
        cells = self.cuts.reference
        upper = self.cuts.above(cells)
        first = self.moments.first - means[:, 0]
        return Distributions(
            self.bins.reference, Values(cells, cells[:, 0] * first, upper * (means[:, 1] - self.moments.last))
        )

    def distributions(self, row: StatisticArrays) -> Distributions:
        """Return what the tallies of a window hold; of a past one only the bins are kept."""
        sums = Sums.of(row.get(self.moments.name, self.moments.zero()))
        cells = row.get(self.cuts.name, self.cuts.zero())
        return Distributions(row[self.bins.name], Values(cells, sums.below, sums.above))

    def shift(self, window: Distributions, reference: Distributions | None = None) -> Shift:
        """Compare a window with another; without one, with the profile, whose rows are taken to be independent."""
        judgement = self.judgement
        against = reference or self.reference
        evidence = _worth(window, judgement.overdispersion)
        against_evidence = _worth(against, judgement.overdispersion if reference else 1.0)
        bins, against_bins = evidence.bins, against_evidence.bins
        enough = is_enough(bins, against_bins)

        def judged(values: Floats) -> Floats:
            result = np.full(len(enough), np.nan)
            result[: len(values)] = values
            return np.where(enough, result, np.nan)

        value = judged(psi.psi(window.bins, against.bins, judgement.epsilon))
        by_chance = judged(psi.pvalue(bins, against_bins))
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = wasserstein(window.values, against.values, self._widths, self.cuts.steps) / self._scale
        return Shift(
            is_enough=enough,
            psi=value,
            psi_critical=judged(psi.critical(bins, against_bins, judgement.significance)),
            psi_pvalue=by_chance,
            chi2=judged(chi2.chi2(window.bins, against.bins)),
            chi2_pvalue=judged(chi2.pvalue(bins, against_bins)),
            js=judged(jensen_shannon(window.bins, against.bins)),
            ks=judged(kolmogorov_smirnov.ks(window.values.cells, against.values.cells)),
            ks_pvalue=judged(kolmogorov_smirnov.pvalue(evidence.values.cells, against_evidence.values.cells)),
            wasserstein=judged(moved),
            drifted=(value > judgement.threshold) & false_discovery.rejected(by_chance, judgement.significance),
        )

    @cached_property
    def _widths(self) -> Floats:
        """Between neighbouring cuts, shape (numeric variables, cells - 2); past the last one 0."""
        with np.errstate(invalid="ignore", over="ignore"):
            widths = np.diff(self.cuts.cuts, axis=-1)
        return np.where(np.isfinite(self.cuts.cuts[:, 1:]), widths, 0.0)

    @cached_property
    def _scale(self) -> Floats:
        """The reference's standard deviations; of a constant there is none, and so no distance in units of it."""
        return np.array([feature.stddev or np.nan for feature in self._numeric])


def is_enough(bins: Floats, against: Floats) -> Bools:
    """Return of which variables there are enough records on both sides, given their counts by bin."""
    least = np.minimum(bins.sum(axis=-1), against.sum(axis=-1))
    enough: Bools = (least > 0) & (least >= SAMPLES_PER_BIN * used(bins, against).sum(axis=-1))
    return enough


def _worth(sample: Distributions, overdispersion: float) -> Distributions:
    """Return the sample as if of independent records."""
    if overdispersion == 1:
        return sample
    return Distributions(
        sample.bins / overdispersion, sample.values._replace(cells=sample.values.cells / overdispersion)
    )
