"""Multivariate drift, which no single number shows: of the relations between numeric features, and of embeddings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from exporter.derived import Criteria
from exporter.derived.drift_statistics import psi, psi_critical
from exporter.derived.gauges import per_label, per_window
from exporter.derived.view import SeriesWindow, View, computed_once
from exporter.families import Families
from exporter.stats.embedding import Embedding
from exporter.stats.reconstruction_error import ReconstructionError

FEWEST_RECORDS = 30
FEWEST_VECTORS = 100


@dataclass(frozen=True)
class MultivariateDrift:
    """How far a window's mean reconstruction error has moved from the reference's.

        shift = (mean of the window - mean of the reference) / standard deviation of the reference
        z = shift / sqrt(1/n + 1/m)

    Without drift, z of n records against the m of the reference is approximately standard normal; of dependent records,
    `overdispersion` count as one. No value with fewer than FEWEST_RECORDS in a window.
    """

    errors: ReconstructionError
    overdispersion: float = 1.0

    def shift(self, window: SeriesWindow) -> float:
        """Return the shift of a window; NaN with too few records."""
        count, total = window[self.errors].tolist()
        reference = self.errors.components
        return total / count - reference.error_mean / reference.error_stddev if count >= FEWEST_RECORDS else math.nan

    def zscore(self, window: SeriesWindow) -> float:
        """Return the shift in its standard errors."""
        count = float(window[self.errors][0])
        if not count:
            return math.nan
        return self.shift(window) / math.sqrt(self.overdispersion * (1 / count + 1 / self.errors.components.rows))

    def collect(self, view: View) -> Families:
        text = "Mean PCA reconstruction error in a window minus the reference's, in standard deviations of the latter."
        yield per_window("model_multivariate_drift", text, view.windows, self.shift)
        text = "Mean PCA reconstruction error in a window minus the reference's, in standard errors."
        yield per_window("model_multivariate_drift_zscore", text, view.windows, self.zscore)


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
    """How far each embedding has moved; no value with fewer than FEWEST_VECTORS in a window.

    Without drift, the mean PSI of n vectors against the m of the reference is about (bins - 1) * (1/n + 1/m), and the
    shift of the mean is about sqrt(1/n + 1/m).
    """

    embeddings: Sequence[Embedding]
    criteria: Criteria

    @computed_once
    def results(self, window: SeriesWindow) -> dict[str, EmbeddingResult]:
        """Return the results of each feature with enough vectors."""
        found = {}
        for embedding in self.embeddings:
            tally = window[embedding]
            counts, reference = embedding.counts(tally), embedding.reference
            if counts[0].sum() >= FEWEST_VECTORS:
                value = float(psi(counts, reference, self.criteria.epsilon).mean())
                independent = counts / self.criteria.overdispersion, reference / self.criteria.overdispersion
                limit = float(psi_critical(*independent, self.criteria.significance).max())
                drifted = value > self.criteria.threshold and value > limit
                found[embedding.feature] = EmbeddingResult(value, limit, drifted, embedding.mean_shift(tally))
        return found

    def collect(self, view: View) -> Families:
        text = "Mean population stability index of an embedding's random projections, unitless."
        yield per_label("model_embedding_drift_psi", text, view.windows, partial(self._values, "psi"))
        text = "Distance of an embedding's mean from the reference's, relative to the reference's spread."
        yield per_label("model_embedding_mean_shift", text, view.windows, partial(self._values, "mean_shift"))

    def _values(self, name: str, window: SeriesWindow) -> dict[str, float]:
        return {feature: getattr(result, name) for feature, result in self.results(window).items()}
