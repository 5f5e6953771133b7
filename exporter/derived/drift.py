"""Drift: how far each variable of a window has moved, and whether that matters and is more than chance.

For features, also which of them have moved most, and in which bins; and how far they have moved from an earlier time or
from another version's traffic.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Generic

import numpy as np

from exporter.batch import Bools, Floats, Series
from exporter.derived import Criteria
from exporter.derived.distributions import Distributions, is_enough, shares
from exporter.derived.drift_level import (
    MAJOR,
    DriftLimits,
    Evidence,
    Judgement,
    LimitArrays,
    detectable_psi,
    evidence,
    next_levels,
)
from exporter.derived.drift_statistics import PSI, WASSERSTEIN, Comparison, DriftStatistic, psi, psi_terms
from exporter.derived.gauges import per_label, per_window
from exporter.derived.judged_outcomes import OutcomeJudge
from exporter.derived.view import SeriesWindow, View, WindowTallies, computed_once
from exporter.families import Families, GaugeFamily
from exporter.reference.profile import Profile
from exporter.stats import BASE_LABELS
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_cuts import FeatureCuts
from exporter.stats.feature_moments import LARGEST, FeatureMoments, FeatureSums
from exporter.stats.variable_kind import FEATURES, VariableKind
from exporter.tallies.tally import S, StatisticArrays

# The number of features with the highest PSI whose bins are exported.
EXPLAINED = 5


class DriftResult:
    """How far each variable has moved, as arrays of shape (variables,).

    A value is NaN if there are too few records, or if a statistic does not apply to the variable. The results of a
    statistic are computed on first use.
    """

    def __init__(self, compared: Comparison, limits: LimitArrays) -> None:
        self._compared = compared
        self._limits = limits
        self._computed: dict[str, tuple[Floats, ...]] = {}

    @cached_property
    def is_enough(self) -> Bools:
        """Whether there are enough records of each variable."""
        window, reference = self._compared.independent
        return is_enough(window.bins, reference.bins)

    def evidence(self, parts: int = 1) -> Evidence:
        """Return the evidence for a change of each variable; `parts` windows share a rate of false alarms."""
        compared = self._compared
        (distance,) = self._compute(WASSERSTEIN)
        bins = compared.window.bins, compared.reference.bins
        return evidence(distance, bins, compared.independent, self._limits, parts)

    @property
    def detectable_psi(self) -> Floats:
        """The PSI of each variable from which on chance does not explain it."""
        return detectable_psi(self._compared.independent)

    @property
    def levels(self) -> Floats:
        """The level of each variable if there was none before; NaN with too few records."""
        return next_levels(self.evidence(), np.full(len(self.is_enough), np.nan))

    @property
    def psi(self) -> Floats:
        return self.of(PSI)["psi"]

    @property
    def psi_critical(self) -> Floats:
        """The PSI that chance alone exceeds with probability `significance`."""
        return self.of(PSI)["psi_critical"]

    def of(self, statistic: DriftStatistic) -> Mapping[str, Floats]:
        """Return the results of a statistic by name."""
        return dict(zip(statistic.results, map(self._of_all, self._compute(statistic)), strict=True))

    def _compute(self, statistic: DriftStatistic) -> tuple[Floats, ...]:
        if statistic.name not in self._computed:
            self._computed[statistic.name] = statistic.compute(self._compared)
        return self._computed[statistic.name]

    def _of_all(self, values: Floats) -> Floats:
        """Return values of all variables, or of the numeric ones, as values of all."""
        result = np.full(len(self.is_enough), np.nan)
        result[: len(values)] = values
        return np.where(self.is_enough, result, np.nan)


class DriftCalculator:
    """Compares the variables of a kind with those of a profile. `bins`, `cuts` and `moments` are tallied for it.

    `exported` names the features whose bins are exported; None means all. `importance` has the weights of features that
    are not 1, and `limits` the changes that matter of variables for which they are not the default.
    """

    def __init__(
        self,
        profile: Profile,
        kind: VariableKind = FEATURES,
        criteria: Criteria = Criteria(),  # noqa: B008  # it is frozen
        exported: Collection[str] | None = None,
        importance: Mapping[str, float] = {},
        limits: Mapping[str, DriftLimits] = {},
    ) -> None:
        self.kind = kind
        self.criteria = criteria
        self.bins = FeatureBins(profile, kind, exported)
        self.cuts = FeatureCuts(profile, kind)
        self.moments = FeatureMoments(profile, kind)
        self.variables = self.bins.features
        self.weights = np.array([importance.get(name, 1.0) for name in self.variables])
        self.limits = LimitArrays.of([limits.get(name, DriftLimits()) for name in self.variables])

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

    @computed_once
    def drift(self, window: SeriesWindow) -> DriftResult:
        """Return how far a window has moved from the reference."""
        return self.compare(self.distributions(window))

    def compare(self, window: Distributions, other: Distributions | None = None) -> DriftResult:
        """Compare a window with another window, or with the profile."""
        overdispersion = self.criteria.overdispersion
        reference = other or self.reference
        independent = window.divided(overdispersion), reference.divided(overdispersion)
        return DriftResult(Comparison(window, reference, independent, self.cuts, self.criteria), self.limits)

    def psi(self, counts: Floats) -> Floats:
        """Return the PSI of counts by variable and bin, the last two axes; NaN with too few records."""
        overdispersion = self.criteria.overdispersion
        enough = is_enough(counts / overdispersion, self.bins.reference / overdispersion)
        if not enough.any():
            return np.full(enough.shape, np.nan)
        return np.where(enough, psi(counts, self.bins.reference, self.criteria.epsilon), np.nan)


class Judged(Generic[S]):
    """Variables whose level of drift depends on the level before, and is therefore part of the state."""

    calculator: DriftCalculator

    def windows(self, view: View) -> Iterable[WindowTallies[S]]:
        """Return the windows of a view that are judged."""
        raise NotImplementedError

    def evidence(self, window: WindowTallies[S]) -> Evidence:
        """Return the evidence for a change of each variable of a window."""
        raise NotImplementedError

    def judge(self, window: WindowTallies[S], before: Judgement | None, number: int, *, at_once: bool) -> Judgement:
        """Return the judgement of a window, which is the one before until the next is due.

        `number` is that of the present stretch of time. With `at_once`, it is due in any case.
        """
        records = self._records(window)
        if before is None:
            before = Judgement(number, records, np.full(len(self.calculator.variables), np.nan))
        elif not at_once and not before.is_due(number, records):
            return before
        return Judgement(number, records, next_levels(self.evidence(window), before.levels))

    def levels(self, window: WindowTallies[S]) -> Floats:
        """Return the level of each variable, shape (variables,), NaN before it is judged.

        A window without a judgement is judged here, and one without records has no levels.
        """
        judgement = self.judgement(window.judgements)
        if judgement is None:
            return self.judge(window, None, 0, at_once=True).levels
        return judgement.levels if self._records(window) else np.full(len(self.calculator.variables), np.nan)

    def judgement(self, judgements: StatisticArrays) -> Judgement | None:
        """Return the judgement among those of a window, by the name of a statistic; None if there is none."""
        return Judgement.of(judgements.get(self.calculator.bins.name), len(self.calculator.variables))

    def _records(self, window: WindowTallies[S]) -> float:
        """Return the number of records; each of them is counted once for each variable."""
        return float(window[self.calculator.bins][:1].sum())


@dataclass(frozen=True)
class Drift(Judged[Series]):
    """The results of some statistics for each variable; no value with too few records.

    A variable of outcomes has values in windows that are judged.
    """

    calculator: DriftCalculator
    statistics: tuple[DriftStatistic, ...]
    outcomes: OutcomeJudge | None = None

    @property
    def kind(self) -> VariableKind:
        return self.calculator.kind

    def windows(self, view: View) -> Iterable[SeriesWindow]:
        return self.outcomes.rolling(view) if self.outcomes else view.windows

    def evidence(self, window: SeriesWindow) -> Evidence:
        return self.calculator.drift(window).evidence()

    def collect(self, view: View) -> Families:
        for statistic in self.statistics:
            for name, text in statistic.results.items():
                yield from self._gauges(view, f"drift_{name}", text, partial(self._value, statistic, name))
        text = "Level of the drift of {} beyond chance: 0 none, 1 moderate, 2 major."
        yield from self._gauges(view, "drift_level", text, self.levels)
        text = "Whether the drift of {} is major, which is level 2."
        yield from self._gauges(view, "drifted", text, lambda window: _is_major(self.levels(window)))
        if self.kind == FEATURES:
            text = "Largest PSI of a feature that chance may cause in a window of so many records."
            yield per_window("model_drift_detectable_psi", text, view.windows, self._detectable)
            text = "Features with enough records in a window to judge their drift."
            yield per_window("model_drift_judged_features", text, view.windows, self._judged)
            text = "Share of features with enough records that have drifted, 0 to 1."
            yield per_window("model_drifted_features_ratio", text, view.windows, self._drifted_ratio)
            text = "Rank of a feature by its PSI in a window; 1 is the highest."
            yield per_label("model_feature_drift_rank", text, view.windows, self._ranks)
            yield from self._explained(view)

    def _value(self, statistic: DriftStatistic, name: str, window: SeriesWindow) -> Floats:
        return self.calculator.drift(window).of(statistic)[name]

    def _gauges(self, view: View, suffix: str, text: str, values: Callable[[SeriesWindow], Floats]) -> Families:
        variables = self.calculator.variables
        families = self.kind.families(GaugeFamily, variables, suffix, text, ("window",))
        for window in self.windows(view):
            families.extend(self._rows(window), values(window).tolist())
        yield from families

    @computed_once
    def _rows(self, window: SeriesWindow) -> list[tuple[str, ...]]:
        """Return the labels of each variable, which all gauges share."""
        return self.kind.rows(window.series, [(variable, window.label) for variable in self.calculator.variables])

    def _judged(self, window: SeriesWindow) -> float:
        return float(np.count_nonzero(~np.isnan(self.levels(window))))

    def _detectable(self, window: SeriesWindow) -> float:
        limits = self.calculator.drift(window).detectable_psi
        return float(limits[np.isfinite(limits)].max(initial=-np.inf)) if np.isfinite(limits).any() else np.nan

    def _drifted_ratio(self, window: SeriesWindow) -> float:
        levels, weights = self.levels(window), self.calculator.weights
        judged = weights[~np.isnan(levels)].sum()
        return float(weights[levels >= MAJOR].sum() / judged) if judged else np.nan

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


def _is_major(levels: Floats) -> Floats:
    return np.where(np.isnan(levels), np.nan, levels >= MAJOR)


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
            changed.extend(keys, _is_major(result.levels).tolist())
        yield from families

    def _live(self, view: View) -> Iterator[tuple[SeriesWindow, str, SeriesWindow]]:
        if self.live_version is None:
            return
        windows = {window.labels: window for window in view.windows}
        for window in view.windows:
            live = window.series._replace(model_version=self.live_version)
            if live != window.series and (*live, window.label) in windows:
                yield window, f"version {self.live_version}", windows[*live, window.label]
