"""Join stores of older releases, brought to the version of this release. The version is SQLite's `user_version`.

A step runs within a transaction. It knows the tables and rows of its two versions as they were written, and none of the
types in the code, which may have changed since.
"""

import heapq
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from math import nan
from operator import itemgetter
from typing import Any

import msgspec

from exporter.joins.store import Store, StoreDelta

_decode, _encode = msgspec.msgpack.decode, msgspec.msgpack.encode


def from_1(connection: sqlite3.Connection) -> None:
    """Merge the tables of predictions and of ground truth into one, with a row per request."""
    connection.execute(
        "CREATE TABLE requests (place INTEGER PRIMARY KEY, digest INTEGER NOT NULL, at REAL NOT NULL, "
        "pending INTEGER NOT NULL, is_unmatched INTEGER NOT NULL, content BLOB NOT NULL)"
    )
    repeated = dict(connection.execute("SELECT digest, count(*) FROM predictions GROUP BY digest HAVING count(*) > 1"))

    def waiting() -> Iterator[list[Any]]:
        found: dict[int, list[list[Any]]] = defaultdict(list)
        for digest, row in connection.execute("SELECT digest, row FROM predictions ORDER BY rowid"):
            found[digest].append(_decode(row))
            if len(found[digest]) == repeated.get(digest, 1):
                yield request_from_1(digest, found.pop(digest), None)

    def with_truth() -> Iterator[list[Any]]:
        for digest, row in connection.execute("SELECT digest, row FROM truths ORDER BY at"):
            yield request_from_1(digest, (), _decode(row))

    connection.executemany(
        "INSERT INTO requests VALUES (NULL, ?, ?, ?, ?, ?)",
        (
            (digest, at, len(predictions) * (truth is None), bool(truth and not predictions), _encode(content))
            for digest, at, *content in heapq.merge(waiting(), with_truth(), key=itemgetter(1))
            for predictions, truth in (content,)
        ),
    )
    connection.execute("CREATE INDEX requests_by_digest ON requests (digest)")
    connection.execute("ALTER TABLE counts RENAME TO stats")
    connection.execute("ALTER TABLE stats RENAME COLUMN waited TO stats")
    connection.execute("DROP TABLE predictions")
    connection.execute("DROP TABLE truths")


# The first step is from version 1 to version 2, and so on.
STEPS: Sequence[Callable[[sqlite3.Connection], None]] = (from_1,)
VERSION = len(STEPS) + 1


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables of an open store to VERSION, by all steps or none. Raises sqlite3.Error."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            # Version 1 left it at 0.
            for step in STEPS[max(version, 1) - 1 :]:
                step(connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def request_from_1(digest: int, waiting: Sequence[Sequence[Any]], truth: Sequence[Any] | None) -> list[Any]:
    """Return a request of version 2 from the rows that version 1 had of its predictions and its ground truth.

    Of predictions that have been joined, only the series is known.
    """
    if truth is None:
        predictions = [row[1:] for row in waiting]
        return [digest, max(prediction[0] for prediction in predictions), predictions, None]
    _, at, time, actual, value, joined, amounts = truth
    predictions = [[at, nan, series, None, nan, nan, [], []] for series in joined]
    return [digest, at, predictions, [time, actual, value, amounts]]


def completed(delta: StoreDelta, store: Store) -> StoreDelta:
    """Return a restored delta with all that is known of its requests.

    Version 1 saved only those predictions of a request that were new.
    """
    earlier = {request.digest: request for request in store.find([request.digest for request in delta.requests])}
    requests = []
    for request in delta.requests:
        known = earlier.get(request.digest)
        if known and known.pending and request.pending:
            of_delta = {(prediction.at, prediction.series) for prediction in request.predictions}
            missing = [other for other in known.predictions if (other.at, other.series) not in of_delta]
            requests.append(msgspec.structs.replace(request, predictions=(*missing, *request.predictions)))
        else:
            requests.append(request)
    return msgspec.structs.replace(delta, requests=tuple(requests))
