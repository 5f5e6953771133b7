"""Tallies: arrays of additive numbers, of which all counts consist.

`StatisticArrays` has the tallies of one series by the name of their statistic. Arrays are never changed in place, so a
snapshot needs no copy. An array may grow along its last axis when a label is admitted; a shorter array is equivalent to
one with zeros at the end.

A statistic may tally a batch in a small type of integer (COUNTS), which the panes of windows keep. A total has the type
of the statistic's zero, float64, which is exact for counts up to 2**53.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from exporter.batch import SegmentSeries, Series

# A pane is a 60th of a window: for a window of 30 days, 2**32 records per pane are 99,000 per second.
COUNTS = np.uint32

# Of float64 or COUNTS.
Tally = NDArray[Any]
StatisticArrays = dict[str, Tally]
TalliesBySeries = dict[Series, StatisticArrays]

AnySeries = Series | SegmentSeries
S = TypeVar("S", bound=AnySeries)


class AnyTallies(dict[AnySeries, StatisticArrays]):
    """The tallies of series, and of segments of series beside them; a class, so that a snapshot can be decoded."""


def add(a: Tally, b: Tally) -> Tally:
    """Return the sum of two tallies of one statistic; of counts as COUNTS, however small their own type."""
    kind = np.promote_types(a.dtype, b.dtype)
    kind = np.dtype(COUNTS) if kind.kind == "u" else kind
    if a.shape == b.shape:
        return np.add(a, b, dtype=kind)
    short, long = (a, b) if a.shape[-1] < b.shape[-1] else (b, a)
    total: Tally = long.astype(kind)
    total[..., : short.shape[-1]] += short
    return total


def compact(tallies: AnyTallies) -> None:
    """Store counts in the smallest integer type that is large enough; most panes contain few records."""
    for arrays in tallies.values():
        for name, tally in arrays.items():
            if tally.dtype == COUNTS:
                smallest = np.min_scalar_type(int(tally.max(initial=0)))
                if smallest.itemsize < tally.itemsize:
                    arrays[name] = tally.astype(smallest)


def copy(tallies: AnyTallies) -> AnyTallies:
    """Return an independent copy, which shares the arrays."""
    return AnyTallies((series, dict(arrays)) for series, arrays in tallies.items())


def base(series: AnySeries) -> Series:
    """Return a series itself, or the one that a segment is part of."""
    return Series(series.model_name, series.model_version)


def of_kind(kind: type[S], tallies: AnyTallies) -> dict[S, StatisticArrays]:
    """Return the tallies of series alone, or of segments alone."""
    return {series: arrays for series, arrays in tallies.items() if isinstance(series, kind)}


def accumulate(arrays: StatisticArrays, name: str, tally: Tally) -> None:
    """Add a tally to the array of its statistic."""
    # A view would keep the whole array that it is part of in memory.
    arrays[name] = add(arrays[name], tally) if name in arrays else tally.copy()


def subtract(arrays: StatisticArrays, name: str, tally: Tally) -> None:
    """Take a tally that was added before from the array of its statistic, which an older state may lack."""
    if name in arrays:
        left = add(arrays[name].astype(np.float64), -tally.astype(np.float64))
        arrays[name] = np.maximum(left, 0).astype(COUNTS) if tally.dtype == COUNTS else left


def merge(parts: Iterable[Mapping[S, Mapping[str, Tally]]]) -> dict[S, StatisticArrays]:
    """Return the sum of several tallies as float64: panes of a window, or workers, or pods."""
    total: dict[S, StatisticArrays] = {}
    for part in parts:
        for series, arrays in part.items():
            merged = total.setdefault(series, {})
            for name, tally in arrays.items():
                if name in merged and merged[name].shape == tally.shape:
                    merged[name] += tally  # not shared yet
                else:
                    merged[name] = add(merged[name], tally) if name in merged else tally.astype(np.float64)
    return total
