"""Requests in a SQLite file: more than fit into memory, and kept over a restart.

Rows are in the order of their commits, beside an index of digests, so that most writing is sequential. The statistics
change with the rest in one transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import count
from operator import attrgetter
from pathlib import Path

import msgspec
import structlog

from exporter.joins import migrations
from exporter.joins.request import GroundTruthLabel, PendingPrediction, Request
from exporter.joins.store import StoreDelta, StoreStats
from exporter.store_error import NewerVersionError, StoreError

NAME = "joins.sqlite"
CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
CACHE_KIB = 4 * 1024
# `place` counts up, so that it is the order of commits. `content` are the predictions and the ground truth.
SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    place INTEGER PRIMARY KEY, digest INTEGER NOT NULL, at REAL NOT NULL,
    pending INTEGER NOT NULL, is_unmatched INTEGER NOT NULL, content BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS requests_by_digest ON requests (digest);
CREATE TABLE IF NOT EXISTS stats (number INTEGER NOT NULL, stats BLOB NOT NULL);
"""

log = structlog.get_logger()

_decode = msgspec.msgpack.Decoder(tuple[tuple[PendingPrediction, ...], GroundTruthLabel | None]).decode
_encode = msgspec.msgpack.Encoder().encode


class CorruptStoreError(StoreError):
    """The file is damaged: not a full disk, nor another program that has locked it."""


def open_store(folder: Path, delta: StoreDelta | None, *, is_new: bool) -> SqliteStore:
    """Return the store of a folder, up to date with the delta of the restored snapshot, or empty if `is_new`.

    A damaged file is moved to X.damaged, and replaced by an empty one. Raises StoreError.
    """
    if delta and not (folder / NAME).exists():
        log.warning("join store missing; starting empty", file=str(folder / NAME))
    try:
        return _up_to_date(folder, delta, is_new=is_new)
    except CorruptStoreError as error:
        _move_aside(folder)
        log.error("join store damaged; moved aside, starting empty", file=f"{folder / NAME}.damaged", error=str(error))
    return _up_to_date(folder, delta, is_new=is_new)


def _up_to_date(folder: Path, delta: StoreDelta | None, *, is_new: bool) -> SqliteStore:
    store = SqliteStore(folder)
    try:
        if is_new:
            store.clear()
        elif delta and delta.number > store.number:
            store.apply(migrations.completed(delta, store))
    except StoreError:
        store.failure = None
        store.close()
        raise
    return store


class SqliteStore:
    """A store in a folder. `apply` may run in another thread than `find`.

    A file from an older release is migrated; one from a newer release is left as it is. Raises StoreError.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self.failure: StoreError | None = None
        # No prediction waits at this place or before.
        self._evicted = 0
        with self._errors():
            # SQLite would make it readable for everybody.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            if not self._path.is_file():
                # SQLite would wait for the writer of a pipe.
                raise StoreError("expected a regular file", str(self._path))
            self._check_version()
            self._write = self._connect()
            try:
                migrations.migrate(self._write)
                self._write.executescript(SCHEMA)
                self.number, self.stats = self._saved_stats()
                (self._place,) = self._write.execute("SELECT coalesce(max(place), 0) FROM requests").fetchone()
                # So that lookups do not wait for a commit.
                self._read = self._connect()
            except BaseException:
                self._write.close()
                raise

    def find(self, digests: Sequence[int]) -> Iterator[Request]:
        query = "SELECT digest, at, content FROM json_each(?) AS asked CROSS JOIN requests ON digest = asked.value"
        try:
            with self._errors():
                for digest, at, content in self._read.execute(query, (_json(digests),)):
                    yield Request(digest, at, *_decode(content))
        except StoreError as error:
            # What was being folded is neither counted nor left out, so it is not possible to continue.
            self.failure = error
            raise

    def apply(self, delta: StoreDelta) -> None:
        if delta.number <= self.number:
            return
        try:
            with self._errors(), self._write:
                stats = self._applied(delta)
                self._write.execute("DELETE FROM stats")
                self._write.execute("INSERT INTO stats VALUES (?, ?)", (delta.number, _encode(stats)))
        except StoreError as error:
            self._evicted = 0
            # A disk that is full may have room later, and a file that is locked may be unlocked.
            if isinstance(error, CorruptStoreError):
                self.failure = error
            raise
        self.number, self.stats = delta.number, stats

    def clear(self) -> None:
        """Remove everything, because counting starts at zero."""
        with self._errors(), self._write:
            self._write.execute("DELETE FROM requests")
            self._write.execute("DELETE FROM stats")
        self.number, self.stats = 0, StoreStats()

    def close(self) -> None:
        """Close the file. A damaged one is moved to X.damaged, so that the next start creates another."""
        self._read.close()
        self._write.close()
        if isinstance(self.failure, CorruptStoreError):
            _move_aside(self._path.parent)

    def _applied(self, delta: StoreDelta) -> StoreStats:
        """Change the tables within a transaction, and return the new statistics."""
        before = self.stats
        # Neighbours in the index one after the other: several times as fast as in the order of arrival.
        requests = sorted(delta.requests, key=attrgetter("digest"))
        replaced = self._write.execute(
            "DELETE FROM requests WHERE digest IN (SELECT value FROM json_each(?)) RETURNING pending, is_unmatched",
            (_json([request.digest for request in requests]),),
        ).fetchall()
        self._write.executemany(
            "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?)",
            (
                (
                    place,
                    request.digest,
                    request.at,
                    request.pending,
                    request.is_unmatched,
                    _encode((request.predictions, request.truth)),
                )
                for place, request in zip(count(self._place + 1), requests)
            ),
        )
        self._place += len(requests)
        predictions = before.predictions + sum(request.pending for request in requests)
        truths = before.truths + sum(request.is_unmatched for request in requests)
        for pending, is_unmatched in replaced:
            predictions -= pending
            truths -= is_unmatched
        expired, orphaned = self._expire(delta.cutoff)
        evicted = self._evict(predictions - expired - delta.capacity)
        return StoreStats(
            predictions - expired - evicted,
            truths - orphaned,
            before.expired + expired,
            before.orphaned + orphaned,
            before.evicted + evicted,
        )

    def _expire(self, cutoff: float) -> tuple[int, int]:
        """Remove requests from before `cutoff`; return how many predictions waited in them, and how many truths."""
        # Commits are in the order of arrival: the first request that is young enough ends the search.
        young = self._write.execute("SELECT place FROM requests WHERE at >= ? ORDER BY place LIMIT 1", (cutoff,))
        (end,) = young.fetchone() or (self._place + 1,)
        counts: tuple[int, int] = self._write.execute(
            "SELECT coalesce(sum(pending), 0), coalesce(sum(is_unmatched), 0) FROM requests WHERE place < ?", (end,)
        ).fetchone()
        self._write.execute("DELETE FROM requests WHERE place < ?", (end,))
        return counts

    def _evict(self, excess: int) -> int:
        """Remove the oldest requests with at least `excess` predictions that wait; return how many there were."""
        evicted = 0
        oldest = "SELECT place, pending FROM requests WHERE place > ? AND pending ORDER BY place LIMIT ?"
        for place, pending in self._write.execute(oldest, (self._evicted, max(0, excess))).fetchall():
            if evicted >= excess:
                break
            self._write.execute("DELETE FROM requests WHERE place = ?", (place,))
            self._evicted = place
            evicted += pending
        return evicted

    def _check_version(self) -> None:
        """Raise StoreError if a newer release wrote the file, which even opening it for writing could change."""
        with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > migrations.VERSION:
            raise NewerVersionError(str(self._path), version, migrations.VERSION)

    def _saved_stats(self) -> tuple[int, StoreStats]:
        found = self._write.execute("SELECT number, stats FROM stats").fetchone()
        return (found[0], msgspec.msgpack.decode(found[1], type=StoreStats)) if found else (0, StoreStats())

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            # Readers do not wait for the writer, and what was committed survives a loss of power.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise StoreError for the errors of SQLite and of the operating system."""
        try:
            yield
        except sqlite3.Error as error:
            # The lowest byte of an extended code is the kind of error; not every error has one.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            kind = CorruptStoreError if code in CORRUPT else StoreError
            raise kind(str(error), str(self._path)) from None
        except msgspec.MsgspecError as error:
            raise StoreError(f"a row is not of version {migrations.VERSION}: {error}", str(self._path)) from None
        except OSError as error:
            raise StoreError(str(error.strerror), str(self._path)) from None


def _json(digests: Sequence[int]) -> str:
    return msgspec.json.encode(digests).decode()


def _move_aside(folder: Path) -> None:
    """Move a damaged file to X.damaged."""
    for suffix in ("-wal", "-shm"):
        (folder / f"{NAME}{suffix}").unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        (folder / NAME).rename(folder / f"{NAME}.damaged")
