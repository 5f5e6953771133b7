"""What waits to be joined as rows: read from batches, and what was joined as a batch again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np

from exporter.batch import Batch, Floats, Series
from exporter.encoded import Encoded

DIGEST_BYTES = 8

T = TypeVar("T")


class Waiting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A prediction, known by a digest of its request id, that arrived `at` an epoch time; the rest is of its record."""

    digest: int
    at: float
    time: float
    series: Series
    prediction: str | None
    value: float
    probability: float
    scores: tuple[float, ...] = ()
    segments: tuple[str | None, ...] = ()


class Truth(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A ground truth in the same manner; `answered` are the series whose prediction it has been joined with."""

    digest: int
    at: float
    time: float
    actual: str | None
    value: float
    answered: tuple[Series, ...] = ()
    amounts: tuple[float, ...] = ()

    def says(self, other: Truth) -> bool:
        """Whether the other says the same."""
        return self.actual == other.actual and repr(self.value) == repr(other.value)


class Pair(NamedTuple):
    """A prediction and its truth."""

    prediction: Waiting
    truth: Truth


def predictions(batch: Batch, now: float) -> list[Waiting]:
    """Return the predictions of a batch that carry a request id."""
    if batch.request_id is None:
        return []
    n = len(batch)
    classes: list[str | None] = _spelt(batch.prediction)
    scores = _tuples(batch.scores, n)
    segments = list(zip(*[_spelt(column) for column in batch.segments], strict=True)) if batch.segments else [()] * n
    columns = zip(
        _digests(batch.request_id),
        batch.time.tolist(),
        _spelt(batch.series),
        classes,
        batch.value.tolist(),
        batch.probability.tolist(),
        scores,
        segments,
        batch.error.codes.tolist(),
        strict=True,
    )
    return [
        Waiting(digest, now, time, series, prediction, value, probability, of_classes, of_segments)
        for digest, time, series, prediction, value, probability, of_classes, of_segments, error in columns
        if digest is not None and series is not None and error < 0
    ]


def truths(batch: Batch, now: float) -> list[Truth]:
    """Return the truths of a batch, of which they are the predictions."""
    if batch.request_id is None:
        return []
    actual: list[str | None] = _spelt(batch.prediction)
    amounts = _tuples(batch.amounts, len(batch))
    columns = zip(_digests(batch.request_id), batch.time.tolist(), actual, batch.value.tolist(), amounts, strict=True)
    return [
        Truth(digest, now, time, label, value, (), of_figures)
        for digest, time, label, value, of_figures in columns
        if digest is not None
    ]


def _digests(ids: Encoded[str]) -> list[int | None]:
    of_names: list[int | None] = [
        int.from_bytes(hashlib.blake2b(name.encode(), digest_size=DIGEST_BYTES).digest(), "little", signed=True)
        for name in ids.names
    ]
    # The code of an absent id is -1, which is the last.
    of_names.append(None)
    return [of_names[code] for code in ids.codes.tolist()]


def _spelt(column: Encoded[T]) -> list[T | None]:
    names: list[T | None] = [*column.names, None]
    return [names[code] for code in column.codes.tolist()]


def outcomes(pairs: Sequence[Pair], now: float, segments: int = 0) -> Batch:
    """Return what was joined at epoch time `now`, at least one pair, as a batch of outcomes with so many segments."""
    n = len(pairs)
    predictions, found = zip(*pairs, strict=True)
    time = np.array([row.time for row in predictions])
    truth_time = np.array([truth.time for truth in found])
    return Batch(
        time=np.full(n, now),
        series=Encoded.of(tuple(row.series for row in predictions)),
        prediction=Encoded.of(tuple(row.prediction for row in predictions)),
        error=Encoded((), np.full(n, -1)),
        latency_seconds=np.full(n, np.nan),
        probability=np.array([row.probability for row in predictions]),
        value=np.array([row.value for row in predictions]),
        numbers=np.empty((0, n)),
        categories=(),
        marks=None,
        group=np.zeros(n, np.int64),
        segments=tuple(map(Encoded.of, zip(*(_of_width(row.segments, segments) for row in predictions), strict=True))),
        scores=_matrix([row.scores for row in predictions]),
        amounts=_matrix([truth.amounts for truth in found]),
        actual=Encoded.of(tuple(truth.actual for truth in found)),
        actual_value=np.array([truth.value for truth in found]),
        delay_seconds=np.maximum(truth_time - time, 0.0),
    )


def _tuples(matrix: Floats | None, n: int) -> list[tuple[float, ...]]:
    """Return the columns of an array of shape (things, n), of which there may be none."""
    return [()] * n if matrix is None else [tuple(row) for row in matrix.T.tolist()]


def _matrix(rows: Sequence[tuple[float, ...]]) -> Floats | None:
    """Return the opposite; there may be more things since a plan was changed."""
    width = max(map(len, rows))
    if not width:
        return None
    return np.array([row if len(row) == width else (np.nan,) * width for row in rows]).T


def _of_width(segments: tuple[str | None, ...], width: int) -> tuple[str | None, ...]:
    """Return the segments, of which there were others when a prediction came before the plan was changed."""
    return segments if len(segments) == width else (None,) * width
