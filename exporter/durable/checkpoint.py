"""The checkpoint: a snapshot as one file, written whole or not at all.

The file is a magic line, a format version, a hash of the body, and the body: compressed msgpack. A new one is
written beside it, synced, and renamed over it; the one before is kept as a second generation, for the case
that a disk damages the first. Tallies are stored with the identity of their statistic: one whose
configuration has changed starts from zero, and the rest go on; so with segments.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from exporter.batch import SegmentSeries, Series
from exporter.joins.join import Changes, JoinCounts
from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.tallies.snapshot import Snapshot, SourceCounts
from exporter.tallies.tally import AnyTallies, Tally, only, segment_identity

MAGIC = b"prediction-exporter checkpoint\n"
VERSION = 1
# Arrays of so many bytes are compressed one by one, so that not all of them are in memory twice.
LARGE_BYTES = 8192
HEADER = struct.Struct(f"<{len(MAGIC)}sH16s")


class DamagedError(ValueError):
    """A checkpoint file that cannot be read; the message says why."""


class LockedError(OSError):
    """Another process uses the state folder."""


ArrayType = Literal["<f8", "<u4", "<u2", "|u1"]
STORED: dict[tuple[str, int], ArrayType] = {("f", 8): "<f8", ("u", 4): "<u4", ("u", 2): "<u2", ("u", 1): "|u1"}


class _Array(msgspec.Struct, array_like=True):
    shape: tuple[int, ...]
    data: bytes
    type: ArrayType = "<f8"
    is_compressed: bool = False


# The labels of a series, or of a segment of one.
_Tallies = list[tuple[tuple[str, ...], dict[str, _Array]]]

_Windows = dict[str, list[tuple[int, _Tallies]]]


class _Stored(msgspec.Struct):
    time: float
    identities: dict[str, str]
    totals: _Tallies
    windows: _Windows
    series: list[Series]
    names: dict[str, list[str]]
    sources: dict[str, SourceCounts]
    capped: dict[str, int]
    positions: list[tuple[Stream, Position]]
    batches: list[bytes] = []
    history: _Windows = {}
    request_ids: bytes = b""
    unknown: list[tuple[Series, dict[str, float]]] = []
    segment_values: dict[str, list[str]] = {}
    joins: Changes | None = None
    join_counts: JoinCounts = JoinCounts()


def encode(snapshot: Snapshot, identities: Mapping[str, str]) -> bytes:
    """Return the file's bytes; `identities` gives the identities of statistics and segments."""
    stored = _Stored(
        time=snapshot.time,
        identities=dict(identities),
        totals=_pack(snapshot.totals),
        windows=_pack_windows(snapshot.windows),
        history=_pack_windows(snapshot.history),
        series=list(snapshot.series),
        names={label: list(names) for label, names in snapshot.names.items()},
        sources=dict(snapshot.sources),
        capped=dict(snapshot.capped),
        positions=list(snapshot.positions.items()),
        batches=list(snapshot.batches),
        request_ids=snapshot.request_ids,
        unknown=[(series, dict(names)) for series, names in snapshot.unknown.items()],
        segment_values={segment: list(values) for segment, values in snapshot.segment_values.items()},
        joins=snapshot.joins,
        join_counts=snapshot.join_counts,
    )
    body = zlib.compress(msgspec.msgpack.encode(stored), level=1)
    return HEADER.pack(MAGIC, VERSION, _hash(body)) + body


def decode(data: bytes, identities: Mapping[str, str]) -> Snapshot:
    """Read the file's bytes, less the tallies whose statistic or segment has another identity; raises DamagedError."""
    if len(data) < HEADER.size:
        raise DamagedError(f"only {len(data)} bytes long")
    magic, version, digest = HEADER.unpack_from(data)
    body = data[HEADER.size :]
    if magic != MAGIC:
        raise DamagedError("not a checkpoint")
    if _hash(body) != digest:
        raise DamagedError("its checksum does not fit its content")
    if version != VERSION:
        raise DamagedError(f"of format version {version}; this release reads {VERSION}")
    stored = msgspec.msgpack.decode(zlib.decompress(body), type=_Stored)
    kept = {name for name, identity in stored.identities.items() if identities.get(name) == identity}
    return Snapshot(
        time=stored.time,
        totals=only(kept, _unpack(stored.totals)),
        windows=_unpack_windows(stored.windows, kept),
        history=_unpack_windows(stored.history, kept),
        series=tuple(stored.series),
        names={label: tuple(names) for label, names in stored.names.items()},
        sources=stored.sources,
        capped=stored.capped,
        positions=dict(stored.positions),
        batches=tuple(stored.batches),
        request_ids=stored.request_ids,
        unknown=dict(stored.unknown),
        segment_values={
            segment: tuple(values)
            for segment, values in stored.segment_values.items()
            if segment_identity(segment) in kept
        },
        joins=stored.joins,
        join_counts=stored.join_counts,
    )


@dataclass(frozen=True)
class Loaded:
    """What was found at start: the snapshot, which generation it is, and what was wrong with the files."""

    snapshot: Snapshot | None
    generation: Literal["current", "previous", "none"]
    problems: tuple[str, ...]


class Checkpoint:
    """The checkpoint files in a state folder, which is made if need be, and held by a lock.

    `identities` gives the identities of statistics and segments, from now on.

    Raises LockedError where another process holds it, and OSError where it cannot be made or written to.
    """

    def __init__(self, folder: Path, identities: Mapping[str, str]) -> None:
        self._folder = folder
        self.identities = identities
        self._current = folder / "checkpoint"
        self._previous = folder / "checkpoint.previous"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise LockedError(f"another prediction-exporter uses {folder}") from None

    def load(self) -> Loaded:
        """Read the newest generation that is whole."""
        problems = []
        generations: Iterable[tuple[Path, Literal["current", "previous"]]]
        generations = ((self._current, "current"), (self._previous, "previous"))
        for path, generation in generations:
            try:
                snapshot = decode(path.read_bytes(), self.identities)
            except FileNotFoundError:
                continue
            except (DamagedError, OSError) as error:
                problems.append(f"{path}: {error}")
                continue
            return Loaded(snapshot, generation, tuple(problems))
        return Loaded(None, "none", tuple(problems))

    def save(self, snapshot: Snapshot) -> int:
        """Make a snapshot durable; return the file's size in bytes. Raises OSError, and then nothing has changed."""
        data = encode(snapshot, self.identities)
        new = self._folder / "checkpoint.new"
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if self._current.exists():
            # A link and not a rename, so that there is a current generation at every moment.
            self._previous.unlink(missing_ok=True)
            os.link(self._current, self._previous)
        os.rename(new, self._current)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return len(data)

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._lock)


def _hash(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def _pack_windows(windows: Mapping[str, Mapping[int, AnyTallies]]) -> _Windows:
    return {label: [(pane, _pack(tallies)) for pane, tallies in panes.items()] for label, panes in windows.items()}


def _unpack_windows(windows: _Windows, kept: set[str]) -> dict[str, dict[int, AnyTallies]]:
    return {label: {pane: only(kept, _unpack(tallies)) for pane, tallies in panes} for label, panes in windows.items()}


def _pack(tallies: AnyTallies) -> _Tallies:
    return [(series, {name: _packed(tally) for name, tally in row.items()}) for series, row in tallies.items()]


def _packed(tally: Tally) -> _Array:
    stored: ArrayType = STORED[tally.dtype.kind, tally.dtype.itemsize]
    data = np.ascontiguousarray(tally, stored).tobytes()
    if len(data) < LARGE_BYTES:
        return _Array(tally.shape, data, stored)
    return _Array(tally.shape, zlib.compress(data, level=1), stored, is_compressed=True)


def _unpack(tallies: _Tallies) -> AnyTallies:
    return {
        (Series if len(labels) == len(Series._fields) else SegmentSeries)(*labels): {
            name: _array(packed) for name, packed in row.items()
        }
        for labels, row in tallies
    }


def _array(packed: _Array) -> Tally:
    data = zlib.decompress(packed.data) if packed.is_compressed else packed.data
    stored = np.frombuffer(data, packed.type).reshape(packed.shape)
    return stored.astype(stored.dtype.newbyteorder("="))
