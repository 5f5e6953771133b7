"""Arrow IPC streams to test with, written by pyarrow as a client would; and an engine that reads them."""

import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from exporter.batch import Batch
from exporter.decoding.checks import Checks
from exporter.engine.engine import Engine
from exporter.engine.plan import Limits, ModelPlan, Plan, SegmentDimension
from exporter.formats.arrow.decode import ArrowDecoder, arrow_framer
from exporter.lines.buffer import BadLine, PendingLines
from exporter.model_key import OTHERS
from exporter.reference.profile import Profile
from tests.records import (
    CHOSEN,
    DEFAULT,
    FUTURE_SECONDS,
    NOW,
    PAST_SECONDS,
    PROFILE,
    SEGMENTED,
    SOURCE,
    STREAM,
    WINDOWS,
    frame_whole,
    pipeline,
    schema,
)

INT64 = 2**63


def arrow_decoder(
    profile: Profile | None = PROFILE,
    fields: Mapping[str, tuple[str, ...]] | None = None,
    segments: Sequence[SegmentDimension] = (),
    classes: tuple[str, ...] | None = None,
    amounts: Mapping[str, tuple[str, ...]] | None = None,
) -> ArrowDecoder:
    read = schema(profile, fields, segments=segments, classes=classes, amounts=amounts)
    return ArrowDecoder(read, DEFAULT, Checks(PAST_SECONDS, FUTURE_SECONDS))


def arrow_engine(
    report: Callable[[BadLine], None] = lambda _: None,
    models: int = 20,
    labels: int = 100,
    segments: Sequence[SegmentDimension] = (),
) -> Engine:
    """Return an engine whose source sends Arrow."""
    return Engine(arrow_plan(arrow_decoder(segments=segments), models, labels, segments), None, report)


def arrow_plan(
    decoder: ArrowDecoder, models: int = 20, labels: int = 100, segments: Sequence[SegmentDimension] = ()
) -> Plan:
    limits = Limits(line_bytes=4096, models=models, prediction_classes=labels, error_types=labels)
    return Plan(
        {OTHERS: ModelPlan(CHOSEN.statistics, segments=segments, segmented=SEGMENTED.segmented)},
        WINDOWS,
        {SOURCE: pipeline(decoder, arrow_framer([decoder]))},
        limits,
    )


def stream(*batches: pa.RecordBatch | pa.Table, options: pa.ipc.IpcWriteOptions | None = None) -> bytes:
    """Write batches of one schema as a stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write(batch)
    return sink.getvalue()


def batch(records: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Make a batch of records whose types pyarrow finds out."""
    names = dict.fromkeys(name for record in records for name in record)
    values = {name: [_arrow(record.get(name)) for record in records] for name in names}
    if not values:
        return pa.RecordBatch.from_pydict({"unknown": pa.nulls(len(records))})
    return pa.RecordBatch.from_pydict({name: pa.array(column) for name, column in values.items()})


def each(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Write each record as a stream of its own, since a column is of one type."""
    return b"".join(stream(batch([record])) for record in records)


def read(data: bytes, decoder: ArrowDecoder | None = None) -> tuple[list[Batch], dict[str, int], PendingLines]:
    """Return a stream's batches, its number of rejected rows by reason, and the pending lines."""
    decoder = decoder or arrow_decoder()
    pending = frame_whole(STREAM, 4096, data, arrow_framer([decoder]))
    readings = list(decoder.read(pending, NOW))
    refused: dict[str, int] = {}
    for bad in [*pending.rejected, *(bad for reading in readings for bad in reading.rejected)]:
        refused[bad.reason] = refused.get(bad.reason, 0) + bad.count
    return [reading.batch for reading in readings if reading.batch is not None], refused, pending


def _arrow(value: Any) -> Any:
    """Convert integers beyond int64 to decimals, and lists that are not all numbers to lists of text."""
    if isinstance(value, dict):
        return {name: _arrow(inner) for name, inner in value.items()}
    if isinstance(value, list):
        is_vector = all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in value)
        return [_float(item) for item in value] if is_vector else list(map(str, value))
    return Decimal(value) if isinstance(value, int) and abs(value) >= INT64 else value


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
