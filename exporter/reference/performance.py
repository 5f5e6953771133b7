"""Performance of a classifier: figures of its confusion matrix, and those of the reference, the baseline.

A confusion matrix has counts by predicted class (row) and actual class (column). Definitions are scikit-learn's. A
figure with a denominator of 0 is NaN, and counts as 0 in an average over classes.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from exporter.batch import Floats


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure of performance and its standard error."""

    value: Annotated[float, Meta(ge=0, le=1)]
    stderr: Annotated[float, Meta(ge=0)]

    def interval(self, samples: float, z: float, overdispersion: float = 1.0) -> tuple[float, float]:
        """Return a confidence interval, `z` standard errors to each side; `overdispersion` samples count as one.

        Wilson's (1927), for a proportion. A figure that is not a proportion counts as the number of samples that would
        give a proportion its standard error: Zou and Donner (2008), Construction of confidence limits about effect
        measures.
        """
        spread = self.value * (1 - self.value)
        if spread > 0 and self.stderr > 0:
            samples = min(samples, spread / self.stderr**2)
        return wilson(self.value, samples / overdispersion, z)


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Return the interval of a share of `n` samples, `z` standard errors to each side; Wilson (1927)."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Performance over `samples` outcomes; precision, recall and F1 are averages weighted by the true classes."""

    samples: Annotated[int, Meta(ge=1, le=2**53)]
    accuracy: Estimate
    precision: Estimate
    recall: Estimate
    f1: Estimate

    @property
    def figures(self) -> dict[str, Estimate]:
        return {"accuracy": self.accuracy, "precision": self.precision, "recall": self.recall, "f1": self.f1}

    @property
    def summary(self) -> str:
        """The main figures, for people."""
        return f"accuracy {self.accuracy.value:.3f}, F1 {self.f1.value:.3f} (weighted)"


class ClassRates(NamedTuple):
    """Figures by class, shape (classes,), NaN where undefined; `predicted` and `actual` are counts or shares."""

    predicted: Floats
    actual: Floats
    precision: Floats
    recall: Floats
    f1: Floats

    @classmethod
    def of(cls, counts: Floats, correct: Floats) -> ClassRates:
        """Return the rates of a confusion matrix; `correct` is its diagonal, or less than that as for `figures`."""
        return cls.of_totals(counts.sum(axis=1), counts.sum(axis=0), correct)

    @classmethod
    def of_totals(cls, predicted: Floats, actual: Floats, correct: Floats) -> ClassRates:
        """Return the rates of classes, given how often each was predicted, actual, and both."""
        with np.errstate(invalid="ignore"):
            return cls(predicted, actual, correct / predicted, correct / actual, 2 * correct / (predicted + actual))

    def weighted(self, values: Floats) -> float:
        """Return the average over classes, weighted by how often each is the actual class."""
        return float((np.nan_to_num(values) * self.actual).sum() / self.actual.sum())

    def macro(self, values: Floats) -> float:
        """Return the plain average over the classes that were predicted or actual at least once."""
        return float(np.nan_to_num(values)[self.predicted + self.actual > 0].mean())


def figures(counts: Floats, correct: Floats | None = None) -> dict[str, Estimate]:
    """Return accuracy and the weighted precision, recall and F1, with their standard errors; empty without outcomes.

    `correct` is the diagonal of the counts, or less than that if a class stands for several.

    Standard errors come from the delta method: outcomes are a sample of a multinomial distribution over the cells, and
    to first order a figure is the mean over outcomes of its derivative with respect to the share of their cell.
    """
    n = counts.sum()
    if not n:
        return {}
    share, right = counts / n, (counts.diagonal() if correct is None else correct) / n
    wrong = share - np.diag(right)
    rates = ClassRates.of(share, right)
    precision, f1 = np.nan_to_num(rates.precision), np.nan_to_num(rates.f1)
    either = rates.predicted + rates.actual
    with np.errstate(divide="ignore", invalid="ignore"):
        by_correct = np.nan_to_num(rates.actual / rates.predicted, posinf=0.0)
        by_either = np.nan_to_num(rates.actual / either)
    # The derivatives by the shares of wrong outcomes, and what the derivatives by those of correct ones are more.
    none, one = np.zeros_like(share), np.ones_like(right)
    slopes = {
        "accuracy": (none, one),
        "precision": (precision - (by_correct * precision)[:, None], by_correct),
        "recall": (none, one),
        "f1": (f1 * (1 - by_either) - (f1 * by_either)[:, None], 2 * by_either),
    }
    values = {
        "accuracy": float(right.sum()),
        "precision": rates.weighted(rates.precision),
        "recall": rates.weighted(rates.recall),
        "f1": rates.weighted(rates.f1),
    }
    stderrs = {
        name: _stderr(wrong, slope, right, slope.diagonal() + more, float(n)) for name, (slope, more) in slopes.items()
    }
    # Rounding may put a value slightly above 1.
    return {name: Estimate(min(1.0, value), stderrs[name]) for name, value in values.items()}


def _stderr(wrong: Floats, of_wrong: Floats, right: Floats, of_right: Floats, n: float) -> float:
    """Return the standard error of a figure from the shares of outcomes and the figure's derivatives by them."""
    mean = (wrong * of_wrong).sum() + (right * of_right).sum()
    variance = (wrong * np.square(of_wrong - mean)).sum() + (right * np.square(of_right - mean)).sum()
    return float(np.sqrt(variance / n))
