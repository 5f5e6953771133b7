"""What tallies mean: pure functions of counts, one file for one of them, and the gauges they are told in.

Nothing here keeps anything. What windows hold is counted by `stats`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from exporter.families import Family
from exporter.tally import Tallies


class Derived(Protocol):
    """What rolling tallies mean: a gauge a window."""

    def collect(self, windows: Mapping[str, Tallies]) -> Iterator[Family]:
        """Return metric families; `windows` holds the tallies of each window by its label."""
        ...
