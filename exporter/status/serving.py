"""What was served in a window: how much, how fast, with which errors and classes, and how that went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exporter.batch import Floats, Series
from exporter.histogram_quantile import Buckets, histogram_quantile
from exporter.status.course import Course
from exporter.status.document import ClassShare, Serving, Variable
from exporter.status.figures import NAN, Figures, ratio
from exporter.tallies.tally import StatisticArrays

PREDICTIONS, ERRORS = "model_predictions_total", "model_prediction_errors_total"
LATENCY = "model_prediction_latency_seconds"
COUNTED = (PREDICTIONS, ERRORS)
# The statistics whose course is shown.
NAMES = (*COUNTED, LATENCY)
QUANTILES = (0.5, 0.95, 0.99)
MOST_CLASSES = 20


def serving(figures: Figures, series: Series, seconds: float, begin: float, course: Course) -> Serving:
    """Return it for the series; `seconds` of the window have been counted, and records began at `begin`."""
    predictions = sum(figures.by("prediction_class", PREDICTIONS).values())
    errors = {name: int(count) for name, count in figures.by("error_type", ERRORS).items() if count}
    failed = sum(errors.values())
    buckets = figures.buckets(LATENCY)
    row = course.stacks.get(series, {})
    points = len(course.times)
    served, failures = (_sums(row, name, points) for name in (PREDICTIONS, ERRORS))
    requests = served + failures
    # Before the first record nothing is known, which is not a rate of 0.
    known = np.array(course.times, np.float64) > begin
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = np.where(known, requests / np.array(course.seconds, np.float64), np.nan)
        ratios = failures / requests
    return Serving(
        seconds=seconds,
        predictions=int(predictions),
        errors=failed,
        requests_per_second=ratio(predictions + failed, seconds),
        error_ratio=ratio(failed, predictions + failed),
        errors_by_type=dict(sorted(errors.items(), key=lambda item: -item[1])),
        latency_seconds={f"{quantile:g}": histogram_quantile(quantile, buckets) for quantile in QUANTILES},
        requests_per_second_course=rates.tolist(),
        error_ratio_course=ratios.tolist(),
        latency_p99_seconds_course=_p99(row, buckets, points),
    )


def classes(figures: Figures, prediction: Variable | None) -> list[ClassShare]:
    """Return the classes, those of the window by their count first; beyond MOST_CLASSES they are one.

    `prediction` is known where the reference knows it; of numbers it has other bins than classes.
    """
    counts = figures.by("prediction_class", PREDICTIONS)
    reference = {each.name: each.reference_share for each in prediction.bins} if prediction else {}
    is_known = any(name in counts for name in reference)
    total = sum(counts.values())
    ordered = sorted(counts, key=lambda name: (-counts[name], -reference.get(name, 0.0), name))
    shown = [
        ClassShare(
            name=name,
            count=int(counts[name]),
            share=ratio(counts[name], total),
            reference_share=reference.get(name, 0.0) if is_known else NAN,
        )
        for name in ordered
    ]
    return [*shown[:MOST_CLASSES], *_together(shown[MOST_CLASSES:])]


def _together(rest: Sequence[ClassShare]) -> list[ClassShare]:
    if not rest:
        return []
    return [
        ClassShare(
            name=f"{len(rest)} others",
            count=sum(each.count for each in rest),
            share=sum(each.share for each in rest),
            reference_share=sum(each.reference_share for each in rest),
        )
    ]


def _sums(row: StatisticArrays, name: str, points: int) -> Floats:
    stack = row.get(name)
    return np.zeros(points) if stack is None else np.asarray(stack.sum(axis=-1), np.float64)


def _p99(row: StatisticArrays, buckets: Buckets, points: int) -> list[float]:
    stack = row.get(LATENCY)
    if stack is None:
        return [NAN] * points
    bounds = [bound for bound, _ in buckets]
    # The last cell is the sum.
    return [
        histogram_quantile(0.99, list(zip(bounds, counts, strict=True)))
        for counts in stack[:, :-1].cumsum(axis=-1).tolist()
    ]
