"""Classification: how often predictions of a rolling window turned out to be correct, overall and by class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.batch import Series
from exporter.decoding.columns import VALUE_CLASS
from exporter.derived.view import View, WindowTallies
from exporter.families import Family, GaugeFamily
from exporter.reference.confusion import ClassRates
from exporter.stats import BASE_LABELS
from exporter.stats.outcomes import Outcomes, matrix

LABELS = (*BASE_LABELS, "window", "average", "class")


@dataclass(frozen=True)
class ClassificationResult:
    """The accuracy, and the rates of `classes`."""

    accuracy: float
    classes: list[str]
    rates: ClassRates


@dataclass(frozen=True)
class Classification:
    """Accuracy, precision, recall and F1 as scikit-learn defines them; no value where one is undefined.

    A class with an undefined figure counts as 0 in an average. Unless a reference declares that predictions are classes
    (`is_declared`), fractional numbers are not taken for a class.
    """

    outcomes: Outcomes
    is_declared: bool

    def result(self, window: WindowTallies[Series]) -> ClassificationResult | None:
        """Return the performance in a window; None without outcomes."""
        kept = [place for place, name in enumerate(window.classes) if self.is_declared or name != VALUE_CLASS]
        counts = matrix(window[self.outcomes], len(window.classes))[np.ix_(kept, kept)]
        if not counts.any():
            return None
        accuracy = float(counts.trace() / counts.sum())
        return ClassificationResult(accuracy, [window.classes[place] for place in kept], ClassRates.of(counts))

    def collect(self, view: View) -> Iterator[Family]:
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
        for window in view.windows:
            if result := self.result(window):
                rates = result.rates
                accuracy.add(window.labels, result.accuracy)
                for family, values in zip(families, (rates.precision, rates.recall, rates.f1), strict=True):
                    family.add((*window.labels, "weighted", ""), rates.weighted(values))
                    family.add((*window.labels, "macro", ""), rates.macro(values))
                    family.extend([(*window.labels, "", name) for name in result.classes], values.tolist())
        yield from (accuracy, *families)
