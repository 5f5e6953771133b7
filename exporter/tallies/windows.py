"""Rolling windows: a window is the last PANES panes of event time, each a fixed slice with its own tallies.

A window's tally is the sum of its panes in view, so the window moves in steps of a pane (1/60), and nothing is ever
subtracted.
"""

from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats, Ints

PANES = 60
# A window is judged once per so many panes, at most.
PANES_PER_JUDGEMENT = 3


@dataclass(frozen=True, slots=True)
class Window:
    """A rolling window of `seconds`, labelled as the user wrote it ("5m").

    `before` are the labels and seconds of how long ago it is compared with itself.
    """

    label: str
    seconds: float
    before: tuple[tuple[str, float], ...] = ()

    def panes(self, time: Floats) -> Ints:
        """Return the number of the pane that each epoch time falls in."""
        return np.floor(time / (self.seconds / PANES)).astype(np.int64)

    def first_in_view(self, now: float) -> int:
        """Return the oldest pane that is in view at epoch time `now`."""
        return int(now // (self.seconds / PANES)) - PANES + 1

    def judgement(self, now: float) -> int:
        """Return the number of the stretch of time in which the window is judged once, at epoch time `now`."""
        return int(now // (self.seconds / PANES * PANES_PER_JUDGEMENT))
