"""What was served in a window: how much, how fast, and with which errors."""

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from exporter.stats import SERIES
from exporter.stats.histogram import CumulativeBuckets, Histogram
from exporter.stats.label_counts import LabelCounts
from exporter.status.selection import Selection, ratio
from exporter.tallies.tally import StatisticArrays
from exporter.tallies.windows import PANES

QUANTILES = (0.5, 0.95, 0.99)


class ServingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What was served in the window. `seconds` is less than the window's if records started later.

    Requests are predictions and errors. Latency is by quantile, estimated from the histogram as PromQL does.
    """

    seconds: float
    predictions: int
    errors: int
    requests_per_second: float
    error_ratio: float
    errors_by_type: dict[str, int]
    latency_seconds: dict[str, float]
    requests_per_second_course: list[float]
    error_ratio_course: list[float]
    latency_p99_seconds_course: list[float]


def serving(selection: Selection) -> ServingStatus:
    """Return what was served in the window."""
    tallies, sparkline = selection.tallies, selection.sparkline
    latency = selection.measures.one(Histogram, column="latency_seconds")
    predictions, errors = sum(selection.counts("prediction").values()), selection.counts("error")
    failed, started = sum(errors.values()), _started(selection)
    seconds = min(selection.window.seconds, selection.view.snapshot.time - started)
    points = np.zeros(len(sparkline.times))
    served, failures = (
        points if (sums := selection.sums(statistic)) is None else sums.sum(axis=-1)
        for statistic in _counted(selection)
    )
    latencies = selection.sums(latency)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Before the first record the rate is unknown, and not 0.
        rates = np.where(sparkline.times > started, (served + failures) / sparkline.seconds, np.nan)
        ratios = failures / (served + failures)
    buckets = latency.buckets(tallies[latency])
    return ServingStatus(
        seconds=seconds,
        predictions=int(predictions),
        errors=int(failed),
        requests_per_second=ratio(predictions + failed, seconds),
        error_ratio=ratio(failed, predictions + failed),
        errors_by_type={name: int(count) for name, count in sorted(errors.items(), key=lambda item: -item[1]) if count},
        latency_seconds={f"{quantile:g}": histogram_quantile(quantile, buckets) for quantile in QUANTILES},
        requests_per_second_course=rates.tolist(),
        error_ratio_course=ratios.tolist(),
        latency_p99_seconds_course=[math.nan] * len(points)
        if latencies is None
        else [histogram_quantile(0.99, latency.buckets(tally)) for tally in latencies],
    )


def requests(selection: Selection) -> float:
    """Return the number of requests since the state began."""
    return _count(selection.view.snapshot.totals[selection.series], _counted(selection))


def _counted(selection: Selection) -> list[LabelCounts]:
    """Return the statistics that count predictions, and errors."""
    return selection.measures.every(LabelCounts, scope=SERIES)


def _count(row: StatisticArrays, counted: Sequence[LabelCounts]) -> float:
    return float(sum(row[statistic.name].sum() for statistic in counted if statistic.name in row))


def _started(selection: Selection) -> float:
    """Return the time of the first record in epoch seconds, to a pane; -inf if no window contains it any more."""
    view, series, counted = selection.view, selection.series, _counted(selection)
    total = requests(selection)
    for window in sorted(view.rolling_windows, key=lambda window: window.seconds):
        panes = view.panes(window, series)
        if panes and sum(_count(row, counted) for row in panes.values()) == total:
            return min(panes) * window.seconds / PANES
    return -math.inf


def histogram_quantile(quantile: float, buckets: CumulativeBuckets) -> float:
    """Estimate a quantile as PromQL's function of that name does: values are spread evenly within a bucket.

    A quantile in the last bucket, which has no upper bound, is estimated as that bucket's lower bound.

    >>> histogram_quantile(0.5, [(1.0, 10.0), (2.0, 30.0), (float("inf"), 40.0)])
    1.5
    """
    total = buckets[-1][1] if buckets else 0
    if not total:
        return math.nan
    rank = quantile * total
    for (low, below), (high, count) in pairwise([(0.0, 0.0), *buckets]):
        if count >= rank and count > below:
            return low if math.isinf(high) else low + (high - low) * (rank - below) / (count - below)
    return math.nan
