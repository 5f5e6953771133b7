"""How far a query has been read: a high-water mark, and digests of the rows at the mark.

Rows with the newest mark, or within a lag before it, are read again, because more rows with such marks may be added.
Their digests tell which were counted. So a page may end between two rows with the same mark, and a row may be added
with a mark that was reached before: neither is lost nor counted twice, whether the query says `>` or `>=`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

DIGEST_BYTES = 8
# Beyond this many rows that are read again at each poll, the rows with the newest mark are taken as complete.
MOST_READ_AGAIN = 100_000


class MarkError(ValueError):
    """A column cannot be the mark; the message says why."""


class Row(NamedTuple):
    """The mark of a row, as the database returns it, and a digest of the whole row."""

    mark: Any
    digest: bytes


class Mark(msgspec.Struct, frozen=True):
    """The value of `:mark`, and the joined digests of the rows at this mark and beyond that were read.

    The first `level` digests are those of rows at the mark.
    """

    value: int | float | str
    seen: bytes = b""
    level: int = 0

    @property
    def digests(self) -> list[bytes]:
        """The single digests in `seen`."""
        return [self.seen[at : at + DIGEST_BYTES] for at in range(0, len(self.seen), DIGEST_BYTES)]

    def after(self, rows: Sequence[Row], *, is_whole: bool, lag: float = 0.0) -> Mark:
        """Return the mark after the rows of a query, in their order, including those read before.

        `is_whole` unless a limit cut the rows off; `lag` is in seconds. Raises MarkError.
        """
        digests = [row.digest for row in rows]
        value, first = self.value, 0
        settled = _settled(rows, lag)
        if is_whole and len(rows) > MOST_READ_AGAIN and set(digests).issubset(self.digests):
            settled = len(rows) - 1
        if settled is not None:
            mark = rows[settled].mark
            value = storable(mark)
            first = next(index for index, row in enumerate(rows) if row.mark == mark)
        level = sum(storable(row.mark) == value for row in rows[first:])
        # Rows beyond the cut may be read again later. All others that were not read again will not be.
        ahead = [] if is_whole else sorted({*self.digests[self.level :]}.difference(digests))
        return Mark(value, b"".join((*digests[first:], *ahead)), level)


class QueryError(Exception):
    """The query failed; the message says why, in one line and without secrets."""


class Part(NamedTuple):
    """Some new rows as lines, and the mark after them."""

    lines: bytes
    mark: Mark


class Page(NamedTuple):
    """The new rows of a query in parts, in order; `is_whole` if there are no more."""

    parts: list[Part]
    is_whole: bool


def digest(line: bytes) -> bytes:
    """Return the digest of a row, given as a line."""
    return hashlib.blake2b(line, digest_size=DIGEST_BYTES).digest()


def storable(mark: Any) -> int | float | str:
    """Return a mark as it is saved and passed to the database; raises MarkError."""
    if isinstance(mark, (int, float, str)) and not isinstance(mark, bool):
        return mark
    if isinstance(mark, date):
        return mark.isoformat()
    if isinstance(mark, (Decimal, UUID)):
        return str(mark)
    kind = "null" if mark is None else type(mark).__name__
    raise MarkError(f"the mark has to be a time, a number or text in each row, and in one it is {kind}")


def _settled(rows: Sequence[Row], lag: float) -> int | None:
    """Return the index of the last row that is older than the newest row, by at least `lag` seconds."""
    newest = rows[-1].mark if rows else None
    for index in range(len(rows) - 1, -1, -1):
        mark = rows[index].mark
        if mark != newest and (not lag or _seconds(mark, newest) >= lag):
            return index
    return None


def _seconds(earlier: Any, later: Any) -> float:
    try:
        if isinstance(later, str):
            earlier, later = datetime.fromisoformat(earlier), datetime.fromisoformat(later)
        if isinstance(later, date):
            return float((later - earlier).total_seconds())
        return float(later - earlier)
    except (TypeError, ValueError):
        raise MarkError("`lag` is for marks that are times, or numbers of seconds") from None
