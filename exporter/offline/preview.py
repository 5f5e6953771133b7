"""What `check` finds in the first lines of logs: how many would be accepted, why others would not, and near misses."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from exporter.assembly.planning import pipeline
from exporter.configuration.loading import LoadedConfig
from exporter.configuration.schemas import rules_of, where_of
from exporter.configuration.source_config import SourceConfig
from exporter.counted import counted
from exporter.decoding.conditions import value_at
from exporter.decoding.field_rule import FieldRule
from exporter.decoding.mapping import SkippedLineError
from exporter.decoding.rows import json_value
from exporter.formats.format import Format
from exporter.lines.buffer import PendingLines, framed
from exporter.lines.rejects import RejectedError
from exporter.lines.stream import Stream
from exporter.model_key import ModelKeys
from exporter.sources.file.pattern import Pattern
from exporter.sources.file.source import FileOptions
from exporter.units import EACH, FieldPath

# Of each source, and of each of its files.
MOST_FILES = 20
MOST_BYTES = 256 * 1024
MOST_REASONS = 3
MOST_KEYS = 20
# Types of errors that are none.
SUCCESS = {"0", "ok", "success", "successful", "succeeded", "none", "null", "false", "true", "2xx", "completed", "stop"}
HTTP_SUCCESS = range(200, 400)
# Above this share of the records, a success among the errors is a mistake.
MOST_SUCCESS = 0.5


class LogFinding(NamedTuple):
    """What was found at a key of the configuration; `is_mistake` if it cannot be meant."""

    text: str
    is_mistake: bool = False


@dataclass
class _Seen:
    """What the first lines of a source are."""

    lines: int = 0
    records: int = 0
    skipped: int = 0
    waiting: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)
    unusable: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    rows: list[Any] = field(default_factory=list)


def preview(loaded: LoadedConfig, now: float) -> Iterator[LogFinding]:
    """Yield what the first lines of each file say that can be found, at epoch time `now`."""
    config = loaded.config
    for key, sources in (("sources", config.sources), ("ground_truth.sources", config.label_sources)):
        for number, source in enumerate(sources):
            if isinstance(source.options, FileOptions):
                paths = Pattern(source.options.url.path).paths(0.0)[:MOST_FILES]
                if paths and (seen := _seen(loaded, source, paths, now)).lines:
                    yield from _findings(f"{key}[{number}]", loaded, source, seen)


def _seen(loaded: LoadedConfig, source: SourceConfig, paths: Sequence[str], now: float) -> _Seen:
    """Read the first lines of some files."""
    config, models = loaded
    lines = pipeline(config, source, models)
    keys = ModelKeys(models, None)
    seen = _Seen()
    for path in paths:
        stream = Stream(source.name, path)
        for pending in framed(stream, config.limits.line_bytes, _first_lines(path), lines.framer, MOST_BYTES):
            seen.rows += _rows(source.format, pending)
            seen.lines += sum(bad.count for bad in pending.rejected)
            seen.rejected.update({bad.reason: bad.count for bad in pending.rejected})
            for result in lines.read(pending, now, lambda _: True, keys.of) if pending.chunks else ():
                seen.lines += result.lines
                seen.skipped += result.skipped
                seen.waiting += result.waiting
                seen.unusable.update(result.unusable)
                for bad in result.rejected:
                    seen.rejected[bad.reason] += bad.count
                    seen.details.setdefault(bad.reason, bad.detail)
                if result.batch is not None:
                    seen.records += len(result.batch)
                    codes = result.batch.error.codes
                    seen.errors.update(result.batch.error.names[code] for code in codes.tolist() if code >= 0)
    return seen


def _first_lines(path: str) -> bytes:
    """Return the first whole lines of a file; nothing if it cannot be read, or is something else than a file."""
    try:
        if not Path(path).is_file():
            return b""
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES)
    except OSError:
        return b""
    return data if len(data) < MOST_BYTES else data[: data.rfind(b"\n") + 1]


def _rows(of: Format, pending: PendingLines) -> list[Any]:
    """Return the values of lines that can be read."""
    rows = []
    for _, _, line, _ in pending.lines():
        try:
            rows.append((of.parse or json_value)(line)[0])
        except (RejectedError, SkippedLineError):
            continue
    return rows


def _findings(key: str, loaded: LoadedConfig, source: SourceConfig, seen: _Seen) -> Iterator[LogFinding]:
    parts = [counted(seen.records, "record", "records")]
    parts += [f"{seen.skipped} skipped"] if seen.skipped else []
    parts += [f"{seen.waiting} waiting for others"] if seen.waiting else []
    parts += [f"{seen.rejected.total()} rejected"] if seen.rejected else []
    yield LogFinding(f"{key}: {counted(seen.lines, 'line', 'lines')} read: {', '.join(parts)}")
    for reason, count in seen.rejected.most_common(MOST_REASONS):
        detail = seen.details.get(reason)
        yield LogFinding(f"{key}: {count} rejected as {reason}{f': {detail}' if detail else ''}")
    for name, count in seen.unusable.items():
        yield LogFinding(f"{key}: {counted(count, 'value', 'values')} of {name} cannot be used")
    where = where_of(loaded.config, source)
    rows = [row for row in seen.rows if where.matches(row)]
    if rows and not seen.records:
        names = dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row)
        yield LogFinding(f"{key}: the lines have the keys {', '.join(islice(names, MOST_KEYS))}")
    rules = rules_of(loaded.config, source)
    if type(source.format).rows is Format.rows and source not in loaded.config.label_sources:
        yield from _near_misses(key, rows, rules)
    yield from _successes(key, seen, rules)


def _near_misses(key: str, rows: Sequence[Any], rules: Any) -> Iterator[LogFinding]:
    """Yield the paths that no row has, and values that need another setting."""
    for name, rule in rules.items():
        path = rule.path[: rule.path.index(EACH)] if EACH in rule.path else rule.path
        if not rule.decode and path and rows and all(value_at(row, path) is None for row in rows):
            yield LogFinding(f"{key}: fields.{name}: no line has a value at `{rule.path}`")
    rule = rules.get("features") or FieldRule(FieldPath(("features",)))
    if rule.decode or rule.names is not None or EACH in rule.path:
        return
    kinds = {type(value_at(row, rule.path)) for row in rows} - {type(None)}
    if kinds == {str}:
        yield LogFinding(f"{key}: `{rule.path}` is text: {{path: {rule.path}, decode: json}}?")
    elif kinds == {list}:
        lists = [value for row in rows if (value := value_at(row, rule.path))]
        if lists and all(isinstance(item, (dict, list)) for value in lists for item in value):
            yield LogFinding(f"{key}: `{rule.path}` is a list: `{rule.path}[*]`, for one record per item?")
        else:
            yield LogFinding(f"{key}: `{rule.path}` is a list: {{path: {rule.path}, names: [...]}}?")


def _successes(key: str, seen: _Seen, rules: Any) -> Iterator[LogFinding]:
    """Yield that most records are errors of a type that is none, if so."""
    rule = rules.get("error_type")
    for name, count in seen.errors.items():
        if _is_success(name) and count > MOST_SUCCESS * seen.records:
            path = rule.path if rule else FieldPath(("error_type",))
            condition = "from: 400" if name.isdecimal() else "when: ..."
            text = f"`{path}` is {name} in {count} of {seen.records} records, which would all count as errors"
            yield LogFinding(f"{key}: fields.error_type: {text}; write {{path: {path}, {condition}}}", is_mistake=True)


def _is_success(name: str) -> bool:
    return name.lower() in SUCCESS or (name.isdecimal() and int(name) in HTTP_SUCCESS)
