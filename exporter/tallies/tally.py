"""A tally is an array of additive numbers, and everything the product knows is made of tallies.

A *row* holds one series' tallies by the name of their statistic; *tallies* hold the rows of all series, and
those of the engine the rows of segments of series beside them.
Arrays are never changed in place, so that a snapshot needs no copy. Along its last axis an array may grow
(a label was admitted); a shorter one is the same as one filled up with zeros.

What a batch adds may come in a small type of integer (COUNTS), which the panes of windows keep; a total begins with
a statistic's zero and is of its type, float64, which holds every count up to 2**53.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from exporter.batch import SegmentSeries, Series

# A pane is a 60th of a window: of one of 30 days it holds this many records at 99,000 a second.
COUNTS = np.uint32

# Of float64 or COUNTS.
Tally = NDArray[Any]
StatisticArrays = dict[str, Tally]
TalliesBySeries = dict[Series, StatisticArrays]

AnySeries = Series | SegmentSeries
AnyTallies = dict[AnySeries, StatisticArrays]
S = TypeVar("S", bound=AnySeries)


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
    """Keep counts in the smallest type that holds them; most panes of most windows hold few records."""
    for row in tallies.values():
        for name, tally in row.items():
            if tally.dtype == COUNTS:
                smallest = np.min_scalar_type(int(tally.max(initial=0)))
                if smallest.itemsize < tally.itemsize:
                    row[name] = tally.astype(smallest)


def copy(tallies: AnyTallies) -> AnyTallies:
    """Return the same, to be added to apart from this."""
    return {series: dict(row) for series, row in tallies.items()}


def segment_identity(segment: str) -> str:
    """Return what the identity of a segment is kept by, beside those of statistics, which are kept by their names."""
    return f"segment {segment}"


def only(kept: Collection[str], tallies: AnyTallies) -> AnyTallies:
    """Return the tallies whose statistic and segment are among `kept`."""
    return {
        series: {name: tally for name, tally in row.items() if name in kept}
        for series, row in tallies.items()
        if series.segment is None or segment_identity(series.segment) in kept
    }


def of_kind(kind: type[S], tallies: AnyTallies) -> dict[S, StatisticArrays]:
    """Return the tallies of series alone, or of segments alone."""
    return {series: row for series, row in tallies.items() if isinstance(series, kind)}


def accumulate(row: StatisticArrays, name: str, tally: Tally) -> None:
    """Add one tally to what a row holds for that statistic."""
    # A part of an array would keep the whole of it.
    row[name] = add(row[name], tally) if name in row else tally.copy()


def merge(parts: Iterable[Mapping[S, Mapping[str, Tally]]]) -> dict[S, StatisticArrays]:
    """Return the sum of several tallies as float64: panes of a window, or workers, or pods."""
    total: dict[S, StatisticArrays] = {}
    for part in parts:
        for series, row in part.items():
            merged = total.setdefault(series, {})
            for name, tally in row.items():
                if name in merged and merged[name].shape == tally.shape:
                    merged[name] += tally  # an array of ours alone
                else:
                    merged[name] = add(merged[name], tally) if name in merged else tally.astype(np.float64)
    return total
