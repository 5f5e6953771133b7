"""The whole state at one instant, as one immutable value, which the checkpoint stores.

It contains both tallies and read positions, so that they always belong together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from exporter.batch import Series
from exporter.joins.join import JoinCounts
from exporter.joins.store import StoreStats
from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.tallies.tally import AnyTallies, only

# By the label of a window, and the number of a pane or of a quarter of the window.
TalliesByWindow = Mapping[str, Mapping[int, AnyTallies]]


class SourceCounts(msgspec.Struct):
    """What a source has delivered since the state began."""

    lines: int = 0
    bytes: int = 0
    records: int = 0
    rejected: dict[str, int] = {}
    last_timestamp: float = 0.0
    gaps: int = 0

    def copy(self) -> SourceCounts:
        """Return an independent copy."""
        return msgspec.structs.replace(self, rejected=dict(self.rejected))


class Identities(msgspec.Struct, frozen=True):
    """What the tallies of each statistic, segment and window mean, by name.

    Tallies are kept only while that stays the same: bins with other edges, for example, start at zero.
    """

    statistics: Mapping[str, str] = {}
    segments: Mapping[str, str] = {}
    windows: Mapping[str, str] = {}


class Snapshot(msgspec.Struct, frozen=True, eq=False):
    """A consistent cut of the state at epoch time `time`.

    A change of a field, or of its type, needs a new version: see state.migrations.

    `windows` has tallies by window and pane, and `history` those that have left a window, by window and quarter.
    `identities` are those of the plan by which the tallies were made. `series`, `names` and `segment_values` are the
    admitted labels, and `capped` counts the rows whose label was not admitted. `seen_batches` and `seen_requests` are
    digests of keys. `unknown` is the time at which each feature outside the profile was last seen.

    `join_counts` is None without ground truth; `store_stats` are those at the previous commit. `deltas` has the deltas
    of outlets, by name.
    """

    time: float
    totals: AnyTallies = msgspec.field(default_factory=AnyTallies)
    windows: TalliesByWindow = {}
    history: TalliesByWindow = {}
    identities: Identities = Identities()
    series: tuple[Series, ...] = ()
    names: Mapping[str, tuple[str, ...]] = {}
    segment_values: Mapping[str, tuple[str, ...]] = {}
    capped: Mapping[str, int] = {}
    sources: Mapping[str, SourceCounts] = {}
    positions: Mapping[Stream, Position] = {}
    seen_batches: bytes = b""
    seen_requests: bytes = b""
    unknown: Mapping[Series, Mapping[str, float]] = {}
    join_counts: JoinCounts | None = None
    store_stats: StoreStats = StoreStats()
    deltas: Mapping[str, Any] = {}

    def kept(self, identities: Identities) -> Snapshot:
        """Return the snapshot without tallies that have another meaning by `identities`, for a restart or a reload."""
        if self.identities == identities:
            return self
        statistics = _unchanged(self.identities.statistics, identities.statistics)
        segments = _unchanged(self.identities.segments, identities.segments)
        windows = _unchanged(self.identities.windows, identities.windows)

        def of(by_window: TalliesByWindow) -> TalliesByWindow:
            return {
                label: {number: only(statistics, segments, tallies) for number, tallies in by_number.items()}
                for label, by_number in by_window.items()
                if label in windows
            }

        return msgspec.structs.replace(
            self,
            identities=identities,
            totals=only(statistics, segments, self.totals),
            windows=of(self.windows),
            history=of(self.history),
            segment_values={name: values for name, values in self.segment_values.items() if name in segments},
        )


def _unchanged(before: Mapping[str, str], after: Mapping[str, str]) -> Collection[str]:
    return {name for name, identity in before.items() if after.get(name) == identity}
