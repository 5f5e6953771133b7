"""Classification: how good a window's predictions and their scores turned out to be, overall and by class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from exporter.batch import Floats
from exporter.decoding.columns import VALUE_CLASS
from exporter.derived.gauges import ClassFigure, per_class, per_label, per_window
from exporter.derived.judged_outcomes import OutcomeJudge
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families
from exporter.reference.performance import ClassRates, Estimate, figures
from exporter.stats.class_scores import ScoreLosses, ScoreLossSums, ScoresByTruth
from exporter.stats.confidence import Confidence, ConfidenceSums
from exporter.stats.outcomes import Outcomes, matrix
from exporter.tallies.tally import Tally
from exporter.tallies.vocabulary import DIFFERENT_OTHER, OTHER

# Help texts by name of a figure of ClassRates.
FIGURES = {
    "precision": "Precision per class in a window, 0 to 1.",
    "recall": "Recall per class in a window, 0 to 1.",
    "f1": "F1 per class in a window, 0 to 1.",
}
# The bins of the reliability diagram, and those of the calibration error.
BINS = 10
CALIBRATION_BINS = 15


class Confusion(NamedTuple):
    """Outcomes by predicted and actual class, shape (classes, classes), and the correct ones of each class."""

    names: Sequence[str]
    counts: Floats
    correct: Floats


@dataclass(frozen=True)
class Classification:
    """Accuracy, precision, recall and F1 as scikit-learn defines them; no value where one is undefined.

    A class with an undefined figure counts as 0 in an average. Unless a reference declares that predictions are classes
    (`is_declared`), fractional numbers are not taken for a class.
    """

    counted: Outcomes
    is_declared: bool
    judge: OutcomeJudge

    def accuracy(self, window: SeriesWindow) -> float:
        """Return the accuracy in a window; NaN without outcomes."""
        _, counts, correct = self.confusion(window)
        return float(correct.sum() / counts.sum()) if counts.any() else math.nan

    def figure(self, name: str, window: SeriesWindow) -> ClassFigure | None:
        """Return one of FIGURES; None without outcomes."""
        names, counts, correct = self.confusion(window)
        if not counts.any():
            return None
        rates = ClassRates.of(counts, correct)
        values: Floats = getattr(rates, name)
        return ClassFigure(rates.weighted(values), rates.macro(values), dict(zip(names, values.tolist(), strict=True)))

    def samples(self, window: SeriesWindow) -> float:
        """Return the effective number of outcomes in a window."""
        return float(self.confusion(window).counts.sum())

    def estimates(self, window: SeriesWindow) -> dict[str, Estimate]:
        """Return the figures of a window that a baseline has; empty without outcomes."""
        _, counts, correct = self.confusion(window)
        return figures(counts, correct)

    def errors(self, panes: Sequence[Tally], classes: Sequence[str]) -> tuple[Floats, Floats]:
        """Return how many predicted classes of each pane were not the actual class, and how many there were."""
        places = self._places(classes)
        counts = np.array([matrix(pane, len(classes))[np.ix_(places, places)] for pane in panes])
        total = counts.sum(axis=(1, 2))
        return total - np.trace(counts, axis1=1, axis2=2), total

    def collect(self, view: View) -> Families:
        text = "Accuracy of predictions with ground truth in a window, 0 to 1."
        yield per_window("model_accuracy", text, self.judge.windows(view), self.accuracy)
        for name, text in FIGURES.items():
            yield per_class(f"model_{name}", text, self.judge.settled(view), partial(self.figure, name))

    def _places(self, classes: Sequence[str]) -> list[int]:
        return [place for place, name in enumerate(classes) if self.is_declared or name != VALUE_CLASS]

    def confusion(self, window: SeriesWindow) -> Confusion:
        """Return the outcomes of a window."""
        names, counts = list(window.classes), matrix(window[self.counted], len(window.classes))
        if window.weights is not None:
            counts = counts * window.weights[:, None]
        correct = counts.diagonal().copy()
        places = self._places(names)
        if DIFFERENT_OTHER in names and OTHER in names:
            different, other = names.index(DIFFERENT_OTHER), names.index(OTHER)
            counts[:, other] += counts[:, different]
            places.remove(different)
        return Confusion([names[place] for place in places], counts[np.ix_(places, places)], correct[places])


def auc(others: Floats, of_class: Floats) -> Floats:
    """Return the area under the ROC curve of counts by bin of the score, along the last axis; NaN if a side is empty.

    It is the probability that a record of the class has a higher score than one of another class, where ties count
    half: Mann and Whitney (1947). Scores in the same bin count as ties. With p and q the shares of the two groups in
    each bin, the error is at most half the sum of p * q over the bins.

    >>> float(auc(np.array([2.0, 1.0, 0.0]), np.array([0.0, 1.0, 3.0])).round(4))
    0.9583
    """
    below = others.cumsum(axis=-1) - others / 2
    with np.errstate(invalid="ignore"):
        area: Floats = (of_class * below).sum(axis=-1) / (of_class.sum(axis=-1) * others.sum(axis=-1))
    return area


@dataclass(frozen=True)
class ScoreQuality:
    """The AUC of each class against the rest, the mean log loss and the Brier score, as in scikit-learn.

    The AUC has no value without outcomes of the class and of the rest. Its weighted average is weighted by how often
    each class is the true one. The losses have no value without outcomes that have scores.
    Reference: Brier (1950), Verification of forecasts expressed in terms of probability; half of it for two classes.
    """

    scores: ScoresByTruth
    losses: ScoreLosses
    judge: OutcomeJudge

    def auc(self, window: SeriesWindow) -> ClassFigure | None:
        """Return the AUC of a window; None if no class has one."""
        others, of_class = np.moveaxis(window[self.scores], 1, 0)
        areas, weights = auc(others, of_class), of_class.sum(axis=-1)
        exists = ~np.isnan(areas)
        if not exists.any():
            return None
        weighted, macro = np.average(areas[exists], weights=weights[exists]), areas[exists].mean()
        return ClassFigure(float(weighted), float(macro), dict(zip(self.scores.classes, areas.tolist(), strict=True)))

    def log_loss(self, window: SeriesWindow) -> float:
        """Return the mean log loss of a window, or NaN."""
        sums = ScoreLossSums(*window[self.losses].tolist())
        return sums.log_losses / sums.number if sums.number else math.nan

    def brier_score(self, window: SeriesWindow) -> float:
        """Return the Brier score of a window, or NaN."""
        sums = ScoreLossSums(*window[self.losses].tolist())
        return sums.squares / sums.complete if sums.complete else math.nan

    def collect(self, view: View) -> Families:
        text = "Area under the ROC curve of a class against the rest in a window, 0 to 1."
        yield per_class("model_auc", text, self.judge.settled(view), self.auc)
        text = "Log loss in a window: mean of -ln of the score of the actual class."
        yield per_window("model_log_loss", text, self.judge.windows(view), self.log_loss)
        text = "Brier score in a window: mean squared difference of scores and ground truth; 0 is best."
        yield per_window("model_brier_score", text, self.judge.windows(view), self.brier_score)


@dataclass(frozen=True)
class Reliability:
    """The expected calibration error over CALIBRATION_BINS bins of equal width, and the reliability diagram of BINS."""

    confidence: Confidence
    judge: OutcomeJudge

    def calibration_error(self, window: SeriesWindow) -> float:
        """Return the expected calibration error of a window; NaN without outcomes that have a score.

        It is the mean over outcomes of |share correct - mean score| of their bin.
        Reference: Guo et al. (2017), On calibration of modern neural networks.
        """
        sums = ConfidenceSums.of(window[self.confidence], CALIBRATION_BINS)
        return float(np.abs(sums.correct - sums.scores).sum() / sums.number.sum()) if sums.number.any() else math.nan

    def collect(self, view: View) -> Families:
        windows = self.judge.windows(view)
        text = "Expected calibration error in a window: mean difference of confidence and accuracy, 0 to 1."
        yield per_window("model_expected_calibration_error", text, windows, self.calibration_error)
        text = "Outcomes in a window, by score bin."
        yield per_label("model_reliability_samples", text, windows, partial(self._bins, "number"), "bin")
        text = "Mean score of the predictions in a score bin, 0 to 1."
        yield per_label("model_reliability_confidence", text, windows, partial(self._bins, "scores"), "bin")
        text = "Accuracy of the predictions in a score bin, 0 to 1."
        yield per_label("model_reliability_accuracy", text, windows, partial(self._bins, "correct"), "bin")

    def _bins(self, name: str, window: SeriesWindow) -> dict[str, float]:
        """Return the number of outcomes of each bin, or the mean of another of the sums; empty without outcomes."""
        sums = ConfidenceSums.of(window[self.confidence], BINS)
        if not sums.number.any():
            return {}
        values: Floats = getattr(sums, name)
        if name != "number":
            with np.errstate(invalid="ignore"):
                values = values / sums.number
        return {f"{low / BINS:.1f}-{(low + 1) / BINS:.1f}": value for low, value in enumerate(values.tolist())}
