"""Drift: how far each variable of a window has moved, and whether that matters and is more than chance.

For features, also which of them have moved most, and in which bins; and how far they have moved from an earlier time or
from another version's traffic.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from exporter.batch import Bools, Floats
from exporter.derived import Criteria
from exporter.derived.distributions import Distributions, is_enough, shares
from exporter.derived.drift_statistics import PSI, Comparison, DriftStatistic, psi, psi_terms
from exporter.derived.gauges import per_label, per_window
from exporter.derived.view import SeriesWindow, View, once_per_window
from exporter.families import Families, GaugeFamily
from exporter.reference.profile import Profile
from exporter.stats import BASE_LABELS
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_cuts import FeatureCuts
from exporter.stats.feature_moments import LARGEST, FeatureMoments, FeatureSums
from exporter.stats.variable_kind import FEATURES, VariableKind

# The number of features with the highest PSI whose bins are exported.
EXPLAINED = 5


class DriftResult:
    """How far each variable has moved, as arrays of shape (variables,).

    A value is NaN if there are too few records, or if a statistic does not apply to the variable. The results of a
    statistic are computed on first use.
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
        return (self.psi > criteria.threshold) & rejected(self.of(PSI)["psi_pvalue"], criteria.significance)

    @property
    def psi(self) -> Floats:
        return self.of(PSI)["psi"]

    @property
    def psi_critical(self) -> Floats:
        """The PSI that chance alone exceeds with probability `significance`."""
        return self.of(PSI)["psi_critical"]

    @property
    def verdict(self) -> Floats:
        """Whether each variable has drifted, 0 or 1; NaN with too few records."""
        return np.where(self.is_enough, self.drifted, np.nan)

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


def rejected(pvalues: Floats, significance: float) -> Bools:
    """Return which of many features have drifted, with a bound on the share of false alarms; NaN p-values are left out.

    Of the p-values in ascending order, those up to the last one with p(k) <= k / features * significance are rejected.
    Then at most the share `significance` of the features reported as drifted has not drifted, and without any drift the
    probability that any feature is reported is at most `significance`.
    Reference: Benjamini & Hochberg (1995), Controlling the false discovery rate.

    >>> rejected(np.array([0.001, 0.2, 0.012, np.nan]), 0.02).tolist()
    [True, False, True, False]
    """
    tested = np.sort(pvalues[~np.isnan(pvalues)])
    is_small = tested <= np.arange(1, len(tested) + 1) / len(tested) * significance
    limit = tested[is_small].max(initial=-1.0)
    below: Bools = pvalues <= limit
    return below


class DriftCalculator:
    """Compares the variables of a kind with those of a profile. `bins`, `cuts` and `moments` are tallied for it.

    `exported` names the features whose bins are exported; None means all. `importance` has the weights of features that
    are not 1.
    """

    def __init__(
        self,
        profile: Profile,
        kind: VariableKind = FEATURES,
        criteria: Criteria = Criteria(),  # noqa: B008  # it is frozen
        exported: Collection[str] | None = None,
        importance: Mapping[str, float] = {},
    ) -> None:
        self.kind = kind
        self.criteria = criteria
        self.bins = FeatureBins(profile, kind, exported)
        self.cuts = FeatureCuts(profile, kind)
        self.moments = FeatureMoments(profile, kind)
        self.variables = self.bins.features
        self.weights = np.array([importance.get(name, 1.0) for name in self.variables])

    @cached_property
    def reference(self) -> Distributions:
        """The distributions of the profile."""
        means = np.array([feature.tail_means for feature in self.cuts.features.values()]).reshape(-1, 2)
        cells = self.cuts.reference
        # Clipped like the values of a window.
        with np.errstate(over="ignore"):
            below = cells[:, 0] * np.clip(self.moments.first - means[:, 0], -LARGEST, LARGEST)
            above = self.cuts.above(cells) * np.clip(means[:, 1] - self.moments.last, -LARGEST, LARGEST)
        return Distributions(self.bins.reference, cells, below, above)

    def distributions(self, window: SeriesWindow) -> Distributions:
        """Return the distributions of a window."""
        sums = FeatureSums.of(window[self.moments])
        return Distributions(window[self.bins], window[self.cuts], sums.below, sums.above)

    @once_per_window
    def drift(self, window: SeriesWindow) -> DriftResult:
        """Return how far a window has moved from the reference."""
        return self.compare(self.distributions(window))

    def compare(self, window: Distributions, other: Distributions | None = None) -> DriftResult:
        """Compare a window with another window, or with the profile, whose records are taken to be independent."""
        overdispersion = self.criteria.overdispersion
        reference = other or self.reference
        independent = window.divided(overdispersion), reference.divided(overdispersion if other else 1.0)
        return DriftResult(Comparison(window, reference, independent, self.cuts, self.criteria))

    def psi(self, counts: Floats) -> Floats:
        """Return the PSI of counts by variable and bin, the last two axes; NaN with too few records."""
        enough = is_enough(counts / self.criteria.overdispersion, self.bins.reference)
        if not enough.any():
            return np.full(enough.shape, np.nan)
        return np.where(enough, psi(counts, self.bins.reference, self.criteria.epsilon), np.nan)


@dataclass(frozen=True)
class Drift:
    """The results of some statistics for each variable; no value with too few records."""

    calculator: DriftCalculator
    statistics: tuple[DriftStatistic, ...]

    @property
    def kind(self) -> VariableKind:
        return self.calculator.kind

    def collect(self, view: View) -> Families:
        for statistic in self.statistics:
            for name, text in statistic.results.items():
                yield from self._gauges(view, f"drift_{name}", text, partial(_value, statistic, name))
        text = "Whether {} has drifted, beyond its threshold and beyond chance."
        yield from self._gauges(view, "drifted", text, lambda result: result.verdict)
        if self.kind == FEATURES:
            text = "Features with enough records in a window to compute their drift."
            yield per_window("model_drift_judged_features", text, view.windows, self._judged)
            text = "Share of features with enough records that have drifted, 0 to 1."
            yield per_window("model_drifted_features_ratio", text, view.windows, self._drifted_ratio)
            text = "Rank of a feature by its PSI in a window; 1 is the highest."
            yield per_label("model_feature_drift_rank", text, view.windows, self._ranks)
            yield from self._explained(view)

    def _gauges(self, view: View, suffix: str, text: str, values: Callable[[DriftResult], Floats]) -> Families:
        variables = self.calculator.variables
        families = self.kind.families(GaugeFamily, variables, suffix, text, ("window",))
        for window in view.windows:
            keys = [(variable, window.label) for variable in variables]
            families.extend(window.series, keys, values(self.calculator.drift(window)).tolist())
        yield from families

    def _judged(self, window: SeriesWindow) -> float:
        return float(self.calculator.drift(window).is_enough.sum())

    def _drifted_ratio(self, window: SeriesWindow) -> float:
        result, weights = self.calculator.drift(window), self.calculator.weights
        judged = weights[result.is_enough].sum()
        return float(weights[result.is_enough & result.drifted].sum() / judged) if judged else np.nan

    def _ranks(self, window: SeriesWindow) -> dict[str, int]:
        order = ranking(self.calculator.drift(window).psi)
        return {self.calculator.variables[at]: place for place, at in enumerate(order, 1)}

    def _explained(self, view: View) -> Families:
        """Yield the contributions of bins to the PSI of the features with the highest PSI."""
        terms, changes = (
            GaugeFamily(
                f"model_feature_bin_{name}",
                f"{text}, for the {EXPLAINED} features with the highest PSI.",
                (*BASE_LABELS, "feature_name", "window", "bin"),
            )
            for name, text in (
                ("drift_psi", "Contribution of a bin to a feature's PSI in a window"),
                ("share_change", "Share of a bin in a window minus its share in the reference"),
            )
        )
        variables, bins = self.calculator.variables, self.calculator.bins
        for window in view.windows:
            explained = ranking(self.calculator.drift(window).psi)[:EXPLAINED]
            counts, reference = window[bins][explained], bins.reference[explained]
            added = psi_terms(counts, reference, self.calculator.criteria.epsilon)
            moved = shares(counts) - shares(reference)
            for row, at in enumerate(explained):
                cells = bins.cells(at)
                keys = [(*window.series, variables[at], window.label, name) for _, name in cells]
                terms.extend(keys, [float(added[row, cell]) for cell, _ in cells])
                changes.extend(keys, [float(moved[row, cell]) for cell, _ in cells])
        yield from (terms, changes)


def _value(statistic: DriftStatistic, name: str, result: DriftResult) -> Floats:
    return result.of(statistic)[name]


def ranking(values: Floats) -> list[int]:
    """Return the indices of the values in descending order, ties in their own order; NaN values have no rank.

    >>> ranking(np.array([0.1, np.nan, 0.3, 0.1]))
    [2, 0, 3]
    """
    order: list[int] = np.argsort(-values, kind="stable")[: np.count_nonzero(~np.isnan(values))].tolist()
    return order


@dataclass(frozen=True)
class DriftAgainstPast:
    """Each window against the past ones of the view, and against that of each model's `live_version`, if it is set.

    Drift from the training data may have been there for long, so the same hour of the day before can be a better
    reference. A shadow version should see what the live version sees.
    """

    calculator: DriftCalculator
    live_version: str | None = None

    def collect(self, view: View) -> Families:
        labels = (*BASE_LABELS, "feature_name", "window", "against")
        values, critical, changed = families = [
            GaugeFamily(name, text, labels)
            for name, text in (
                ("model_feature_change_psi", "Population stability index of a feature in a window against another."),
                ("model_feature_change_psi_critical", "Critical value of that PSI: chance explains lower values."),
                ("model_feature_changed", "Whether a feature has changed, beyond its threshold and beyond chance."),
            )
        ]
        for window, against, other in (*view.past(), *self._live(view)):
            result = self.calculator.compare(
                self.calculator.distributions(window), self.calculator.distributions(other)
            )
            keys = [(*window.series, variable, window.label, against) for variable in self.calculator.variables]
            values.extend(keys, result.psi.tolist())
            critical.extend(keys, result.psi_critical.tolist())
            changed.extend(keys, result.verdict.tolist())
        yield from families

    def _live(self, view: View) -> Iterator[tuple[SeriesWindow, str, SeriesWindow]]:
        if self.live_version is None:
            return
        windows = {window.labels: window for window in view.windows}
        for window in view.windows:
            live = window.series._replace(model_version=self.live_version)
            if live != window.series and (*live, window.label) in windows:
                yield window, f"version {self.live_version}", windows[*live, window.label]
