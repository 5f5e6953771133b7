"""Reads the lines of a log as the sidecar would: by the format, `where` and `fields` of its source."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from exporter.assembly.planning import pipeline
from exporter.configuration.loading import LoadedConfig
from exporter.configuration.schemas import pair_of, rules_of, schema_of, where_of
from exporter.configuration.source_config import SourceConfig
from exporter.decoding.conditions import value_at
from exporter.decoding.decode import DecodeResult
from exporter.decoding.field_rule import FieldRule
from exporter.decoding.mapping import MappedRows, RecordMapping, SkippedLineError
from exporter.decoding.pairs import merged
from exporter.decoding.rows import KeyOf, Rows, json_value
from exporter.decoding.schema import ATTRIBUTIONS, DEFAULT_FIELDS
from exporter.formats.format import Format
from exporter.lines.buffer import LineBuffer, PendingLines
from exporter.lines.rejects import RejectedError
from exporter.lines.stream import Stream
from exporter.model_key import OTHERS, ModelKeys
from exporter.units import FieldPath

BLOCK_ROWS = 8192


class LogReader:
    """Reads logs of one source; lines arrive at epoch time `now`.

    `key_of` finds the settings that are for a series, by default those of a sidecar that has seen no model.
    """

    def __init__(self, loaded: LoadedConfig, source: SourceConfig, now: float, key_of: KeyOf | None = None) -> None:
        config, models = loaded
        self._source = source
        self._pipeline = pipeline(config, source, models)
        self._line_bytes = config.limits.line_bytes
        self._now = now
        self._key_of = key_of or ModelKeys(models).of
        # The paths of a record's fields are those of every model.
        reads = (*DEFAULT_FIELDS, "request_id", "actual", ATTRIBUTIONS)
        rules = rules_of(config, source)
        schema = replace(schema_of(models[OTHERS], source), fields={name: (name,) for name in rules}, reads=reads)
        self._fields = {name: rules.get(name) or FieldRule(FieldPath((name,))) for name in schema.paths}
        mapping = RecordMapping(self._fields, path_fields=source.records.path_fields, pair=pair_of(source))
        self._mapped = MappedRows(mapping, where_of(config, source), source.format.parse or json_value)

    @property
    def reads_lines(self) -> bool:
        """Whether each line is a row, in which fields lie at paths."""
        return type(self._source.format).rows is Format.rows

    def waiting(self) -> int:
        """Return how many lines wait for others that were not read, and forget them."""
        return len(self._pipeline.waiting) + self._pipeline.release()

    def lines(self, path: str, blocks: Iterable[bytes]) -> Iterator[PendingLines]:
        """Yield the lines of a whole file."""
        stream = Stream(self._source.name, path)
        buffer = LineBuffer(self._line_bytes, {}, {stream.source: self._pipeline.framer})
        buffer.open(stream, None, b"")
        for block in blocks:
            buffer.feed(stream, block)
            yield from buffer.take().values()
        buffer.close(stream)
        yield from buffer.take().values()

    def results(self, pending: PendingLines) -> Iterator[DecodeResult]:
        """Decode lines."""
        if pending.chunks:
            yield from self._pipeline.read(pending, self._now, lambda _: True, self._key_of)

    def values(self, pending: PendingLines) -> list[Any]:
        """Return the values of the lines that can be read with the fields of the path, skipped ones included."""
        parse, groups = self._source.format.parse or json_value, self._source.records.path_fields
        values: list[Any] = []
        for stream, _, line, _ in pending.lines():
            try:
                value = parse(line)[0]
            except (RejectedError, SkippedLineError):
                continue
            match = groups.pattern.search(stream.path) if groups else None
            values.append(groups.groups(match) | value if groups and match and isinstance(value, dict) else value)
        return self._paired(values) if pair_of(self._source) else values

    def _paired(self, rows: list[Any]) -> list[Any]:
        """Return the rows of pairs, and those that are no part of one."""
        waiting: dict[tuple[str, bool], Any] = {}
        paired = []
        for row in rows:
            try:
                key, is_response = self._mapped.identified(row)
            except RejectedError:
                paired.append(row)
                continue
            other = waiting.pop((key, not is_response), None)
            if other is None:
                waiting[key, is_response] = row
            else:
                paired.append(merged(other, row) if is_response else merged(row, other))
        return [*paired, *waiting.values()]

    def rows(self, pending: PendingLines) -> Iterator[Rows]:
        """Yield the records of lines: objects that have each field under its own name."""
        reader = self._mapped if self.reads_lines else self._pipeline.rows or self._mapped
        for rows in reader.read(pending, self._now, lambda _: True, self._key_of, BLOCK_ROWS):
            if reader is not self._mapped:
                rows.objects = [self._named(row) for row in rows.objects]
            yield rows

    def _named(self, row: Any) -> dict[str, Any]:
        """Return the fields of a row that a format has made, by name."""
        return {name: value for name, rule in self._fields.items() if (value := value_at(row, rule.path)) is not None}
