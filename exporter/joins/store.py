"""Stores of requests between commits: their protocol, deltas and statistics."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from exporter.joins.request import LARGEST, Request
from exporter.store_error import StoreError


class StoreDelta(msgspec.Struct, frozen=True):
    """The requests that have changed since the last commit, each as it is now.

    `number` counts up. Requests from before the epoch time `cutoff` have expired; if more than `capacity` predictions
    wait, the oldest are evicted.
    """

    number: Annotated[int, Meta(le=LARGEST)] = 0
    cutoff: float = 0.0
    capacity: Annotated[int, Meta(ge=0, le=LARGEST)] = 0
    requests: tuple[Request, ...] = ()


class StoreStats(msgspec.Struct, frozen=True):
    """How many predictions and ground-truth labels wait for each other, and how many were removed since the start.

    Predictions `expired` when their ground truth did not come in time, or were `evicted` to make room for others.
    Ground-truth labels are `orphaned` when their prediction did not come in time.
    """

    predictions: int = 0
    truths: int = 0
    expired: int = 0
    orphaned: int = 0
    evicted: int = 0


class Store(Protocol):
    """Keeps requests. All methods raise StoreError where it cannot be used."""

    @property
    def number(self) -> int:
        """The number of the last delta that was applied."""
        ...

    @property
    def stats(self) -> StoreStats: ...

    @property
    def failure(self) -> StoreError | None:
        """Why the store cannot be used any more, if it cannot."""
        ...

    def find(self, digests: Sequence[int]) -> Iterable[Request]:
        """Return the requests among those with the digests that are known; some may have expired."""
        ...

    def apply(self, delta: StoreDelta) -> None:
        """Apply a delta: all of it or nothing. A delta that was applied before changes nothing."""
        ...

    def close(self) -> None: ...
