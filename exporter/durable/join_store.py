"""What waits to be joined, in a SQLite file: far more than fits into memory, and still there after a restart.

Predictions lie in the order of their commits beside an index of digests, so that most of what is written is
sequential. There is a row of counts, which change with the rest in one transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from operator import attrgetter
from pathlib import Path

import msgspec

from exporter.joins.join import Changes, Waited
from exporter.joins.rows import Truth, Waiting

NAME = "joins.sqlite"
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
CACHE_KIB = 4 * 1024
SCHEMA = """
CREATE TABLE IF NOT EXISTS predictions (digest INTEGER NOT NULL, at REAL NOT NULL, row BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS predictions_by_digest ON predictions (digest);
CREATE TABLE IF NOT EXISTS truths (
    digest INTEGER PRIMARY KEY, at REAL NOT NULL, is_answer INTEGER NOT NULL, row BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS truths_by_arrival ON truths (at);
CREATE TABLE IF NOT EXISTS counts (number INTEGER NOT NULL, waited BLOB NOT NULL);
"""
UNDER = "SELECT {table}.row FROM json_each(?) AS asked CROSS JOIN {table} ON {table}.digest = asked.value"

_waiting = msgspec.msgpack.Decoder(Waiting)
_truth = msgspec.msgpack.Decoder(Truth)
_encode = msgspec.msgpack.Encoder().encode


class JoinStore:
    """A store in a folder; raises sqlite3.Error where it cannot be used.

    `apply` may run in another thread than lookups.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self.failure: str | None = None
        self._is_damaged = False
        self._write = self._connect()
        # So that lookups do not wait for a commit.
        self._read = self._connect()
        self._number, self._waited = self._counts()

    @staticmethod
    def put_aside(folder: Path) -> None:
        """Rename the file of a store that cannot be read."""
        for suffix in ("-wal", "-shm"):
            (folder / f"{NAME}{suffix}").unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            (folder / NAME).rename(folder / f"{NAME}.damaged")

    def clear(self) -> None:
        """Forget all; what was counted begins anew."""
        with self._write:
            for table in ("predictions", "truths", "counts"):
                self._write.execute(f"DELETE FROM {table}")  # noqa: S608  # names of ours
        self._number, self._waited = self._counts()

    @property
    def number(self) -> int:
        return self._number

    @property
    def waited(self) -> Waited:
        return self._waited

    def predictions(self, digests: Sequence[int]) -> Iterator[Waiting]:
        return map(_waiting.decode, self._under("predictions", digests))

    def truths(self, digests: Sequence[int]) -> Iterator[Truth]:
        return map(_truth.decode, self._under("truths", digests))

    def apply(self, changes: Changes) -> None:
        """Make changes durable, all or none; those that were applied before change nothing."""
        if changes.number <= self._number:
            return
        try:
            with self._write as cursor:
                waited = self._applied(cursor, changes)
                cursor.execute("DELETE FROM counts")
                cursor.execute("INSERT INTO counts VALUES (?, ?)", (changes.number, _encode(waited)))
        except sqlite3.Error as error:
            # A full disk may have room again.
            if is_damage(error):
                self._failed(error)
            raise
        self._number, self._waited = changes.number, waited

    def close(self) -> None:
        """Let go of the file; one that was found damaged is put aside, so that the next start begins another."""
        self._read.close()
        self._write.close()
        if self._is_damaged:
            self.put_aside(self._path.parent)

    def _applied(self, cursor: sqlite3.Connection, changes: Changes) -> Waited:
        """Change the tables, and return what there is then."""
        before = self._waited
        # Neighbours in the tree one after the other, which is several times as fast as in the order of arrival.
        truths_by_digest = sorted(changes.truths, key=attrgetter("digest"))
        taken = _delete(
            cursor,
            "DELETE FROM predictions WHERE digest IN (SELECT value FROM json_each(?))",
            msgspec.json.encode(sorted(changes.taken)).decode(),
        )
        cursor.executemany(
            "INSERT INTO predictions VALUES (?, ?, ?)",
            ((row.digest, row.at, _encode(row)) for row in sorted(changes.predictions, key=attrgetter("digest"))),
        )
        # Of one that was there without an answer, the count is taken back.
        replaced = _delete(
            cursor,
            "DELETE FROM truths WHERE NOT is_answer AND digest IN (SELECT value FROM json_each(?))",
            msgspec.json.encode([truth.digest for truth in truths_by_digest]).decode(),
        )
        cursor.executemany(
            "INSERT OR REPLACE INTO truths VALUES (?, ?, ?, ?)",
            ((truth.digest, truth.at, bool(truth.answered), _encode(truth)) for truth in truths_by_digest),
        )
        # Commits are in the order of arrival: the first that is young enough ends it.
        expired = _delete(
            cursor,
            "DELETE FROM predictions WHERE rowid < coalesce("
            "(SELECT rowid FROM predictions WHERE at >= ? ORDER BY rowid LIMIT 1), 9223372036854775807)",
            changes.cutoff,
        )
        orphaned = _delete(cursor, "DELETE FROM truths WHERE at < ? AND NOT is_answer", changes.cutoff)
        _delete(cursor, "DELETE FROM truths WHERE at < ?", changes.cutoff)
        predictions = before.predictions + len(changes.predictions) - taken - expired
        truths = before.truths + sum(not truth.answered for truth in changes.truths) - replaced - orphaned
        evicted = max(0, predictions - changes.most)
        if evicted:
            _delete(
                cursor,
                "DELETE FROM predictions WHERE rowid IN (SELECT rowid FROM predictions ORDER BY rowid LIMIT ?)",
                evicted,
            )
        return Waited(
            predictions - evicted,
            truths,
            before.expired + expired,
            before.orphaned + orphaned,
            before.evicted + evicted,
        )

    def _under(self, table: str, digests: Sequence[int]) -> Iterator[bytes]:
        asked = msgspec.json.encode(digests).decode()
        try:
            yield from (row for (row,) in self._read.execute(UNDER.format(table=table), (asked,)))
        except sqlite3.Error as error:
            # What was being folded is neither counted nor left out.
            self._failed(error)
            raise

    def _failed(self, error: sqlite3.Error) -> None:
        self.failure = str(error)
        self._is_damaged |= is_damage(error)

    def _counts(self) -> tuple[int, Waited]:
        found = self._write.execute("SELECT number, waited FROM counts").fetchone()
        return (found[0], msgspec.msgpack.decode(found[1], type=Waited)) if found else (0, Waited())

    def _connect(self) -> sqlite3.Connection:
        # SQLite would make it readable for all.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self._path, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            # Readers do not wait for the writer, and what was committed outlives a loss of power.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(SCHEMA)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it says that the file is no good, and not that the disk is full or such."""
    # Of an extended code, the lowest byte is what kind of error it is.
    return error.sqlite_errorcode & 0xFF in DAMAGE


def _delete(cursor: sqlite3.Connection, statement: str, value: object) -> int:
    return cursor.execute(statement, (value,)).rowcount
