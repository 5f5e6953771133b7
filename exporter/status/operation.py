"""How the sidecar itself does: its sources and its checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client import Metric

from exporter.state.snapshot import Snapshot
from exporter.status.document import Checkpoint, Source
from exporter.status.figures import NAN

PREFIX = "prediction_exporter_"


@dataclass(frozen=True)
class Operation:
    """What a snapshot does not know: where it is saved, why it cannot be now, and what the process says of itself."""

    state_dir: str | None = None
    problem: str | None = None
    process: Iterable[Metric] = field(default=())

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of what a metric says; NaN where it says nothing."""
        values = [
            sample.value
            for metric in self.process
            for sample in metric.samples
            if sample.name == PREFIX + name and labels.items() <= sample.labels.items()
        ]
        return sum(values) if values else NAN


def sources(snapshot: Snapshot, operation: Operation) -> list[Source]:
    """Return the sources in the order of their names."""

    def value(name: str, source: str) -> float:
        return operation.value(name, source=source)

    return [
        Source(
            name=name,
            lines=counts.lines,
            records=counts.records,
            refused=dict(sorted(counts.rejected.items(), key=lambda item: -item[1])),
            last_record_time=counts.last_timestamp or NAN,
            lag_bytes=value("source_lag_bytes", name),
            lag_seconds=value("source_lag_seconds", name),
            open_connections=value("source_open_connections", name),
            failing_files=_count(value("source_failing_files", name)),
            gaps=_count(value("source_gaps_total", name)),
        )
        for name, counts in sorted(snapshot.sources.items())
    ]


def checkpoint(snapshot: Snapshot, operation: Operation) -> Checkpoint:
    """Return where and when the snapshot was saved."""
    return Checkpoint(
        time=snapshot.time,
        bytes=_count(operation.value("checkpoint_bytes")),
        state_dir=operation.state_dir,
        problem=operation.problem,
    )


def _count(value: float) -> int:
    return 0 if math.isnan(value) else int(value)
