"""The whole state at one instant, as one immutable value, which the checkpoint stores.

It contains both tallies and read positions, so that they always belong together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import msgspec

from exporter.batch import Series
from exporter.joins.join import JoinCounts
from exporter.joins.store import StoreStats
from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.lines.waiting_line import WaitingLine
from exporter.model_key import ModelKey, ModelKeys
from exporter.tallies.tally import AnyTallies, base

# By the label of a window, and the number of a pane or of a quarter of the window.
TalliesByWindow = Mapping[str, Mapping[int, AnyTallies]]


class SourceCounts(msgspec.Struct):
    """What a source has delivered since the state began.

    `skipped` lines are those that `where` leaves out; `unusable` counts values of accepted records, by field.
    """

    lines: int = 0
    bytes: int = 0
    records: int = 0
    rejected: dict[str, int] = {}
    last_timestamp: float = 0.0
    gaps: int = 0
    skipped: int = 0
    unusable: dict[str, int] = {}

    def copy(self) -> SourceCounts:
        """Return an independent copy."""
        return msgspec.structs.replace(self, rejected=dict(self.rejected), unusable=dict(self.unusable))


class ModelIdentities(msgspec.Struct, frozen=True):
    """What the tallies of each statistic and segment of a model mean, by name.

    Tallies are kept only while that stays the same: bins with other edges, for example, start at zero.
    """

    statistics: Mapping[str, str] = {}
    segments: Mapping[str, str] = {}


class Identities(msgspec.Struct, frozen=True):
    """What the tallies of each model, and those of each window, mean."""

    models: Mapping[ModelKey, ModelIdentities] = {}
    windows: Mapping[str, str] = {}


class ModelLabels(msgspec.Struct, frozen=True):
    """The admitted names of a model's classes and error types, by label, and the values of its segments."""

    names: Mapping[str, tuple[str, ...]] = {}
    segments: Mapping[str, tuple[str, ...]] = {}


class Snapshot(msgspec.Struct, frozen=True, eq=False):
    """A consistent cut of the state at epoch time `time`.

    A change of a field, or of its type, needs a new version: see state.migrations.

    `unseen` is the part of the totals that no scraper has been shown, not even as 0.

    `windows` has tallies by window and pane, and `history` those that have left a window, by window and quarter.
    `judgements` has the judgements of drift, as arrays, by window and by the statistic that they are of.
    `identities` are those of the plan by which the tallies were made, and `first_model` the name of the model that
    FIRST stands for. `series` are the admitted series, with the time of each one's last record, and `labels` the
    admitted labels by model; `capped` counts the rows whose label was not admitted. `seen_batches` and `seen_requests`
    are digests of keys. `unknown` is the time at which each feature outside the profile was last seen.
    `waiting` has the lines that wait for the other one of their pair, by source, oldest first.

    `join_counts` is None without ground truth; `store_stats` are those at the previous commit. `deltas` has the deltas
    of outlets, by name.
    """

    time: float
    totals: AnyTallies = msgspec.field(default_factory=AnyTallies)
    unseen: AnyTallies = msgspec.field(default_factory=AnyTallies)
    windows: TalliesByWindow = {}
    history: TalliesByWindow = {}
    judgements: Mapping[str, AnyTallies] = {}
    identities: Identities = Identities()
    first_model: str | None = None
    series: Mapping[Series, float] = {}
    labels: Mapping[str, ModelLabels] = {}
    capped: Mapping[str, int] = {}
    sources: Mapping[str, SourceCounts] = {}
    positions: Mapping[Stream, Position] = {}
    waiting: Mapping[str, tuple[WaitingLine, ...]] = {}
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
        windows = _unchanged(self.identities.windows, identities.windows)
        before = ModelKeys(self.identities.models, self.first_model)
        after = ModelKeys(identities.models, self.first_model)

        @cache
        def unchanged(series: Series) -> ModelIdentities:
            was = self.identities.models.get(before.of(series), ModelIdentities())
            now = identities.models[after.of(series)]
            return ModelIdentities(
                {name: now.statistics[name] for name in _unchanged(was.statistics, now.statistics)},
                {name: now.segments[name] for name in _unchanged(was.segments, now.segments)},
            )

        def only(tallies: AnyTallies) -> AnyTallies:
            kept = {series: unchanged(base(series)) for series in tallies}
            return AnyTallies(
                (series, {name: tally for name, tally in arrays.items() if name in kept[series].statistics})
                for series, arrays in tallies.items()
                if series.segment is None or series.segment in kept[series].segments
            )

        def of(by_window: TalliesByWindow) -> TalliesByWindow:
            return {
                label: {number: only(tallies) for number, tallies in by_number.items()}
                for label, by_number in by_window.items()
                if label in windows
            }

        segments = {(series.model_name, name) for series in self.series for name in unchanged(series).segments}
        return msgspec.structs.replace(
            self,
            identities=identities,
            totals=only(self.totals),
            unseen=only(self.unseen),
            windows=of(self.windows),
            history=of(self.history),
            judgements={label: only(of_window) for label, of_window in self.judgements.items() if label in windows},
            labels={
                model: ModelLabels(
                    labels.names,
                    {name: values for name, values in labels.segments.items() if (model, name) in segments},
                )
                for model, labels in self.labels.items()
            },
        )


def _unchanged(before: Mapping[str, str], after: Mapping[str, str]) -> Collection[str]:
    return {name for name, identity in before.items() if after.get(name) == identity}
