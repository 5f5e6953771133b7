"""Grouping: the rows of a batch are numbered by series and by pane of each window, and for a segment also by value."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exporter.batch import Batch, Ints, SegmentSeries, Series
from exporter.encoded import Encoded
from exporter.tallies.tally import AnySeries
from exporter.tallies.windows import Window


@dataclass(frozen=True, slots=True)
class Group:
    """A series or a segment of one, and the number of the pane of each window."""

    series: AnySeries
    panes: tuple[int, ...]


def grouped(batch: Batch, windows: Sequence[Window], now: float) -> tuple[Batch, list[Group]]:
    """Return the batch with its rows numbered, and what each number stands for.

    All panes that are out of view at `now` are one, the pane before the first in view.
    """
    panes = [np.maximum(window.panes(batch.time), window.first_in_view(now) - 1) for window in windows]
    number: Ints = np.zeros(len(batch), np.int64)
    for column in (batch.series.codes, *panes):
        low, high = int(column.min()), int(column.max())
        if low != high:
            # Dense again after each column, so that the product of the spans cannot overflow.
            number = np.unique(number * (high - low + 1) + (column - low), return_inverse=True)[1]
    groups = int(number.max()) + 1
    first = [0] if groups == 1 else np.unique(number, return_index=True)[1]
    keys = [
        Group(batch.series.names[batch.series.codes[row]], tuple(int(column[row]) for column in panes)) for row in first
    ]
    return replace(batch, group=number, groups=groups), keys


def split(batch: Batch, groups: Sequence[Group], segment: str, values: Encoded[str]) -> tuple[Batch, list[Group]]:
    """Return the batch with each of its groups parted by a segment's values (none is absent), and what they are."""
    width = len(values.names)
    number = batch.group * width + values.codes
    used = np.flatnonzero(np.bincount(number, minlength=len(groups) * width))
    dense = np.zeros(len(groups) * width, np.int64)
    dense[used] = np.arange(len(used))
    keys = []
    for whole, code in zip(*(column.tolist() for column in np.divmod(used, width)), strict=True):
        base = groups[whole].series[: len(Series._fields)]
        keys.append(Group(SegmentSeries._make((*base, segment, values.names[code])), groups[whole].panes))
    return replace(batch, group=dense[number], groups=len(used)), keys


def parts(batch: Batch, groups: Sequence[Group], most: int) -> Iterator[tuple[Batch, Sequence[Group]]]:
    """Yield the rows of at most `most` groups at a time, which bounds the tallies of a log that is caught up with."""
    if len(groups) <= most:
        yield batch, groups
        return
    for first in range(0, len(groups), most):
        some = groups[first : first + most]
        part = batch.where((batch.group >= first) & (batch.group < first + most))
        yield replace(part, group=part.group - first, groups=len(some)), some
