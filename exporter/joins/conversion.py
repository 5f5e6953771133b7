"""From batches to the values that are joined, and from pairs back to a batch of outcomes."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from exporter.batch import Batch, Floats
from exporter.encoded import Encoded
from exporter.joins.request import GroundTruthLabel, JoinedPair, PendingPrediction

DIGEST_BYTES = 8

T = TypeVar("T")


def predictions(batch: Batch, now: float) -> list[tuple[int, PendingPrediction]]:
    """Return the predictions of a batch that carry a request id, each with the digest of that id."""
    if batch.request_id is None:
        return []
    n = len(batch)
    classes: list[str | None] = _values(batch.predicted or batch.prediction)
    scores = _tuples(batch.scores, n)
    segments = list(zip(*map(_values, batch.segments), strict=True)) if batch.segments else [()] * n
    columns = zip(
        _digests(batch.request_id),
        batch.time.tolist(),
        _values(batch.series),
        classes,
        batch.value.tolist(),
        batch.probability.tolist(),
        scores,
        segments,
        batch.error.codes.tolist(),
        strict=True,
    )
    return [
        (digest, PendingPrediction(now, time, series, prediction, value, probability, of_classes, of_segments))
        for digest, time, series, prediction, value, probability, of_classes, of_segments, error in columns
        if digest is not None and series is not None and error < 0
    ]


def truths(batch: Batch) -> list[tuple[int, GroundTruthLabel]]:
    """Return the ground truth that was decoded as the predictions of a batch, each with its request's digest."""
    if batch.request_id is None:
        return []
    actual: list[str | None] = _values(batch.prediction)
    amounts = _tuples(batch.amounts, len(batch))
    columns = zip(_digests(batch.request_id), batch.time.tolist(), actual, batch.value.tolist(), amounts, strict=True)
    return [
        (digest, GroundTruthLabel(time, label, value, of_figures))
        for digest, time, label, value, of_figures in columns
        if digest is not None
    ]


def outcomes(pairs: Sequence[JoinedPair], segments: int = 0) -> Batch:
    """Return pairs, at least one, as a batch of outcomes with so many segments."""
    n = len(pairs)
    predictions, found = zip(*pairs, strict=True)
    time = np.array([prediction.time for prediction in predictions])
    truth_time = np.array([truth.time for truth in found])
    of_segments = zip(*(_of_width(prediction.segments, segments) for prediction in predictions), strict=True)
    return Batch(
        time=time,
        series=Encoded.of(tuple(prediction.series for prediction in predictions)),
        prediction=Encoded.of(tuple(prediction.prediction for prediction in predictions)),
        error=Encoded((), np.full(n, -1)),
        latency_seconds=np.full(n, np.nan),
        probability=np.array([prediction.probability for prediction in predictions]),
        value=np.array([prediction.value for prediction in predictions]),
        numbers=np.empty((0, n)),
        categories=(),
        marks=None,
        group=np.zeros(n, np.int64),
        segments=tuple(map(Encoded.of, of_segments)),
        scores=_matrix([prediction.scores for prediction in predictions]),
        amounts=_matrix([truth.amounts for truth in found]),
        actual=Encoded.of(tuple(truth.actual for truth in found)),
        actual_value=np.array([truth.value for truth in found]),
        delay_seconds=np.maximum(truth_time - time, 0.0),
    )


def _digests(ids: Encoded[str]) -> list[int | None]:
    of_names: list[int | None] = [
        int.from_bytes(hashlib.blake2b(name.encode(), digest_size=DIGEST_BYTES).digest(), "little", signed=True)
        for name in ids.names
    ]
    # The code of an absent id is -1, which is the last.
    of_names.append(None)
    return [of_names[code] for code in ids.codes.tolist()]


def _values(column: Encoded[T]) -> list[T | None]:
    names: list[T | None] = [*column.names, None]
    return [names[code] for code in column.codes.tolist()]


def _tuples(matrix: Floats | None, n: int) -> list[tuple[float, ...]]:
    """Return the columns of an array of shape (things, n); n empty tuples if there is none."""
    return [()] * n if matrix is None else [tuple(row) for row in matrix.T.tolist()]


def _matrix(rows: Sequence[tuple[float, ...]]) -> Floats | None:
    """Return rows as columns of an array; a row from before the plan was changed may be shorter, and is NaN."""
    width = max(map(len, rows))
    if not width:
        return None
    return np.array([row if len(row) == width else (np.nan,) * width for row in rows]).T


def _of_width(segments: tuple[str | None, ...], width: int) -> tuple[str | None, ...]:
    """Return the segments; none of a prediction from before the plan was changed, if it had others."""
    return segments if len(segments) == width else (None,) * width
