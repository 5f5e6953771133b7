"""The last keys that were seen, to recognise repeated batches and requests.

Keys are part of the snapshot, so that they become durable together with the counts.
"""

import hashlib
from dataclasses import replace

import numpy as np

from exporter.batch import Batch

DIGEST_BYTES = 8


class SeenKeys:
    """Remembers the last `capacity` distinct keys by their hashes; `digests` are those to start with."""

    def __init__(self, capacity: int, digests: bytes = b"") -> None:
        self.capacity = capacity
        # One run of bytes, so that a snapshot is one copy. CPython removes from its front without moving the rest.
        self._order = bytearray(digests[-capacity * DIGEST_BYTES :] if capacity else b"")
        starts = range(0, len(self._order), DIGEST_BYTES)
        self._seen = {bytes(self._order[start : start + DIGEST_BYTES]) for start in starts}

    @property
    def digests(self) -> bytes:
        """The hashes, oldest first."""
        return bytes(self._order)

    def add(self, key: bytes) -> bool:
        """Remember a key; return whether it is new."""
        digest = hashlib.blake2b(key, digest_size=DIGEST_BYTES).digest()
        if digest in self._seen:
            return False
        self._seen.add(digest)
        self._order += digest
        if len(self._seen) > self.capacity:
            self._seen.remove(bytes(self._order[:DIGEST_BYTES]))
            del self._order[:DIGEST_BYTES]
        return True


def mark_repeated(batch: Batch, seen: SeenKeys) -> Batch:
    """Return the batch with `repeated` set, if request ids were read, and remember its ids by model and version.

    The id of an error is not remembered, because it is right to try again after an error.
    """
    if batch.request_id is None or not seen.capacity:
        return batch
    ids, codes = batch.request_id.names, batch.request_id.codes.tolist()
    prefixes = ["".join(f"{label}\n" for label in series).encode() for series in batch.series.names]
    repeated = np.zeros(len(batch), np.bool_)
    for row in np.flatnonzero((batch.error.codes < 0) & (batch.request_id.codes >= 0)).tolist():
        repeated[row] = not seen.add(prefixes[batch.series.codes[row]] + ids[codes[row]].encode())
    return replace(batch, repeated=repeated)
