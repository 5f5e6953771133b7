"""What `check` finds in the first lines of logs: how many would be accepted, why others would not, and near misses."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from exporter.assembly import planning
from exporter.configuration.loading import LoadedConfig
from exporter.configuration.schemas import rules_of, where_of
from exporter.configuration.source_config import SourceConfig
from exporter.counted import counted, shortened
from exporter.decoding.conditions import value_at
from exporter.decoding.field_rule import FieldRule
from exporter.decoding.schema import ATTRIBUTIONS, FEATURES
from exporter.formats.format import Format
from exporter.offline.evaluation.evaluate import archived
from exporter.offline.evaluation.join import OfflineJoin
from exporter.offline.first_records import FirstRecords, files_of, first_records
from exporter.units import EACH, FieldPath

MOST_REASONS = 3
MOST_KEYS = 20
# Of the objects in a row, whose paths are named.
MOST_DEPTH = 6
MOST_PATHS = 1000
# Rows whose paths are compared with a wrong one.
FEW_ROWS = 20
# Types of errors that are none.
SUCCESS = {"0", "ok", "success", "successful", "succeeded", "none", "null", "false", "true", "2xx", "completed", "stop"}
HTTP_SUCCESS = range(200, 400)
# Above this share of the records, a success among the errors is a mistake.
MOST_SUCCESS = 0.5


class LogFinding(NamedTuple):
    """What was found at a key of the configuration; `is_mistake` if it cannot be meant."""

    text: str
    is_mistake: bool = False


def findings(loaded: LoadedConfig, now: float) -> Iterator[LogFinding]:
    """Yield what the first lines of each file say that can be found, at epoch time `now`, and what they contradict."""
    of_archive = archived(loaded)
    plan, collector = planning.plan(*of_archive)
    join = OfflineJoin(plan, now, "last")
    # Records that `run` would reject as too old are rejected here too.
    config = msgspec.structs.replace(of_archive.config, limits=loaded.config.limits)
    for key, sources in (("sources", loaded.config.sources), ("ground_truth.sources", loaded.config.label_sources)):
        for number, source in enumerate(sources):
            seen = first_records(of_archive._replace(config=config), source, files_of(source), now, join.key_of)
            if seen.lines:
                yield from _findings(f"{key}[{number}]", loaded, source, seen)
            for batch in seen.batches if source in loaded.config.sources else ():
                join.add_predictions(batch, -math.inf, math.inf)
    for series, notes in collector.contradictions(join.snapshot()).items():
        yield from (LogFinding(f"note: log of {' '.join(series)}: {note}") for note in notes)


def _findings(key: str, loaded: LoadedConfig, source: SourceConfig, seen: FirstRecords) -> Iterator[LogFinding]:
    parts = [counted(seen.accepted, "record", "records")]
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
    rows = [row for row in seen.values if where.matches(row)]
    if fields := _fields(seen.records):
        yield LogFinding(f"{key}: fields: {', '.join(fields)}")
    if not seen.accepted and (values := rows or seen.values):
        names = dict.fromkeys(name for row in values if isinstance(row, dict) for name in row)
        yield LogFinding(f"{key}: the lines have the keys {', '.join(islice(names, MOST_KEYS))}")
    for path, _ in where if seen.values and not rows else ():
        if _is_absent(path, seen.values):
            yield LogFinding(f"{key}: where: no line has a value at `{path}`{_nearest(path, seen.values)}")
    rules = rules_of(loaded.config, source)
    if type(source.format).rows is Format.rows and source not in loaded.config.label_sources:
        yield from _near_misses(key, rows, rules)
    yield from _successes(key, seen, rules)


def _fields(records: Sequence[Any]) -> list[str]:
    """Return the fields that records have, features and attributions with their names."""
    found = dict.fromkeys(name for record in records for name, value in record.items() if value is not None)
    spelt = []
    for name in found:
        if name in (FEATURES, ATTRIBUTIONS):
            objects = [value for record in records if isinstance(value := record.get(name), dict)]
            names = [*dict.fromkeys(inner for value in objects for inner in value)]
            spelt += [f"{name} ({shortened(names, MOST_KEYS)})"] if names else []
        else:
            spelt.append(name)
    return spelt


def _near_misses(key: str, rows: Sequence[Any], rules: Mapping[str, FieldRule]) -> Iterator[LogFinding]:
    """Yield the paths that no row has, and values that need another setting."""
    for name, rule in rules.items():
        path = rule.path[: rule.path.index(EACH)] if EACH in rule.path else rule.path
        if not rule.decode and path and rows and _is_absent(path, rows):
            similar = _nearest(path, rows)
            yield LogFinding(f"{key}: fields.{name}: no line has a value at `{rule.path}`{similar}")
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


def _is_absent(path: Sequence[Any], rows: Sequence[Any]) -> bool:
    return all(value_at(row, path) is None for row in rows)


def _nearest(path: FieldPath | Sequence[Any], rows: Sequence[Any]) -> str:
    """Return "; did you mean ...?" if rows have a similar path."""
    known = {str(FieldPath(found)) for row in rows[:FEW_ROWS] for found in islice(_paths(row), MOST_PATHS)}
    wanted = str(FieldPath(path))
    # A key that lies elsewhere is more likely than a similar one.
    elsewhere = sorted(name for name in known if name.endswith(f".{path[-1]}"))
    if elsewhere:
        return f"; did you mean `{elsewhere[0]}`?"
    close = difflib.get_close_matches(wanted, sorted(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all values in a row, those of objects included."""
    if isinstance(value, dict) and len(path) < MOST_DEPTH:
        for key, inner in value.items():
            yield (*path, key)
            yield from _paths(inner, (*path, key))


def _successes(key: str, seen: FirstRecords, rules: Mapping[str, FieldRule]) -> Iterator[LogFinding]:
    """Yield that most records are errors of a type that is none, if so."""
    rule = rules.get("error_type")
    for name, count in seen.errors.items():
        if _is_success(name) and count > MOST_SUCCESS * seen.accepted:
            path = rule.path if rule else FieldPath(("error_type",))
            condition = "from: 400" if name.isdecimal() else "when: ..."
            text = f"`{path}` is {name} in {count} of {seen.accepted} records, which would all count as errors"
            yield LogFinding(f"{key}: fields.error_type: {text}; write {{path: {path}, {condition}}}", is_mistake=True)


def _is_success(name: str) -> bool:
    return name.lower() in SUCCESS or (name.isdecimal() and int(name) in HTTP_SUCCESS)
