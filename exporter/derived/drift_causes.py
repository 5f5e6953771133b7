"""What drift comes from: which features have moved most, and which of their bins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from exporter.batch import Floats, Series
from exporter.derived import psi
from exporter.derived.comparison import Comparison, Distributions, Shift
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS

# Of so many features that have moved most the bins are told.
EXPLAINED = 5


def collect(
    comparison: Comparison,
    held: Mapping[tuple[str, Series], Distributions],
    shifts: Mapping[tuple[str, Series], Shift],
) -> Iterator[Family]:
    """Return the rank of each feature by its PSI, and what each bin of the first EXPLAINED adds to it."""
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
    reference = comparison.reference.bins
    for (label, series), shift in shifts.items():
        order = ranking(shift.psi)
        ranks.extend(
            [(*series, comparison.variables[at], label) for at in order], np.arange(1.0, len(order) + 1).tolist()
        )
        explained = order[:EXPLAINED]
        window = held[label, series].bins[explained]
        added = psi.terms(window, reference[explained], comparison.judgement.epsilon)
        moved = _shares(window) - _shares(reference[explained])
        for row, at in enumerate(explained):
            for cell, name in comparison.bins.cells(at):
                key = (*series, comparison.variables[at], label, name)
                terms.add(key, added[row, cell])
                changes.add(key, moved[row, cell])
    yield from (ranks, terms, changes)


def ranking(values: Floats) -> list[int]:
    """Return the indices of the values, the greatest first, equal ones in their order; NaN has no place.

    >>> ranking(np.array([0.1, np.nan, 0.3, 0.1]))
    [2, 0, 3]
    """
    order: list[int] = np.argsort(-values, kind="stable")[: np.count_nonzero(~np.isnan(values))].tolist()
    return order


def _shares(counts: Floats) -> Floats:
    shares: Floats = counts / counts.sum(axis=-1, keepdims=True)
    return shares
