"""The checkpoint: a snapshot as one file, written whole or not at all.

The file is a magic line, the version of the state, a hash of the body, and the body: compressed msgpack. A new file is
written beside it, synced, and renamed over it. The previous one is kept as a second generation, in case a disk damages
the first.
"""

import fcntl
import hashlib
import os
import struct
import zlib
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from exporter.batch import SegmentSeries, Series
from exporter.regular_file import regular_descriptor
from exporter.state import migrations
from exporter.state.snapshot import Snapshot
from exporter.store_error import NewerVersionError, StoreError
from exporter.tallies.tally import AnySeries, AnyTallies, Tally

MAGIC = b"prediction-exporter checkpoint\n"
HEADER = struct.Struct(f"<{len(MAGIC)}sH16s")
# What reading content of another shape raises, also within a migration.
WRONG_CONTENT = (msgspec.MsgspecError, zlib.error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
# Arrays of so many bytes are compressed one by one, so that not all of them are in memory twice.
LARGE_BYTES = 8192


class DamagedError(ValueError):
    """A checkpoint file that is not as it was written; the message says why."""


class ContentError(ValueError):
    """A checkpoint file that is as it was written, but not a state of its version; the message says why."""


def encode(snapshot: Snapshot) -> bytes:
    """Return the bytes of a file."""
    body = zlib.compress(_encode(snapshot), level=1)
    return HEADER.pack(MAGIC, migrations.VERSION, _hash(body)) + body


def decode(data: bytes) -> Snapshot:
    """Return the snapshot in a file of this version or an older one. Raises DamagedError and ContentError."""
    version = version_of(data)
    _, _, digest = HEADER.unpack_from(data)
    body = data[HEADER.size :]
    if _hash(body) != digest:
        raise DamagedError("checksum mismatch")
    try:
        stored = zlib.decompress(body)
        if version == migrations.VERSION:
            snapshot = _decode(stored)
        else:
            content = migrations.migrate(msgspec.msgpack.decode(stored), version)
            snapshot = msgspec.convert(content, Snapshot, dec_hook=_tallies)
        _check_labels(snapshot)
    except WRONG_CONTENT as error:
        raise ContentError(f"its content is not a state of version {version}: {error}") from None
    return snapshot


def version_of(data: bytes) -> int:
    """Return the version of the state in a file, of which the header suffices. Raises DamagedError."""
    if len(data) < HEADER.size:
        raise DamagedError(f"only {len(data)} bytes long")
    magic, version, _ = HEADER.unpack_from(data)
    if magic != MAGIC or not version:
        raise DamagedError("not a checkpoint")
    return int(version)


@dataclass(frozen=True)
class LoadedCheckpoint:
    """What was found at the start: the snapshot, its generation, and what was wrong with damaged files."""

    snapshot: Snapshot | None
    generation: Literal["current", "previous", "none"]
    problems: tuple[str, ...]


class CheckpointFolder:
    """The two generations of the checkpoint in a state folder, which is created if need be, and locked.

    Raises StoreError where another process uses the folder, and OSError where it cannot be created or written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._current = folder / "checkpoint"
        self._previous = folder / "checkpoint.previous"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise StoreError(f"another prediction-exporter uses {folder}") from None

    def load(self) -> LoadedCheckpoint:
        """Return the newest generation that is not damaged.

        Raises StoreError where a newer release wrote one of them, or where its content is not of its version.
        """
        self._check_versions()
        problems = []
        generations: tuple[tuple[Path, Literal["current", "previous"]], ...]
        generations = (self._current, "current"), (self._previous, "previous")
        for path, generation in generations:
            try:
                snapshot = decode(_read(path))
            except FileNotFoundError:
                continue
            except ContentError as error:
                raise StoreError(f"{error}; move the file away to start counters at zero", str(path)) from None
            except (DamagedError, OSError) as error:
                problems.append(f"{path}: {error}")
                continue
            return LoadedCheckpoint(snapshot, generation, tuple(problems))
        return LoadedCheckpoint(None, "none", tuple(problems))

    def save(self, snapshot: Snapshot) -> int:
        """Make a snapshot durable; return the file's size in bytes. Raises OSError, and then nothing has changed."""
        data = encode(snapshot)
        new = self._folder / "checkpoint.new"
        # Not into a link, nor into a pipe, that others have put there.
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
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
        """Unlock the folder."""
        os.close(self._lock)

    def _check_versions(self) -> None:
        """Raise StoreError if a newer release wrote either generation, which saving would overwrite in the end."""
        for path in (self._current, self._previous):
            try:
                version = version_of(_read(path, HEADER.size))
            except (DamagedError, OSError):
                continue
            if version > migrations.VERSION:
                raise NewerVersionError(str(path), version, migrations.VERSION)


def _read(path: Path, size: int = -1) -> bytes:
    """Return the first bytes of a regular file; raises OSError and DamagedError."""
    descriptor = regular_descriptor(path)
    if descriptor is None:
        raise DamagedError("not a regular file")
    with open(descriptor, "rb") as file:
        return file.read(size)


def _hash(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def _check_labels(snapshot: Snapshot) -> None:
    """Raise ValueError if an admitted label is a duplicate, because tallies refer to labels by their place."""
    of_models = ([*labels.names.values(), *labels.segments.values()] for labels in snapshot.labels.values())
    for admitted in chain.from_iterable(of_models):
        if len(set(admitted)) < len(admitted):
            raise ValueError("duplicate label")


def _stored(tally: Tally) -> tuple[tuple[int, ...], str, bytes, bool]:
    """Return the shape of an array, its type, its bytes, and whether these are compressed."""
    data = tally.tobytes()
    if len(data) < LARGE_BYTES:
        return tally.shape, tally.dtype.str, data, False
    return tally.shape, tally.dtype.str, zlib.compress(data, level=1), True


def _array(shape: tuple[int, ...], kind: str, data: bytes, is_compressed: bool) -> Tally:  # noqa: FBT001
    stored = np.frombuffer(zlib.decompress(data) if is_compressed else data, kind).reshape(shape)
    if stored.dtype.kind not in "uf":
        raise ValueError(f"{kind} is no type of a tally")
    # A copy, which can be written to.
    return stored.astype(stored.dtype.newbyteorder("="))


def _tallies(_: type, stored: Any) -> AnyTallies:
    """Return tallies, the one type that msgspec does not know."""
    return AnyTallies(
        (_series(labels), {name: _array(*array) for name, array in arrays.items()}) for labels, arrays in stored.items()
    )


def _series(labels: tuple[str, ...]) -> AnySeries:
    return Series(*labels) if len(labels) == len(Series._fields) else SegmentSeries(*labels)


_encode = msgspec.msgpack.Encoder(enc_hook=_stored).encode
_decode = msgspec.msgpack.Decoder(Snapshot, dec_hook=_tallies).decode
