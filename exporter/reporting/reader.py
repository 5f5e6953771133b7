"""Reads the records of tables and logs as batches: columns as the sidecar reads Arrow, and lines as it reads a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
import pyarrow as pa

from exporter.assembly.planning import pipeline
from exporter.batch import Batch
from exporter.configuration.loading import LoadedConfig
from exporter.configuration.schemas import schema_of
from exporter.configuration.source_config import SourceConfig
from exporter.decoding.field_rule import FieldRule
from exporter.decoding.pipeline import Pipeline
from exporter.decoding.rows import KeyOf
from exporter.decoding.schema import FEATURES, RECORD_FIELDS, Schema, SchemaError
from exporter.formats.arrow import Arrow
from exporter.formats.arrow.stream import ERRORS
from exporter.lines.buffer import LineBuffer, PendingLines
from exporter.lines.rejects import RejectedError
from exporter.model_key import OTHERS
from exporter.offline import OfflineError
from exporter.offline.columns import STREAM, pending, record_batch
from exporter.offline.tables.data_set import DataSet
from exporter.offline.tables.files import DataFile, FileType
from exporter.offline.tables.json_lines import ObjectTable
from exporter.units import FieldPath

CHUNK_BYTES = 1 << 20
TOP_LEVEL = FieldRule(FieldPath())
# The class of all records of data without predictions.
NO_PREDICTION = "none"


class DataReader:
    """The records of data sets, counted by what became of their rows.

    If the configuration does not say where features lie, they are the other columns of data without a `features`.
    """

    def __init__(self, loaded: LoadedConfig, key_of: KeyOf, now: float) -> None:
        self._loaded = loaded
        self._key_of = key_of
        self._now = now
        self.rows = 0
        self.rejected: Counter[str] = Counter()
        self.unusable: Counter[str] = Counter()
        # Columns that are neither features nor fields.
        self.unknown: dict[str, None] = {}

    @property
    def schema(self) -> Schema:
        """Where the fields of a record lie."""
        return schema_of(self._loaded.models[OTHERS], self._source)

    @property
    def _source(self) -> SourceConfig:
        return next(source for source in self._loaded.config.sources if source.options.scheme == "file")

    def of_files(self, data: DataSet) -> Iterator[Batch]:
        """Yield the records of files; raises OfflineError."""
        for file in data.files:
            if file.type is FileType.JSON_LINES:
                yield from self._of_lines(file, data)
            else:
                yield from self.of_tables((record_batch(table) for table in data.tables(file)), str(file.path))

    def of_tables(self, tables: Iterable[pa.RecordBatch], name: str = "data") -> Iterator[Batch]:
        """Yield the records of record batches of one schema; raises OfflineError."""
        columns: Pipeline | None = None
        for table in map(self._with_prediction, tables):
            if columns is None:
                is_flat = FEATURES not in table.schema.names
                columns = self._columns(is_flat=is_flat)
                self.unknown |= dict.fromkeys(self._unknown(table.schema.names) if is_flat else ())
            try:
                yield from self._read(columns, pending(table, columns))
            except (RejectedError, *ERRORS) as error:
                raise OfflineError(f"{name}: cannot be read: {str(error).splitlines()[0]}") from None

    def _with_prediction(self, table: pa.RecordBatch) -> pa.RecordBatch:
        """Return a table of features alone with a prediction, if the reference has none either."""
        profile = self._loaded.models[OTHERS].profile
        names = {self.schema.paths[name][0] for name in ("prediction", "error_type")}
        if names & {*table.schema.names} or profile is None or profile.prediction:
            return table
        arrays, columns = [*table.columns, pa.array([NO_PREDICTION] * table.num_rows)], table.schema.names
        return pa.RecordBatch.from_arrays(arrays, [*columns, self.schema.paths["prediction"][0]])

    def _unknown(self, names: Iterable[str]) -> list[str]:
        profile = self._loaded.models[OTHERS].profile
        fields = {path[0] for path in self.schema.paths.values() if path}
        known = {*(profile.features if profile else ()), *RECORD_FIELDS, *fields}
        return [name for name in names if name not in known]

    def _of_lines(self, file: DataFile, data: DataSet) -> Iterator[Batch]:
        first = next(iter(data.tables(file, 1)), None)
        is_flat = isinstance(first, ObjectTable) and not any(FEATURES in row for row in first.objects)
        lines = self._pipeline(self._source, is_flat=is_flat)
        buffer = LineBuffer(self._loaded.config.limits.line_bytes, {}, {STREAM.source: lines.framer})
        buffer.open(STREAM, None, b"")
        with file.opened() as (_, stream):
            while block := stream.read(CHUNK_BYTES):
                buffer.feed(STREAM, block)
                yield from self._pending(lines, buffer)
        buffer.close(STREAM)
        yield from self._pending(lines, buffer)

    def _pending(self, lines: Pipeline, buffer: LineBuffer) -> Iterator[Batch]:
        for block in buffer.take().values():
            yield from self._read(lines, block)

    def _read(self, records: Pipeline, pending: PendingLines) -> Iterator[Batch]:
        self.rows += sum(bad.count for bad in pending.rejected)
        self.rejected.update({bad.reason.value: 0 for bad in pending.rejected})
        for bad in pending.rejected:
            self.rejected[bad.reason.value] += bad.count
        for result in records.read(pending, self._now, lambda _: True, self._key_of) if pending.chunks else ():
            self.rows += result.lines
            for bad in result.rejected:
                self.rejected[bad.reason.value] += bad.count
            self.unusable.update(result.unusable)
            if result.batch is not None:
                yield result.batch

    def _columns(self, *, is_flat: bool) -> Pipeline:
        source = self._source
        return self._pipeline(SourceConfig(source.options, (Arrow(),), source.records), is_flat=is_flat)

    def _pipeline(self, source: SourceConfig, *, is_flat: bool) -> Pipeline:
        config, models = self._loaded
        if is_flat and FEATURES not in config.fields:
            fields = config.fields | {FEATURES: TOP_LEVEL}
            config = msgspec.structs.replace(config, fields=fields)
            models = {
                key: model._replace(config=msgspec.structs.replace(model.config, fields=fields))
                for key, model in models.items()
            }
        try:
            return pipeline(config, source, models, reads_actual=True)
        except SchemaError as error:
            raise OfflineError(f"features: {error}") from None
