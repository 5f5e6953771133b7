"""The population stability index: how far a window's shares have moved from the reference's.

    PSI = sum over the B bins of (p - q) * ln(p / q)

p is the window's and q the reference's share of a bin, smoothed. Bins empty in both are left out.
Reference: Yurdakul & Naranjo (2020), Statistical properties of the population stability index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.batch import Bools, Floats, Ints
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.stats.feature_bins import FeatureBins
from exporter.tally import Tallies

JEFFREYS = 0.5
SAMPLES_PER_BIN = 10


def psi(window: Floats, reference: Floats, epsilon: float | None = None) -> Floats:
    """Return the PSI of counts along the last axis; NaN where either side is empty.

    Shares are (count + 0.5) / (n + 0.5 * B), Jeffreys' smoothing, which is always finite and keeps chance at
    its stated rate. With `epsilon` they are count / n + epsilon, the textbook form.

    >>> float(psi(np.array([30.0, 70.0]), np.array([50.0, 50.0])).round(4))
    0.1659
    """
    used = (window > 0) | (reference > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = _shares(window, used, epsilon), _shares(reference, used, epsilon)
        terms = (p - q) * np.log(p / q)
    total: Floats = np.where(used, terms, 0.0).sum(axis=-1)
    empty = (window.sum(axis=-1) == 0) | (reference.sum(axis=-1) == 0)
    return np.where(empty, np.nan, total)


def _shares(counts: Floats, used: Bools, epsilon: float | None) -> Floats:
    n: Floats = counts.sum(axis=-1, keepdims=True)
    bins: Ints = used.sum(axis=-1, keepdims=True)
    shares: Floats = (counts + JEFFREYS) / (n + JEFFREYS * bins) if epsilon is None else counts / n + epsilon
    return shares


@dataclass(frozen=True)
class FeaturePsi:
    """`model_feature_drift_psi`: no value where a window holds under SAMPLES_PER_BIN records a bin."""

    bins: FeatureBins
    epsilon: float | None = None

    def collect(self, windows: Mapping[str, Tallies]) -> Iterator[Family]:
        family = GaugeFamily(
            "model_feature_drift_psi",
            "Population stability index of a feature in a rolling window against the reference, unitless.",
            (*BASE_LABELS, "feature_name", "window"),
        )
        reference = self.bins.reference
        for label, tallies in windows.items():
            for series, row in tallies.items():
                counts = row[self.bins.name]
                used = ((counts > 0) | (reference > 0)).sum(axis=-1)
                enough = counts.sum(axis=-1) >= SAMPLES_PER_BIN * used
                for feature, value, good in zip(
                    self.bins.features, psi(counts, reference, self.epsilon), enough, strict=True
                ):
                    if good and not np.isnan(value):
                        family.add((*series, feature, label), value)
        yield family
