"""The ids of batches that were counted, so that one that a client sends again is not counted again.

They are part of the snapshot: what is counted and that it is counted become durable together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

REMEMBERED = 10_000
DIGEST_BYTES = 8


class Batches:
    """Remembers the last REMEMBERED batches, by the hashes of their sources and ids."""

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        self._digests = dict.fromkeys(digests)

    @property
    def digests(self) -> tuple[bytes, ...]:
        """What to begin from after a restart; oldest first."""
        return tuple(self._digests)

    def admit(self, source: str, batch: str) -> bool:
        """Remember a batch; return whether it is new."""
        # An id may hold bytes that are no text, as a header may.
        key = f"{source}\n{batch}".encode(errors="surrogateescape")
        digest = hashlib.blake2b(key, digest_size=DIGEST_BYTES).digest()
        if digest in self._digests:
            return False
        self._digests[digest] = None
        if len(self._digests) > REMEMBERED:
            del self._digests[next(iter(self._digests))]
        return True
