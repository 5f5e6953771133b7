"""What every record has to be, however it came: the checks of a decoded batch, and the series that it is under."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from exporter.batch import Batch, Bools, Ints, Series
from exporter.decoding.columns import SCORE_ROUNDING, label_of
from exporter.encoded import Encoded
from exporter.lines.rejects import MISSING_FIELD, OUT_OF_RANGE, TIMESTAMP_FUTURE, TIMESTAMP_PAST

MAX_LATENCY_SECONDS = 1e7


class Failed(NamedTuple):
    """The rows (n booleans) that fail for one of rejects.REASONS, and what was expected."""

    reason: str
    rows: Bools
    detail: str


class Refused(NamedTuple):
    """The numbers of the rows that are refused for one of rejects.REASONS, at least one, and what was expected."""

    reason: str
    rows: Ints
    detail: str


@dataclass(frozen=True, slots=True)
class Checks:
    """`past_seconds` and `future_seconds` bound how far a timestamp may lie from the time of arrival."""

    past_seconds: float
    future_seconds: float

    def apply(self, batch: Batch, now: float, failed: Sequence[Failed] = ()) -> tuple[Batch, list[Refused]]:
        """Take out the rows that have `failed` before, and those whose values cannot be; a row counts once."""
        refused: list[Refused] = []
        good = np.ones(len(batch), np.bool_)
        for reason, rows, detail in (*failed, *self._failed(batch, now)):
            bad = rows & good
            if bad.any():
                refused.append(Refused(reason, np.flatnonzero(bad), detail))
                good &= ~bad
        # A label that only refused records hold must take no other's place.
        return (batch.where(good).without_unused() if refused else batch), refused

    @property
    def ahead(self) -> str:
        """What is told of a timestamp in the future."""
        return f"timestamp more than {self.future_seconds:.0f} s ahead"

    def _failed(self, batch: Batch, now: float) -> list[Failed]:
        latency, probability, time = batch.latency_seconds, batch.probability, batch.time
        missing = (batch.prediction.codes < 0) & (batch.error.codes < 0)
        absurd = (latency < 0) | (latency > MAX_LATENCY_SECONDS)
        absurd |= (probability < -SCORE_ROUNDING) | (probability > 1 + SCORE_ROUNDING)
        future, past = time > now + self.future_seconds, time < now - self.past_seconds
        return [
            Failed(MISSING_FIELD, missing, "neither a prediction nor an error_type"),
            Failed(OUT_OF_RANGE, absurd, "expected a latency of 0 or more and a probability from 0 to 1"),
            Failed(TIMESTAMP_FUTURE, future, self.ahead),
            Failed(TIMESTAMP_PAST, past, f"timestamp more than {self.past_seconds:.0f} s old"),
        ]


@dataclass(frozen=True, slots=True)
class LabelChecks(Checks):
    """The checks of ground-truth labels, which are decoded as predictions are; a label may be of any time past."""

    def _failed(self, batch: Batch, now: float) -> list[Failed]:
        without_id = np.ones(len(batch), np.bool_) if batch.request_id is None else batch.request_id.codes < 0
        return [
            Failed(MISSING_FIELD, without_id, "no request_id"),
            Failed(MISSING_FIELD, batch.prediction.codes < 0, "no actual"),
            Failed(TIMESTAMP_FUTURE, batch.time > now + self.future_seconds, self.ahead),
        ]


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
