"""Rolling windows: a window is the last panes of event time, each a fixed slice with its own tallies.

A window's tally is the sum of its panes in view, so the window moves in steps of a pane (usually 1/60), and nothing is
ever subtracted.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats, Ints

PANES = 60
# A window is judged once per so many panes, at most.
PANES_PER_JUDGEMENT = 3
HALF_DAY = 43_200.0


@dataclass(frozen=True, slots=True)
class Window:
    """A rolling window of `seconds`, labelled as the user wrote it ("5m").

    `before` are the labels and seconds of how long ago it is compared with itself. `number` is that of its panes.
    `statistics` are the names of those that it has tallies of; None stands for all.
    """

    label: str
    seconds: float
    before: tuple[tuple[str, float], ...] = ()
    number: int = PANES
    statistics: frozenset[str] | None = None

    @classmethod
    def of_outcomes(cls, seconds: float, statistics: Collection[str]) -> "Window":
        """Return the window of predictions and their outcomes, whose panes are half-days from 0:00 or 12:00 UTC.

        At least the last `seconds` are in view.
        """
        number = math.ceil(seconds / HALF_DAY) + 1
        return cls("outcomes", number * HALF_DAY, number=number, statistics=frozenset(statistics))

    @property
    def pane_seconds(self) -> float:
        return self.seconds / self.number

    def panes(self, time: Floats) -> Ints:
        """Return the number of the pane that each epoch time falls in."""
        return np.floor(time / self.pane_seconds).astype(np.int64)

    def first_in_view(self, now: float) -> int:
        """Return the oldest pane that is in view at epoch time `now`."""
        return int(now // self.pane_seconds) - self.number + 1

    def judgement(self, now: float) -> int:
        """Return the number of the stretch of time in which the window is judged once, at epoch time `now`."""
        return int(now // (self.pane_seconds * PANES_PER_JUDGEMENT))
