"""Logs that are read as the sidecar reads them: by the format, `where` and `fields` of a source."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from exporter.configuration.loading import LoadedConfig
from exporter.configuration.schemas import needs_mapping, rules_of, schema_of, where_of
from exporter.configuration.source_config import SourceConfig
from exporter.counted import counted
from exporter.decoding import columns
from exporter.decoding.conversions import number_of
from exporter.decoding.rows import Rows
from exporter.decoding.salvage import Reading, field_value, required_value, unwrapped
from exporter.decoding.schema import ATTRIBUTIONS, FEATURES, Schema
from exporter.formats.json_lines import JsonLines
from exporter.lines.buffer import BadLine
from exporter.lines.rejects import RejectedError
from exporter.model_key import OTHERS
from exporter.offline.first_records import first_lines
from exporter.offline.log_reader import LogReader
from exporter.offline.tables.csv_file import CODE
from exporter.offline.tables.files import DataFile, FileType
from exporter.offline.tables.json_lines import ObjectTable
from exporter.sources.file.pattern import Pattern
from exporter.sources.file.source import FileOptions

READ_BYTES = 1 << 20
# Such texts are names, although they consist of digits.
NAME = re.compile(CODE)
# The records have each field under its own name.
RECORDS = Schema({FEATURES: (FEATURES,)})


@dataclass
class TakenLines:
    """What was read of a file: its records, skipped and rejected lines, and the fields of the records."""

    lines: int = 0
    records: int = 0
    skipped: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    fields: dict[str, None] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [counted(self.records, "record", "records")]
        parts += [f"{self.skipped:,} skipped"] if self.skipped else []
        parts += [f"{count:,} rejected as {reason}" for reason, count in self.rejected.most_common()]
        fields = f"; fields: {', '.join(self.fields)}" if self.fields else ""
        return f"{counted(self.lines, 'line', 'lines')} read: {', '.join(parts)}{fields}"


class ConfiguredLogs:
    """Reads the logs among files as their sources do; at epoch time `now`."""

    def __init__(self, loaded: LoadedConfig, now: float) -> None:
        self._loaded = loaded
        self._now = now
        self._sources: dict[Path, SourceConfig | None] = {}
        self._taken: dict[str, TakenLines] = {}

    def tables(self, file: DataFile, rows: int) -> Iterator[tuple[ObjectTable, int]] | None:
        """Return the tables of the records of a file, each with the number of bytes read so far; None if it is plain.

        Raises OfflineError.
        """
        source = self.source_of(file)
        return self._tables(file, source, rows) if source else None

    def source_of(self, file: DataFile) -> SourceConfig | None:
        """Return the source that says how a file is read; None if it is a table, or plain."""
        if file.path not in self._sources:
            self._sources[file.path] = self._found_source(file)
        return self._sources[file.path]

    def _found_source(self, file: DataFile) -> SourceConfig | None:
        sources = [source for source in self._loaded.config.sources if isinstance(source.options, FileOptions)]
        own = next((each for each in sources if _reads(each, file)), None)
        if own and (self._is_special(own) or self._has_features(file, own)):
            return own
        source = next(iter(sources or self._loaded.config.sources)) if file.type is FileType.JSON_LINES else None
        return source if source and self._is_special(source) else None

    def summary(self) -> list[str]:
        """Return a line for each file, about what was taken."""
        return [f"{path}: {taken}" for path, taken in self._taken.items()]

    def _is_special(self, source: SourceConfig) -> bool:
        config = self._loaded.config
        is_plain = source.formats == (JsonLines(),) and not where_of(config, source)
        has_classes = any(rule.classes for rule in rules_of(config, source).values())
        return not is_plain or has_classes or needs_mapping(config, source)

    def _has_features(self, file: DataFile, source: SourceConfig) -> bool:
        """Return whether records have an object of features. Otherwise all columns are features, as in a table."""
        reader, found = LogReader(self._loaded, source, self._now), False
        for lines in reader.lines(str(file.path), [] if file.is_gzipped else [first_lines(file.path)]):
            found = found or any(row.get(FEATURES) is not None for rows in reader.rows(lines) for row in rows.objects)
        return found

    def _tables(self, file: DataFile, source: SourceConfig, rows: int) -> Iterator[tuple[ObjectTable, int]]:
        reader, taken = LogReader(self._loaded, source, self._now), TakenLines()
        named = _Named(self._loaded, source)
        self._taken[str(file.path)] = taken
        pending: list[dict[str, Any]] = []
        with file.opened() as (raw, stream):
            for lines in reader.lines(str(file.path), _blocks(stream, None if file.is_gzipped else file.size)):
                taken.lines += lines.count
                _reject(taken, lines.rejected)
                for part in reader.rows(lines):
                    pending += named.records(part, taken)
                while len(pending) >= rows:
                    yield _table(file, pending[:rows]), raw.tell()
                    pending = pending[rows:]
            if pending:
                yield _table(file, pending), raw.tell()


def read_by(loaded: LoadedConfig, now: float, positive_class: str | None) -> dict[str, Any]:
    """Return the options of a profile that follow from a configuration: `schema`, `logs` and `positive_class`."""
    model, sources = loaded.models[OTHERS], loaded.config.sources
    source = next((each for each in sources if isinstance(each.options, FileOptions)), sources[0])
    # Tables have columns at paths of keys.
    plain = {name: rule for name, rule in rules_of(loaded.config, source).items() if rule.is_plain}
    found = schema_of(model, source)
    schema = replace(found, fields={name: rule.path.keys or () for name, rule in plain.items()})
    logs = ConfiguredLogs(loaded, now)
    return {"schema": schema, "logs": logs, "positive_class": positive_class or found.positive_class}


class _Named:
    """Makes the values of records those that the sidecar reads: numbers of text, scores by class, and predictions."""

    def __init__(self, loaded: LoadedConfig, source: SourceConfig) -> None:
        schema = next(schema_of(model, source) for model in loaded.models.values())
        self._reading = Reading(schema.zone, schema.score_classes)
        self._classes = schema.positive_class, schema.negative_class

    def records(self, rows: Rows, taken: TakenLines) -> list[dict[str, Any]]:
        """Return the records of rows, and note what was taken."""
        taken.skipped += rows.skipped
        _reject(taken, rows.rejected)
        records = []
        for place, row in enumerate(rows.objects):
            try:
                records.append(self._record(row))
            except RejectedError as error:
                _reject(taken, [BadLine(*rows.place(place), error.reason, str(error))])
        predictions, scores = columns.predictions(
            tuple(record.get("prediction") for record in records),
            tuple(record.get("probability") for record in records),
            *self._classes,
        )
        kept = []
        for record, prediction, score in zip(records, predictions, scores, strict=True):
            record |= {"prediction": prediction, "probability": score}
            if prediction is None and not record.get("error_type"):
                taken.rejected["missing_field"] += 1
            else:
                kept.append({name: value for name, value in record.items() if value is not None})
                taken.fields |= dict.fromkeys(kept[-1])
        taken.records += len(kept)
        return kept

    def _record(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a record with values that can be used; raises RejectedError."""
        record: dict[str, Any] = {}
        for name, value in row.items():
            if value is None:
                continue
            if name in (FEATURES, ATTRIBUTIONS):
                if isinstance(value, dict):
                    record[name] = {inner: _number(unwrapped(item)) for inner, item in value.items()}
            elif name in ("prediction", "actual"):
                record[name] = _number(required_value("prediction", value, self._reading))
            elif name in ("model_name", "model_version"):
                record[name] = required_value(name, value, self._reading)
            else:
                record[name] = field_value(name, value, self._reading)
        return record


def _number(value: Any) -> Any:
    """Return the number that a text is; any other value as it is."""
    if not isinstance(value, str) or NAME.match(value.strip()):
        return value
    number = number_of(value)
    return value if number is None else number


def _reads(source: SourceConfig, file: DataFile) -> bool:
    """Return whether a file is one of those that a source of files reads."""
    real = os.path.realpath(file.path)
    paths = Pattern(source.options.url.path).paths(0.0) if isinstance(source.options, FileOptions) else []
    return any(os.path.realpath(path) == real for path in paths)


def _blocks(stream: Any, size: int | None) -> Iterator[bytes]:
    """Yield the content of a file, which may grow meanwhile, up to a size."""
    while block := stream.read(READ_BYTES if size is None else min(READ_BYTES, size)):
        yield block
        size = None if size is None else size - len(block)
        if size == 0:
            return


def _table(file: DataFile, records: list[dict[str, Any]]) -> ObjectTable:
    return ObjectTable(str(file.path), range(1, len(records) + 1), records)


def _reject(taken: TakenLines, rejected: Iterable[BadLine]) -> None:
    for bad in rejected:
        taken.rejected[bad.reason] += bad.count
