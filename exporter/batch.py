"""A `Batch`: predictions as columns. Row i of every column is the i-th record."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporter.encoded import Encoded

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Marks = NDArray[np.uint8]

WRONG_TYPE = 1
NON_FINITE = 2
# In the place of an amount that is not a number, or not a finite one.
NO_NUMBER, NOT_FINITE = -math.inf, math.inf

# The records that a statistic reads: `requests` are predictions and errors, and `outcomes` are predictions that were
# joined with their ground truth.
Reads = Literal["requests", "predictions", "errors", "outcomes"]
LOGGED: tuple[Reads, ...] = ("requests", "predictions", "errors")


class Series(NamedTuple):
    """The base labels of every `model_*` metric."""

    model_name: str
    model_version: str

    @property
    def segment(self) -> None:
        """None, because a series is not a segment."""


class SegmentSeries(NamedTuple):
    """The base labels of every `model_segment_*` metric: the part of a series that has one value of a segment."""

    model_name: str
    model_version: str
    segment: str
    segment_value: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Records as columns, n rows.

    Features: `numbers` has shape (numeric features, n), NaN for a missing value. `categories` has a column per
    categorical feature, and `vectors` an array of shape (n, dimension) per vector feature, a row of NaN for a missing
    or unusable vector. `marks` has shape (numeric, then categorical, then vector features, n) and says why a value is
    unusable: WRONG_TYPE, NON_FINITE, or 0. It is None if all values are usable, which is nearly always.

    Predictions: `prediction` is the class. Once the number of classes has been limited, `predicted` is the class before
    that. `value` is the prediction if it is a number, otherwise NaN. `scores` has shape (classes of the reference, n):
    the model's score of each class, 0 to 1, NaN if unknown. `attributions` has shape (attributed features, n), NaN for
    a missing value. `amounts` has shape (business figures, n), NaN for none, NO_NUMBER or NOT_FINITE for an unusable
    one. `segments` has a column per segment. `request_id`, `scores`, `attributions` and `amounts` are None unless the
    schema reads them.

    A batch of outcomes, which are predictions joined with their ground truth, also has `actual` and `actual_value`,
    like `prediction` and `value`, and `delay_seconds` from prediction to ground truth. Its `time` is that of the
    prediction, and it has no features. Tables may have the ground truth beside the prediction.

    The engine sets `repeated`, whether a row's request id was seen before, and `group`, the number of the series and
    the panes that a row is tallied under, less than `groups`.
    """

    time: Floats
    series: Encoded[Series]
    prediction: Encoded[str]
    error: Encoded[str]
    latency_seconds: Floats
    probability: Floats
    value: Floats
    numbers: Floats
    categories: tuple[Encoded[str], ...]
    marks: Marks | None
    group: Ints
    groups: int = 1
    request_id: Encoded[str] | None = None
    repeated: Bools | None = None
    vectors: tuple[Floats, ...] = ()
    segments: tuple[Encoded[str], ...] = ()
    scores: Floats | None = None
    actual: Encoded[str] | None = None
    actual_value: Floats | None = None
    delay_seconds: Floats | None = None
    attributions: Floats | None = None
    amounts: Floats | None = None
    predicted: Encoded[str] | None = None

    def __len__(self) -> int:
        return len(self.time)

    def where(self, mask: Bools) -> Batch:
        """Return the rows for which `mask` (n booleans) is true."""
        return replace(
            self,
            time=self.time[mask],
            series=self.series.where(mask),
            prediction=self.prediction.where(mask),
            error=self.error.where(mask),
            latency_seconds=self.latency_seconds[mask],
            probability=self.probability[mask],
            value=self.value[mask],
            numbers=self.numbers[:, mask],
            categories=tuple(column.where(mask) for column in self.categories),
            marks=None if self.marks is None else self.marks[:, mask],
            group=self.group[mask],
            request_id=self.request_id and self.request_id.where(mask),
            repeated=None if self.repeated is None else self.repeated[mask],
            vectors=tuple(vectors[mask] for vectors in self.vectors),
            segments=tuple(column.where(mask) for column in self.segments),
            scores=None if self.scores is None else self.scores[:, mask],
            actual=self.actual and self.actual.where(mask),
            actual_value=None if self.actual_value is None else self.actual_value[mask],
            amounts=None if self.amounts is None else self.amounts[:, mask],
            predicted=self.predicted and self.predicted.where(mask),
            delay_seconds=None if self.delay_seconds is None else self.delay_seconds[mask],
            attributions=None if self.attributions is None else self.attributions[:, mask],
        )

    def explained(self) -> Batch:
        """Return the records that have attributions, with these in the place of features."""
        if self.attributions is None:
            raise ValueError("a batch of which no attributions were read")
        bare = replace(
            self, numbers=self.attributions, categories=(), vectors=(), marks=None, segments=(), attributions=None
        )
        has_any: Bools = np.logical_or.reduce(~np.isnan(self.attributions), axis=0)
        return bare if has_any.all() else bare.where(has_any)

    @property
    def truth(self) -> tuple[Encoded[str], Floats]:
        """`actual` and `actual_value`, which a batch of outcomes has; raises ValueError of another."""
        if self.actual is None or self.actual_value is None:
            raise ValueError("not a batch of outcomes")
        return self.actual, self.actual_value

    def without_unused(self) -> Batch:
        """Return the same with those labels alone that some record holds."""
        return replace(
            self,
            series=self.series.without_unused(),
            prediction=self.prediction.without_unused(),
            error=self.error.without_unused(),
            categories=tuple(column.without_unused() for column in self.categories),
            segments=tuple(column.without_unused() for column in self.segments),
            actual=self.actual and self.actual.without_unused(),
            predicted=self.predicted and self.predicted.without_unused(),
        )

    def read_as(self, kind: Reads) -> Batch:
        """Return the records of a kind; a batch of outcomes holds no others."""
        if kind == "predictions":
            return self.predictions()
        return self.errors() if kind == "errors" else self

    def predictions(self) -> Batch:
        """Return the records that are predictions."""
        return self if not self.error.names else self.where(self.error.codes < 0)

    def summed(self, values: Floats) -> Floats:
        """Return the sums of `values`, shape (rows of something, n), over the rows of each group: (groups, rows)."""
        if self.groups == 1:
            total: Floats = values.sum(axis=1)[None]
            return total
        sums = np.zeros((self.groups, len(values)))
        if len(self):
            order = np.argsort(self.group, kind="stable")
            present, starts = np.unique(self.group[order], return_index=True)
            sums[present] = np.add.reduceat(values[:, order], starts, axis=1).T
        return sums

    def absent(self) -> Bools:
        """Return which values are absent or null, shape as of `marks`; one that is unusable is not absent."""
        others = len(self.numbers) + len(self.categories)
        absent: Bools = np.empty((others + len(self.vectors), len(self)), np.bool_)
        np.isnan(self.numbers, out=absent[: len(self.numbers)])
        for row, column in enumerate(self.categories, len(self.numbers)):
            absent[row] = column.codes < 0
        for row, vectors in enumerate(self.vectors, others):
            absent[row] = np.isnan(vectors[:, 0])
        return absent if self.marks is None else absent & (self.marks == 0)

    def sizes(self) -> Ints:
        """Return how many rows each group has."""
        return np.array([len(self)]) if self.groups == 1 else np.bincount(self.group, minlength=self.groups)

    def count(self, holds: Bools) -> Ints:
        """Return in how many rows of each group each of m things holds, shape (m, n); shape (groups, m)."""
        if not np.count_nonzero(holds):
            return np.zeros((self.groups, len(holds)), np.int64)
        if self.groups == 1:
            counts: Ints = np.add.reduce(holds, axis=1, dtype=np.int64)[None]
            return counts
        thing, row = np.nonzero(holds)
        cells = self.group[row] * len(holds) + thing
        return np.bincount(cells, minlength=self.groups * len(holds)).reshape(self.groups, len(holds))

    def errors(self) -> Batch:
        """Return the records that are errors (they carry an `error_type`)."""
        return self.where(self.error.codes >= 0)
