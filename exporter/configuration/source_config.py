"""A source as the configuration has it: its options, by the scheme of its URL, and the formats of its records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from exporter import validation
from exporter.decoding.conditions import Where
from exporter.decoding.field_rule import FieldRule
from exporter.decoding.pairs import PairOptions
from exporter.formats import FORMATS
from exporter.formats.format import Format
from exporter.formats.json_lines import JsonLines
from exporter.lines.framing import Lines
from exporter.sources import BY_SCHEME, SOURCES
from exporter.sources.source import SourceOptions
from exporter.sources.url import split
from exporter.units import NamedGroups, TimeZone
from exporter.validation import KeyPath, Problem


class SourceModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model of a source's records that do not name one, over the general `model`."""

    name: str | None = None
    """The name of the model."""
    version: str | int | None = None
    """The version of the model."""


class RecordOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the records of a source are read, over the general settings; for each kind of source and format."""

    where: Where = Where()
    """The values by path that a line must have to be a record. Other lines are skipped."""
    fields: dict[str, FieldRule] = {}
    """The paths of record fields, over the general ones."""
    model: SourceModel = SourceModel()
    """The `name` and `version` of the model of records that do not name one."""
    path_fields: NamedGroups | None = None
    """A regular expression with named groups, which become fields of each record, that is searched for in the path of
    its file."""
    time_zone: TimeZone | None = None
    """The zone of times without one."""
    pair: PairOptions | None = None
    """Joins requests and responses that are lines of their own."""


class SourceConfig:
    """Where bytes come from, and how they are written: wrappers from the outside in, and the format of the records.

    `records` says which lines are records, and where their fields lie. The options of all are keys of one mapping, as
    they have no names in common.
    """

    # Not a dataclass: msgspec would decode one itself, and leave `parse` out.
    __slots__ = ("formats", "options", "records")

    def __init__(
        self,
        options: SourceOptions,
        formats: tuple[Format, ...] = (JsonLines(),),
        records: RecordOptions = RecordOptions(),  # noqa: B008  # immutable
    ) -> None:
        self.options = options
        self.formats = formats
        self.records = records

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SourceConfig):
            return False
        return (self.options, self.formats, self.records) == (other.options, other.formats, other.records)

    def __hash__(self) -> int:
        return hash((self.options, self.formats))

    @property
    def name(self) -> str:
        """The label `source` of its metrics: its URL as the user wrote it."""
        return str(self.options.url)

    @property
    def format(self) -> Format:
        """The format of its records."""
        return self.formats[-1]

    @classmethod
    def parse(cls, data: object) -> SourceConfig:
        """Return the source of a URL, or of a mapping of keys; raises ValueError with the first mistake."""
        keys = _keys(data)
        for problem in cls.problems(keys, ()):
            raise ValueError(str(problem))
        kind, formats = BY_SCHEME[split(keys["url"])[0]], _formats(keys)

        def convert(struct: type[Any]) -> Any:
            fields = struct.__struct_fields__
            return msgspec.convert({k: v for k, v in keys.items() if k in fields}, struct, dec_hook=validation.parse)

        return cls(convert(kind), tuple(map(convert, formats)), convert(RecordOptions))

    @classmethod
    def problems(cls, data: object, path: KeyPath) -> Iterator[Problem]:
        """Yield every mistake in what `parse` would be given, which is at `path` in the configuration."""
        if not isinstance(data, (str, dict)):
            yield Problem(path, f"expected a URL, or a mapping with a `url`, got {data!r}")
            return
        keys = _keys(data)
        url = keys.get("url")
        kind = BY_SCHEME.get(split(url)[0]) if isinstance(url, str) and url else None
        if kind is None:
            yield _unknown_url(url, "url" in keys, path)
        named = keys.get("format", JsonLines.name)
        for place, name in enumerate(named if isinstance(named, list) else [named]):
            if not isinstance(name, str) or name not in FORMATS:
                where = (*path, "format", place) if isinstance(named, list) else (*path, "format")
                yield Problem(where, f"no such format: {name!r}{validation.nearest(str(name), FORMATS)}")
        formats = _formats(keys)
        yield from _unusable(kind, formats, path)
        structs: tuple[type[msgspec.Struct] | None, ...] = (kind, *formats, RecordOptions)
        allowed = {field: struct for struct in structs if struct for field in struct.__struct_fields__}
        types = {field: _types(struct)[field] for field, struct in allowed.items()}
        for key, value in keys.items():
            if key in types and not (key == "url" and kind is None):
                yield from validation.problems(value, types[key], (*path, key))
            elif key not in ("url", "format") and kind is not None:
                yield Problem((*path, str(key)), _unknown_option(str(key), kind, formats))

    def mistakes(self) -> Iterator[str]:
        """Yield mistakes that types do not show, each starting with its key."""
        yield from self.options.problems()
        yield from self.format.problems()

    def below(self, folder: Path) -> SourceConfig:
        """Return the source with relative paths taken from `folder`."""
        return SourceConfig(validation.below(self.options, folder), self.formats, self.records)


def _keys(data: object) -> dict[str, Any]:
    return dict(data) if isinstance(data, dict) else {"url": data}


def _types(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(struct)}


def _formats(keys: Mapping[str, Any]) -> list[type[Format]]:
    """Return the formats that are named, outermost first; after wrappers alone come JSON lines."""
    named = keys.get("format", JsonLines.name)
    formats = [FORMATS[name] for name in (named if isinstance(named, list) else [named]) if name in FORMATS]
    return [*formats, JsonLines] if all(each.is_wrapper for each in formats) else formats


def _unknown_url(url: object, is_given: bool, path: KeyPath) -> Problem:  # noqa: FBT001
    examples = ", ".join(options.example for options in SOURCES)
    if not is_given:
        return Problem((*path, "url"), "this key is required")
    text = "//…@".join(("", url.rpartition("@")[2])) if isinstance(url, str) and "@" in url else repr(url)
    return Problem((*path, "url"), f"expected a path or a URL such as {examples}, got {text}")


def _unusable(kind: type[SourceOptions] | None, formats: list[type[Format]], path: KeyPath) -> Iterator[Problem]:
    """Yield why formats cannot be nested so, or carried by a kind of source."""
    *wrappers, inner = formats
    where = (*path, "format")
    if len(wrappers) > 1 or inner.is_wrapper or not all(wrapper.is_wrapper for wrapper in wrappers):
        names = ", ".join(name for name, each in FORMATS.items() if each.is_wrapper)
        yield Problem(where, f"expected at most one wrapper ({names}) followed by one other format")
    elif wrappers and (inner.needs_stream or inner.framer is not Lines):
        yield Problem(where, f"`{inner.name}` cannot be wrapped in `{wrappers[0].name}`")
    streamed = next((each for each in formats if each.needs_stream), None)
    if kind and streamed and not kind.carries_streams:
        schemes = " and ".join(options.scheme for options in SOURCES if options.carries_streams)
        yield Problem(where, f"`{streamed.name}` is for {schemes} sources")


def _unknown_option(key: str, kind: type[SourceOptions], formats: list[type[Format]]) -> str:
    """Return what is wrong with a key: another kind of source has it, another format, or none."""
    owners = [f"`format: {name}`" for name, each in FORMATS.items() if key in each.__struct_fields__]
    if owners:
        return f"only a source of {' or '.join(owners)} has it"
    structs: tuple[type[msgspec.Struct], ...] = (kind, *formats, RecordOptions)
    known = [field for struct in structs for field in struct.__struct_fields__ if field != "url"]
    if any(key in options.__struct_fields__ for options in SOURCES):
        return f"a {kind.scheme} source has no such option; it has {', '.join(['format', *known])}"
    return f"unknown key{validation.nearest(key, ['url', 'format', *known])}"
