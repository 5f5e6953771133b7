"""Limits the labels that come from a log: an admitted label keeps its place, and labels beyond the limit are `other`.

The admitted labels, and the number of labels replaced, are part of the state.
"""

from dataclasses import replace

import numpy as np

from exporter.batch import Batch, Series
from exporter.encoded import Encoded
from exporter.engine.plan import Plan
from exporter.state.snapshot import Snapshot
from exporter.tallies.vocabulary import (
    CLASS_LABEL,
    ERROR_LABEL,
    MISSING,
    SEGMENT_LABEL,
    SERIES_LABEL,
    SeriesVocabulary,
    Vocabulary,
    labels,
    printable,
    segment_vocabulary,
)


class LabelLimiter:
    """The vocabularies of all labels, within the limits of a plan, from a snapshot on.

    `capped` counts the rows whose label was replaced, by label. `known_segments` are the names and values in the plan.
    """

    def __init__(self, plan: Plan, state: Snapshot) -> None:
        self.capped = dict(state.capped)
        self._series = SeriesVocabulary(plan.limits.models, state.series)
        self._classes = labels(plan.limits.prediction_classes, state.names.get(CLASS_LABEL, ()))
        self._errors = labels(plan.limits.error_types, state.names.get(ERROR_LABEL, ()))
        for name in plan.known_classes:
            self._classes.code(printable(name))
        self._segments = {
            segment.name: segment_vocabulary(plan.limits.segment_values, state.segment_values.get(segment.name, ()))
            for segment in plan.segments
        }
        known = [(segment.name, printable(value)) for segment in plan.segments for value in segment.known]
        # Values beyond the limit are all `other`.
        self.known_segments = dict.fromkeys((name, self._segments[name].admit(value)) for name, value in known)

    @property
    def series(self) -> tuple[Series, ...]:
        return self._series.names

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """The names admitted for each label of statistics."""
        return {CLASS_LABEL: self._classes.names, ERROR_LABEL: self._errors.names}

    @property
    def segment_values(self) -> dict[str, tuple[str, ...]]:
        """The values admitted for each segment."""
        return {name: vocabulary.names for name, vocabulary in self._segments.items()}

    def admit_series(self, series: Series) -> Series:
        """Return a series, or its replacement if it is not admitted."""
        return self._series.admit(series)

    def limit(self, batch: Batch) -> Batch:
        """Return the batch with admitted labels only."""
        series, capped = self._series.encode(_map_series(batch.series))
        self._cap(SERIES_LABEL, capped)
        prediction = self._limit_label(CLASS_LABEL, self._classes, batch.prediction)
        error = self._limit_label(ERROR_LABEL, self._errors, batch.error)
        # A predicted class and a true one share a place.
        actual = batch.actual and self._limit_label(CLASS_LABEL, self._classes, batch.actual)
        segments = zip(self._segments.values(), batch.segments, strict=True)
        return replace(
            batch,
            series=series,
            prediction=prediction,
            error=error,
            actual=actual,
            segments=tuple(
                self._limit_label(SEGMENT_LABEL, values, _with_missing(column)) for values, column in segments
            ),
        )

    def _limit_label(self, label: str, vocabulary: Vocabulary[str], column: Encoded[str]) -> Encoded[str]:
        if not column.names:
            return column
        admitted, capped = vocabulary.encode(Encoded(tuple(map(printable, column.names)), column.codes))
        self._cap(label, capped)
        return admitted

    def _cap(self, label: str, count: int) -> None:
        if count:
            self.capped[label] = self.capped.get(label, 0) + count


def _with_missing(column: Encoded[str]) -> Encoded[str]:
    """Return the column with `missing` for absent values."""
    absent = column.codes < 0
    if not absent.any():
        return column
    return Encoded((*column.names, MISSING), np.where(absent, len(column.names), column.codes))


def _map_series(column: Encoded[Series]) -> Encoded[Series]:
    return Encoded(tuple(Series(*map(printable, series)) for series in column.names), column.codes)
