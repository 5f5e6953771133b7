"""A request: its predictions and its ground truth, as one immutable value."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from exporter.batch import Series

# In SQLite.
LARGEST = 2**63 - 1


class PendingPrediction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A prediction that arrived `at` an epoch time, with what outcomes need of its record."""

    at: float
    time: float
    series: Series
    prediction: str | None
    value: float
    probability: float
    scores: tuple[float, ...] = ()
    segments: tuple[str | None, ...] = ()


class GroundTruthLabel(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The ground truth of a request; `amounts` are those of business figures."""

    time: float
    actual: str | None
    value: float
    amounts: tuple[float, ...] = ()

    def same_value(self, other: GroundTruthLabel) -> bool:
        """Return whether both have the same class, or the same number, NaN being the same as NaN."""
        return self.actual == other.actual and repr(self.value) == repr(other.value)


class Request(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A request by the `digest` of its id: its predictions wait for `truth`, or have been joined with it.

    There is one prediction per model and version. `at` is the epoch time from which the request waits: when the
    newest prediction arrived, or once there is one, the ground truth. A request is kept after it was joined, as long
    as it could have waited, so that repeated or revised ground truth finds what was joined.
    """

    digest: Annotated[int, Meta(le=LARGEST)]
    at: float
    predictions: tuple[PendingPrediction, ...] = ()
    truth: GroundTruthLabel | None = None

    @property
    def pending(self) -> int:
        """How many predictions wait."""
        return len(self.predictions) if self.truth is None else 0

    @property
    def is_unmatched(self) -> bool:
        """Whether the ground truth has not been joined with any prediction."""
        return self.truth is not None and not self.predictions


class JoinedPair(NamedTuple):
    """A prediction and its ground truth."""

    prediction: PendingPrediction
    truth: GroundTruthLabel
