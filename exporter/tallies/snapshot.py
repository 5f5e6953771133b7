"""All the engine knows at one instant: tallies, admitted labels, counts about itself, and read positions.

State and positions are one value, so that what is saved of the one always fits the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from exporter.batch import Series
from exporter.joins.join import Changes, JoinCounts, Waited
from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.tallies.tally import AnyTallies

NOTHING_JOINED = JoinCounts()
NOTHING_WAITED = Waited()


class SourceCounts(msgspec.Struct):
    """What a source has brought, since the state began."""

    lines: int = 0
    bytes: int = 0
    records: int = 0
    rejected: dict[str, int] = {}
    last_timestamp: float = 0.0

    def copy(self) -> SourceCounts:
        """Return the same, to be changed apart from this."""
        return msgspec.structs.replace(self, rejected=dict(self.rejected))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A consistent cut; `time` is when it was taken.

    `windows` holds tallies by window label and pane, `history` what has rolled out by window label and quarter.

    `unknown` says when each feature was last seen that the profile does not know. `segment_values` are the values
    admitted for each segment. `joins` are the changes that the store of what waits to be joined is to be told of, and
    `join_counts` and `waited` count what became of truths; `waited` is as of the last commit.
    """

    time: float
    totals: AnyTallies = field(default_factory=dict)
    windows: Mapping[str, Mapping[int, AnyTallies]] = field(default_factory=dict)
    history: Mapping[str, Mapping[int, AnyTallies]] = field(default_factory=dict)
    series: tuple[Series, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sources: Mapping[str, SourceCounts] = field(default_factory=dict)
    capped: Mapping[str, int] = field(default_factory=dict)
    positions: Mapping[Stream, Position] = field(default_factory=dict)
    batches: tuple[bytes, ...] = ()
    request_ids: bytes = b""
    unknown: Mapping[Series, Mapping[str, float]] = field(default_factory=dict)
    segment_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    joins: Changes | None = None
    join_counts: JoinCounts = NOTHING_JOINED
    waited: Waited = NOTHING_WAITED
