"""The checks of a decoded batch, whatever its format, and the series of its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from exporter.batch import Batch, Bools, Floats, Ints, Series
from exporter.decoding.columns import SCORE_ROUNDING, label_of
from exporter.encoded import Encoded
from exporter.lines.rejects import Reason

MAX_LATENCY_SECONDS = 1e7


class Failed(NamedTuple):
    """The rows (n booleans) that fail for one reason, and what was expected."""

    reason: Reason
    rows: Bools
    detail: str


class RejectedRows(NamedTuple):
    """The numbers of the rows that are rejected for one reason, at least one, and what was expected."""

    reason: Reason
    rows: Ints
    detail: str


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of predictions; a timestamp may be this many seconds before or after the time of arrival."""

    past_seconds: float
    future_seconds: float

    def apply(self, batch: Batch, now: float, failed: Sequence[Failed] = ()) -> tuple[Batch, list[RejectedRows]]:
        """Return the rows that pass, and the rejected ones, those that `failed` before included.

        A row is rejected for one reason only.
        """
        rejected: list[RejectedRows] = []
        good = np.ones(len(batch), np.bool_)
        for reason, rows, detail in (*failed, *self._failed(batch, now)):
            bad = rows & good
            if bad.any():
                rejected.append(RejectedRows(reason, np.flatnonzero(bad), detail))
                good &= ~bad
        # A label that only rejected records have must not take the place of another.
        return (batch.where(good).without_unused() if rejected else batch), rejected

    def _failed(self, batch: Batch, now: float) -> list[Failed]:
        missing = (batch.prediction.codes < 0) & (batch.error.codes < 0)
        past = batch.time < now - self.past_seconds
        return [
            Failed(Reason.MISSING_FIELD, missing, "neither a prediction nor an error_type"),
            self._future(batch, now),
            Failed(Reason.TIMESTAMP_PAST, past, f"timestamp more than {self.past_seconds:.0f} s old"),
        ]

    def _future(self, batch: Batch, now: float) -> Failed:
        future = batch.time > now + self.future_seconds
        return Failed(Reason.TIMESTAMP_FUTURE, future, f"timestamp more than {self.future_seconds:.0f} s ahead")


@dataclass(frozen=True, slots=True)
class LabelChecks(Checks):
    """The checks of ground-truth labels, which are decoded like predictions; a label may be of any age."""

    def _failed(self, batch: Batch, now: float) -> list[Failed]:
        without_id = np.ones(len(batch), np.bool_) if batch.request_id is None else batch.request_id.codes < 0
        return [
            Failed(Reason.MISSING_FIELD, without_id, "no request_id"),
            Failed(Reason.MISSING_FIELD, batch.prediction.codes < 0, "no actual"),
            self._future(batch, now),
        ]


def without_impossible(latency_seconds: Floats, probability: Floats) -> tuple[Floats, Floats, dict[str, int]]:
    """Return latencies and scores, NaN where they are impossible, and how many of each are."""
    latencies = (latency_seconds < 0) | (latency_seconds > MAX_LATENCY_SECONDS)
    scores = (probability < -SCORE_ROUNDING) | (probability > 1 + SCORE_ROUNDING)
    found = {"latency": int(np.count_nonzero(latencies)), "probability": int(np.count_nonzero(scores))}
    counts = {name: count for name, count in found.items() if count}
    if not counts:
        return latency_seconds, probability, {}
    return np.where(latencies, np.nan, latency_seconds), np.where(scores, np.nan, probability), counts


def series(columns: Sequence[Encoded[Any]], default: Series) -> Encoded[Series]:
    """Return the series of each row, of at least one row, from a column for each label of Series.

    `default` has the labels that a row lacks.
    """
    spelt = [[*map(label_of, column.names), own] for column, own in zip(columns, default, strict=True)]
    shape = [len(names) for names in spelt]
    # A negative code stands for the default, which is the last.
    numbers = np.ravel_multi_index([column.codes % size for column, size in zip(columns, shape, strict=True)], shape)

    def series_of(number: Any) -> Series:
        return Series(*(names[at] for names, at in zip(spelt, np.unravel_index(number, shape), strict=True)))

    if (numbers == numbers[0]).all():
        return Encoded((series_of(numbers[0]),), np.zeros(len(numbers), np.int64))
    distinct, first, rows = np.unique(numbers, return_index=True, return_inverse=True)
    known: dict[Series, int] = {}
    codes = np.empty(len(distinct), np.int64)
    for number in np.argsort(first).tolist():
        codes[number] = known.setdefault(series_of(distinct[number]), len(known))
    return Encoded(tuple(known), codes[rows])
