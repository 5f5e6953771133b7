"""Classification: how often predictions of a rolling window turned out to be correct, overall and by class."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from exporter.batch import Floats
from exporter.decoding.columns import VALUE_CLASS
from exporter.derived.gauges import ClassFigure, per_class, per_window
from exporter.derived.view import SeriesWindow, View
from exporter.families import Family
from exporter.reference.confusion import ClassRates
from exporter.stats.outcomes import Outcomes, matrix

# Help texts by name of a figure of ClassRates.
FIGURES = {
    "precision": "Of a window's predictions of a class, the share that was right, 0 to 1.",
    "recall": "Of a window's outcomes of a class, the share that was predicted, 0 to 1.",
    "f1": "Harmonic mean of precision and recall in a window, 0 to 1.",
}


@dataclass(frozen=True)
class Classification:
    """Accuracy, precision, recall and F1 as scikit-learn defines them; no value where one is undefined.

    A class with an undefined figure counts as 0 in an average. Unless a reference declares that predictions are classes
    (`is_declared`), fractional numbers are not taken for a class.
    """

    outcomes: Outcomes
    is_declared: bool

    def accuracy(self, window: SeriesWindow) -> float:
        """Return the accuracy in a window; NaN without outcomes."""
        counts = self._counts(window)
        return float(counts.trace() / counts.sum()) if counts.any() else math.nan

    def figure(self, name: str, window: SeriesWindow) -> ClassFigure | None:
        """Return one of FIGURES; None without outcomes."""
        counts = self._counts(window)
        if not counts.any():
            return None
        rates = ClassRates.of(counts)
        values: Floats = getattr(rates, name)
        classes = [window.classes[place] for place in self._places(window)]
        return ClassFigure(
            rates.weighted(values), rates.macro(values), dict(zip(classes, values.tolist(), strict=True))
        )

    def collect(self, view: View) -> Iterator[Family]:
        text = "Share of the outcomes of a window that were predicted, 0 to 1."
        yield per_window("model_accuracy", text, view.windows, self.accuracy)
        for name, text in FIGURES.items():
            yield per_class(f"model_{name}", text, view.windows, partial(self.figure, name))

    def _places(self, window: SeriesWindow) -> list[int]:
        return [place for place, name in enumerate(window.classes) if self.is_declared or name != VALUE_CLASS]

    def _counts(self, window: SeriesWindow) -> Floats:
        places = self._places(window)
        counts: Floats = matrix(window[self.outcomes], len(window.classes))[np.ix_(places, places)]
        return counts
