"""A block of lines that are decoded together, each with its place in a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from exporter.batch import Floats, Ints
from exporter.decoding.rows import LinePlace, runtime_times
from exporter.lines.buffer import NEWLINE, PendingLines


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines; `ends` are the positions of their line breaks. `place` returns where a line is, by its number.

    `times` are those of a container's runtime, by line; empty without one.
    """

    data: bytes
    ends: Ints
    place: Callable[[int], LinePlace]
    times: Sequence[bytes] = ()

    def __len__(self) -> int:
        return len(self.ends)

    def lines_among(self, numbers: Ints) -> int:
        """Return how many lines have these numbers."""
        return len(numbers)

    def line(self, number: int) -> bytes:
        """Return a line without its newline."""
        return self.data[_start(self.ends, number) : self.ends[number]]

    def times_or(self, now: float, numbers: Sequence[int]) -> float | Floats:
        """Return the runtime's times of lines in epoch seconds, by their numbers; `now` for lines without one."""
        return runtime_times(self.times, now, numbers)

    def split(self, places: Ints, parts: int) -> list[LineBlock]:
        """Return the lines of each part, given the number of each line's part."""
        lines = self.data.split(b"\n")
        numbers = (np.flatnonzero(places == part) for part in range(parts))
        return [self.some([lines[number] for number in chosen.tolist()], chosen) for chosen in numbers]

    def some(self, chosen: Sequence[bytes], numbers: Ints) -> LineBlock:
        """Return some of the lines, which have these numbers."""
        ends = np.cumsum(np.fromiter(map(len, chosen), np.int64, len(chosen)) + 1) - 1
        times = [self.times[number] for number in numbers.tolist()] if self.times else ()
        return LineBlock(b"\n".join((*chosen, b"")), ends, lambda number: self.place(int(numbers[number])), times)


def line_blocks(pending: PendingLines, lines_at_once: int) -> Iterator[LineBlock]:
    """Yield lines in blocks of at most so many."""
    block = pending.block
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == NEWLINE)
    begin, times = 0, pending.times
    for first in range(0, len(ends), lines_at_once):
        some = ends[first : first + lines_at_once] - begin
        end = begin + int(some[-1]) + 1
        place = partial(_place, pending, begin, some)
        yield LineBlock(block[begin:end], some, place, times[first : first + lines_at_once])
        begin = end


def _start(ends: Ints, number: int) -> int:
    """Return where a line starts, given where each ends."""
    return int(ends[number - 1]) + 1 if number else 0


def _place(pending: PendingLines, begin: int, ends: Ints, number: int) -> LinePlace:
    """Return the place of a line of those that start at `begin` of the pending lines."""
    return pending.locate(begin + _start(ends, number))
