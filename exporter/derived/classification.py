"""Classification: how often predictions of a rolling window turned out to be right, over all and by class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from exporter.decoding.columns import VALUE_CLASS
from exporter.families import Family, GaugeFamily
from exporter.reference.confusion import Rates
from exporter.stats import BASE_LABELS
from exporter.stats.outcomes import Outcomes, matrix
from exporter.tallies.tally import TalliesBySeries

LABELS = (*BASE_LABELS, "window", "average", "class")


@dataclass(frozen=True)
class Classification:
    """Accuracy, precision, recall and F1 as scikit-learn defines them; no value where one is undefined.

    In an average a class whose figure is undefined counts as 0. Where no reference says that predictions are classes
    (`is_declared`), fractional numbers are none.
    """

    outcomes: Outcomes
    is_declared: bool

    def collect(self, windows: Mapping[str, TalliesBySeries], classes: Sequence[str]) -> Iterator[Family]:
        accuracy = GaugeFamily(
            "model_accuracy", "Share of the outcomes of a window that were predicted, 0 to 1.", (*BASE_LABELS, "window")
        )
        families = [
            GaugeFamily(name, text, LABELS)
            for name, text in (
                ("model_precision", "Of a window's predictions of a class, the share that was right, 0 to 1."),
                ("model_recall", "Of a window's outcomes of a class, the share that was predicted, 0 to 1."),
                ("model_f1", "Harmonic mean of precision and recall in a window, 0 to 1."),
            )
        ]
        kept = [place for place, name in enumerate(classes) if self.is_declared or name != VALUE_CLASS]
        names = [classes[place] for place in kept]
        for label, tallies in windows.items():
            for series, row in tallies.items():
                counts = matrix(row[self.outcomes.name], len(classes))[np.ix_(kept, kept)]
                if not counts.any():
                    continue
                rates = Rates.of(counts)
                accuracy.add((*series, label), counts.trace() / counts.sum())
                for family, values in zip(families, (rates.precision, rates.recall, rates.f1), strict=True):
                    family.add((*series, label, "weighted", ""), rates.weighted(values))
                    family.add((*series, label, "macro", ""), rates.macro(values))
                    family.extend([(*series, label, "", of_class) for of_class in names], values.tolist())
        yield from (accuracy, *families)
