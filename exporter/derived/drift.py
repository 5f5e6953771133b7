"""Drift: how far each variable of a window has moved from the reference, which have moved most, and in which bins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats
from exporter.derived import psi
from exporter.derived.distributions import DriftStatistic
from exporter.derived.drift_calculator import DriftCalculator
from exporter.derived.view import View
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.stats.variable_kind import FEATURES, VariableFamilies, VariableKind

# The number of features, those that have moved most, whose bins are exported.
EXPLAINED = 5


@dataclass(frozen=True)
class Drift:
    """The results of some statistics for each variable; no value with too few records."""

    calculator: DriftCalculator
    statistics: tuple[DriftStatistic, ...]

    @property
    def kind(self) -> VariableKind:
        return self.calculator.kind

    def collect(self, view: View) -> Iterator[Family]:
        for statistic in self.statistics:
            for name, text in statistic.results.items():
                families = self._families(f"drift_{name}", text)
                for window in view.windows:
                    values = self.calculator.drift(window).of(statistic)[name]
                    families.extend(window.series, self._keys(window.window), values.tolist())
                yield from families
        drifted = self._families("drifted", "Whether {} has drifted: by more than its limit and chance.")
        for window in view.windows:
            result = self.calculator.drift(window)
            values = np.where(result.is_enough, result.drifted, np.nan)
            drifted.extend(window.series, self._keys(window.window), values.tolist())
        yield from drifted
        if self.kind == FEATURES:
            yield from self._over_all_features(view)
            yield from self._causes(view)

    def _families(self, suffix: str, text: str) -> VariableFamilies:
        return self.kind.families(GaugeFamily, self.calculator.variables, suffix, text, ("window",))

    def _keys(self, window: str) -> list[tuple[str, ...]]:
        return [(variable, window) for variable in self.calculator.variables]

    def _over_all_features(self, view: View) -> Iterator[Family]:
        labels = (*BASE_LABELS, "window")
        judged = GaugeFamily(
            "model_drift_judged_features",
            "Features of which a window holds enough records to judge their drift.",
            labels,
        )
        ratio = GaugeFamily(
            "model_drifted_features_ratio", "Share of the judged features that have drifted, 0 to 1.", labels
        )
        for window in view.windows:
            result = self.calculator.drift(window)
            count = int(result.is_enough.sum())
            judged.add(window.labels, count)
            if count:
                ratio.add(window.labels, result.drifted.sum() / count)
        yield from (judged, ratio)

    def _causes(self, view: View) -> Iterator[Family]:
        """Yield the rank of each feature by PSI, and the contribution of each bin of the first EXPLAINED."""
        labels = (*BASE_LABELS, "feature_name", "window")
        ranks = GaugeFamily("model_feature_drift_rank", "Place of a feature by its PSI in a window, from 1.", labels)
        terms = GaugeFamily(
            "model_feature_bin_drift_psi",
            f"What a bin adds to a feature's PSI in a window, of the {EXPLAINED} features that have moved most.",
            (*labels, "bin"),
        )
        changes = GaugeFamily(
            "model_feature_bin_share_change",
            f"Share of a bin in a window less that of the reference, of the {EXPLAINED} features that have moved most.",
            (*labels, "bin"),
        )
        variables, bins = self.calculator.variables, self.calculator.bins
        for window in view.windows:
            order = ranking(self.calculator.drift(window).psi)
            places = np.arange(1.0, len(order) + 1).tolist()
            ranks.extend([(*window.series, variables[at], window.window) for at in order], places)
            explained = order[:EXPLAINED]
            counts, reference = window[bins][explained], bins.reference[explained]
            added = psi.terms(counts, reference, self.calculator.criteria.epsilon)
            moved = _shares(counts) - _shares(reference)
            for row, at in enumerate(explained):
                for cell, name in bins.cells(at):
                    key = (*window.series, variables[at], window.window, name)
                    terms.add(key, added[row, cell])
                    changes.add(key, moved[row, cell])
        yield from (ranks, terms, changes)


def ranking(values: Floats) -> list[int]:
    """Return the indices of the values in descending order, ties in their own order; NaN values have no rank.

    >>> ranking(np.array([0.1, np.nan, 0.3, 0.1]))
    [2, 0, 3]
    """
    order: list[int] = np.argsort(-values, kind="stable")[: np.count_nonzero(~np.isnan(values))].tolist()
    return order


def _shares(counts: Floats) -> Floats:
    shares: Floats = counts / counts.sum(axis=-1, keepdims=True)
    return shares
