"""Formats whose lines are flat lists of names and texts: logfmt, CSV, and text by a pattern.

A name with dots, such as `features.age`, is that of a value within an object, as in JSON.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, ClassVar

from exporter.decoding.mapping import Parse, SkippedLineError
from exporter.decoding.rows import as_text
from exporter.formats.format import Format
from exporter.lines.rejects import Reason, RejectedError
from exporter.units import NamedGroups

# A name is only searched for after a space, so that the time grows with the length of the line alone.
PAIR = re.compile(r'(?<!\S)([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?=\s|$)')


class Logfmt(Format, frozen=True):
    """Pairs such as `level=info prediction=approve features.age=41`."""

    name: ClassVar[str] = "logfmt"

    @property
    def parse(self) -> Parse:
        return _logfmt


class Csv(Format, frozen=True):
    """One row of CSV per line. A line that repeats the names of the columns is skipped."""

    name: ClassVar[str] = "csv"

    columns: tuple[str, ...] = ()
    """The names of the columns, in order; required, because a file may be read from the middle."""
    delimiter: str = ","
    """The character between cells."""

    @property
    def parse(self) -> Parse:
        return partial(_csv_row, self.columns, self.delimiter)

    def problems(self) -> Iterator[str]:
        if not self.columns:
            yield "columns: this key is required: the names of the columns, in order"
        if len(set(self.columns)) < len(self.columns):
            yield "columns: duplicate name"
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            yield f"delimiter: expected one character, got {self.delimiter!r}"


class Text(Format, frozen=True):
    """Lines of text that a regular expression takes apart."""

    name: ClassVar[str] = "text"

    pattern: NamedGroups | None = None
    """A regular expression that a line matches from its start, whose named groups are fields; required."""

    @property
    def parse(self) -> Parse:
        return partial(_text, self.pattern or NamedGroups.parse("."))

    def problems(self) -> Iterator[str]:
        if self.pattern is None or not self.pattern.pattern.groupindex:
            yield r"pattern: expected a regular expression with named groups, such as (?P<prediction>\w+)"


def _logfmt(line: bytes) -> tuple[Any, bool]:
    """Return the pairs of a line; raises RejectedError."""
    pairs = PAIR.findall(as_text(line))
    if not pairs:
        raise RejectedError(Reason.WRONG_TYPE, "expected pairs such as prediction=approve")
    return _nested((name, _unquoted(text)) for name, text in pairs), False


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]


def _csv_row(columns: tuple[str, ...], delimiter: str, line: bytes) -> tuple[Any, bool]:
    """Return the cells of a line by column, without empty ones; raises RejectedError and SkippedLineError."""
    try:
        cells = next(csv.reader([as_text(line)], delimiter=delimiter), [])
    except csv.Error as error:
        raise RejectedError(Reason.WRONG_TYPE, f"not CSV: {error}") from None
    if tuple(cells) == columns:
        raise SkippedLineError
    if len(cells) != len(columns):
        raise RejectedError(Reason.WRONG_TYPE, f"expected {len(columns)} cells, got {len(cells)}")
    return _nested((name, cell) for name, cell in zip(columns, cells, strict=True) if cell), False


def _text(groups: NamedGroups, line: bytes) -> tuple[Any, bool]:
    """Return the named groups of a line; raises RejectedError."""
    match = groups.pattern.match(as_text(line))
    if match is None:
        raise RejectedError(Reason.WRONG_TYPE, "the line does not match the pattern")
    return groups.groups(match), False


def _nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return an object in which names with dots are paths."""
    tree: dict[str, Any] = {}
    for name, text in pairs:
        *path, last = name.split(".")
        node: Any = tree
        for key in path:
            node = node.setdefault(key, {}) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node[last] = text
    return tree
