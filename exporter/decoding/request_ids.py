"""The request ids of the last predictions, so that one that comes again is known for a duplicate.

Which one is depends on the order of arrival, so it is told before the statistics, and the ids that are remembered are
part of the snapshot: what is counted and what is remembered become durable together.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from exporter.batch import Batch

DIGEST_BYTES = 8


class RequestIds:
    """Remembers the last `limit` distinct ids of each model and version, all together, by their hashes.

    An error's id is not remembered: that a request is tried again after an error is as it should be.
    """

    def __init__(self, limit: int, digests: bytes = b"") -> None:
        self._limit = limit
        # One run of bytes, so that a snapshot is one copy; CPython takes from its front without moving the rest.
        self._order = bytearray(digests[-limit * DIGEST_BYTES :] if limit else b"")
        starts = range(0, len(self._order), DIGEST_BYTES)
        self._known = {bytes(self._order[start : start + DIGEST_BYTES]) for start in starts}

    @property
    def digests(self) -> bytes:
        """What to begin from after a restart; oldest first."""
        return bytes(self._order)

    def mark(self, batch: Batch) -> Batch:
        """Return the batch with `repeated` set, where ids were read; and remember its ids."""
        if batch.request_id is None or not self._limit:
            return batch
        ids, codes = batch.request_id.names, batch.request_id.codes.tolist()
        prefixes = ["".join(f"{label}\n" for label in series).encode() for series in batch.series.names]
        repeated = np.zeros(len(batch), np.bool_)
        for row in np.flatnonzero((batch.error.codes < 0) & (batch.request_id.codes >= 0)).tolist():
            key = prefixes[batch.series.codes[row]] + ids[codes[row]].encode()
            repeated[row] = not self._admit(hashlib.blake2b(key, digest_size=DIGEST_BYTES).digest())
        return replace(batch, repeated=repeated)

    def _admit(self, digest: bytes) -> bool:
        """Remember an id; return whether it is new."""
        if digest in self._known:
            return False
        self._known.add(digest)
        self._order += digest
        if len(self._known) > self._limit:
            self._known.remove(bytes(self._order[:DIGEST_BYTES]))
            del self._order[:DIGEST_BYTES]
        return True
