"""The exporter's own state: its sources and its checkpoint."""

import math
from dataclasses import dataclass, field

import msgspec
from prometheus_client import Counter, Gauge

from exporter.state.snapshot import Snapshot
from exporter.telemetry import Telemetry


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A source. Lines, records, rejected lines, gaps and the last record's time are those since the state began.

    The others are those of this process, and null where they do not apply.
    """

    name: str
    lines: int
    records: int
    refused: dict[str, int]
    last_record_time: float
    lag_bytes: float
    lag_seconds: float
    open_connections: float
    failing_files: int
    gaps: int


class CheckpointStatus(msgspec.Struct, frozen=True, kw_only=True):
    """When the state was committed, and where to; `state_dir` is null if it is only kept in memory.

    `problem` says why the state cannot be saved now; the document then shows the last saved state.
    """

    time: float
    bytes: int
    state_dir: str | None
    problem: str | None


@dataclass(frozen=True)
class Operation:
    """What a snapshot does not contain: where it is saved, why it cannot be saved now, and this process's metrics."""

    state_dir: str | None = None
    problem: str | None = None
    telemetry: Telemetry = field(default_factory=Telemetry)

    def sources(self, snapshot: Snapshot) -> list[SourceStatus]:
        """Return the sources, sorted by name."""
        return [
            SourceStatus(
                name=name,
                lines=counts.lines,
                records=counts.records,
                refused=dict(sorted(counts.rejected.items(), key=lambda item: -item[1])),
                last_record_time=counts.last_timestamp or math.nan,
                lag_bytes=_value(self.telemetry.lag_bytes, name),
                lag_seconds=_value(self.telemetry.lag_seconds, name),
                open_connections=_value(self.telemetry.open_connections, name),
                failing_files=_count(self.telemetry.failing_files, name),
                gaps=counts.gaps,
            )
            for name, counts in sorted(snapshot.sources.items())
        ]

    def checkpoint(self, snapshot: Snapshot) -> CheckpointStatus:
        """Return where and when the snapshot was saved."""
        return CheckpointStatus(
            time=snapshot.time,
            bytes=_count(self.telemetry.checkpoint_bytes),
            state_dir=self.state_dir,
            problem=self.problem,
        )


def _value(metric: Counter | Gauge, source: str | None = None) -> float:
    """Return the value of a metric, or of its series of one source; NaN if there is none."""
    values = [
        sample.value
        for family in metric.collect()
        for sample in family.samples
        if source is None or sample.labels["source"] == source
    ]
    return sum(values) if values else math.nan


def _count(metric: Counter | Gauge, source: str | None = None) -> int:
    value = _value(metric, source)
    return 0 if math.isnan(value) else int(value)
