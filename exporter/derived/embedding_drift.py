"""Embedding drift: how far the vectors of a window have moved, by their projections and by their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.derived.distributions import DriftCriteria
from exporter.derived.gauges import per_label
from exporter.derived.psi import critical, psi
from exporter.derived.view import SeriesWindow, View, once_per_window
from exporter.families import Families
from exporter.stats.embedding import Embedding

MIN_SAMPLES = 100


@dataclass(frozen=True)
class EmbeddingResult:
    """How far an embedding has moved.

    `psi` is the mean over its projections. `psi_critical` is the value that a single projection exceeds with
    probability `significance` without drift; the mean over several exceeds it even less often. `drifted` is whether the
    PSI is above its threshold and above that. `mean_shift` is in spreads of the reference.
    """

    psi: float
    psi_critical: float
    drifted: bool
    mean_shift: float


@dataclass(frozen=True)
class EmbeddingDrift:
    """How far each embedding has moved; no value with fewer than MIN_SAMPLES vectors in a window.

    Without drift, the mean PSI of n vectors against the m of the reference is about (bins - 1) * (1/n + 1/m), and the
    shift of the mean is about sqrt(1/n + 1/m).
    """

    embeddings: Sequence[Embedding]
    criteria: DriftCriteria

    @once_per_window
    def results(self, window: SeriesWindow) -> dict[str, EmbeddingResult]:
        """Return the results of each feature with enough vectors."""
        found = {}
        for embedding in self.embeddings:
            tally = window[embedding]
            counts = embedding.counts(tally)
            if counts[0].sum() >= MIN_SAMPLES:
                value = float(psi(counts, embedding.reference, self.criteria.epsilon).mean())
                overdispersion = self.criteria.overdispersion
                by_chance = critical(counts / overdispersion, embedding.reference, self.criteria.significance)
                limit = float(by_chance.max())
                drifted = value > self.criteria.threshold and value > limit
                found[embedding.feature] = EmbeddingResult(value, limit, drifted, embedding.mean_shift(tally))
        return found

    def collect(self, view: View) -> Families:
        yield per_label(
            "feature_name",
            "model_embedding_drift_psi",
            "Population stability index of an embedding's random projections, their mean, unitless.",
            view.windows,
            lambda window: {feature: result.psi for feature, result in self.results(window).items()},
        )
        yield per_label(
            "feature_name",
            "model_embedding_mean_shift",
            "Distance of an embedding's mean from the reference's, in the reference's spread about it.",
            view.windows,
            lambda window: {feature: result.mean_shift for feature, result in self.results(window).items()},
        )
