"""Embedding drift: how far the vectors of a window have moved, by their projections and their mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporter.derived.psi import psi
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.stats.embedding import Embedding
from exporter.tallies.tally import TalliesBySeries

MIN_SAMPLES = 100


@dataclass(frozen=True)
class EmbeddingDrift:
    """How far each embedding has moved; no value where a window holds under MIN_SAMPLES vectors of it.

    `epsilon` is psi.psi's. Without drift, the mean PSI of n vectors against
    the m of the reference is about (bins - 1) * (1/n + 1/m), and the shift of the mean about sqrt(1/n + 1/m).
    """

    embeddings: Sequence[Embedding]
    epsilon: float | None = None

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        labels = (*BASE_LABELS, "feature_name", "window")
        drift = GaugeFamily(
            "model_embedding_drift_psi",
            "Population stability index of an embedding's random projections, their mean, unitless.",
            labels,
        )
        shift = GaugeFamily(
            "model_embedding_mean_shift",
            "Distance of an embedding's mean from the reference's, in the reference's spread about it.",
            labels,
        )
        for label, tallies in windows.items():
            for series, row in tallies.items():
                for embedding in self.embeddings:
                    tally = row[embedding.name]
                    counts = embedding.counts(tally)
                    if counts[0].sum() >= MIN_SAMPLES:
                        where = (*series, embedding.feature, label)
                        drift.add(where, float(psi(counts, embedding.reference, self.epsilon).mean()))
                        shift.add(where, embedding.mean_shift(tally))
        yield from (drift, shift)
