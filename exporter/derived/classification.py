"""Classification: how often predictions of a rolling window turned out to be correct, overall and by class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from exporter.batch import Floats
from exporter.decoding.columns import VALUE_CLASS
from exporter.derived.gauges import ClassFigure, per_class, per_window
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families
from exporter.reference.performance import ClassRates, Estimate, figures
from exporter.stats.outcomes import Outcomes, matrix
from exporter.tallies.tally import Tally

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

    counted: Outcomes
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
        names = [window.classes[place] for place in self._places(window.classes)]
        by_class = dict(zip(names, values.tolist(), strict=True))
        return ClassFigure(rates.weighted(values), rates.macro(values), by_class)

    def samples(self, window: SeriesWindow) -> float:
        """Return the number of outcomes in a window."""
        return float(self._counts(window).sum())

    def estimates(self, window: SeriesWindow) -> dict[str, Estimate]:
        """Return the figures of a window that a baseline has; empty without outcomes."""
        return figures(self._counts(window))

    def errors(self, panes: Sequence[Tally], classes: Sequence[str]) -> tuple[Floats, Floats]:
        """Return how many predicted classes of each pane were not the actual class, and how many there were."""
        places = self._places(classes)
        counts = np.array([matrix(pane, len(classes))[np.ix_(places, places)] for pane in panes])
        total = counts.sum(axis=(1, 2))
        return total - np.trace(counts, axis1=1, axis2=2), total

    def collect(self, view: View) -> Families:
        text = "Share of the outcomes of a window that were predicted, 0 to 1."
        yield per_window("model_accuracy", text, view.windows, self.accuracy)
        for name, text in FIGURES.items():
            yield per_class(f"model_{name}", text, view.windows, partial(self.figure, name))

    def _places(self, classes: Sequence[str]) -> list[int]:
        return [place for place, name in enumerate(classes) if self.is_declared or name != VALUE_CLASS]

    def _counts(self, window: SeriesWindow) -> Floats:
        places = self._places(window.classes)
        counts: Floats = matrix(window[self.counted], len(window.classes))[np.ix_(places, places)]
        return counts
