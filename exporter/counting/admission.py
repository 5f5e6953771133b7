"""Admission: the labels of a batch are spelt in names that have a place, and the rest are `other`.

What was admitted, and how often something was not, is part of the engine's state.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from exporter.batch import Batch, Series
from exporter.counting.plan import Plan
from exporter.encoded import Encoded
from exporter.tallies.snapshot import Snapshot
from exporter.tallies.tally import segment_identity
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


class Admission:
    """The vocabularies of all labels, within the limits of a plan. `capped` counts refusals by label."""

    def __init__(self, plan: Plan, state: Snapshot) -> None:
        self.capped = dict(state.capped)
        self._begin(plan, state.series, state.names, state.segment_values)

    def adopt(self, plan: Plan, kept: Collection[str]) -> None:
        """Go on within the limits of another plan; what has a place keeps it, of segments those that are `kept`."""
        values = {name: values for name, values in self.segment_values.items() if segment_identity(name) in kept}
        self._begin(plan, self.series, self.names, values)

    def _begin(
        self,
        plan: Plan,
        series: tuple[Series, ...],
        names: Mapping[str, tuple[str, ...]],
        values: Mapping[str, tuple[str, ...]],
    ) -> None:
        self._series = SeriesVocabulary(plan.limits.models, series)
        self._classes = labels(plan.limits.prediction_classes, names.get(CLASS_LABEL, ()))
        self._errors = labels(plan.limits.error_types, names.get(ERROR_LABEL, ()))
        for name in plan.known_classes:
            self._classes.code(printable(name))
        self._segments = {
            segment.name: segment_vocabulary(plan.limits.segment_values, values.get(segment.name, ()))
            for segment in plan.segments
        }
        known = [(segment.name, printable(value)) for segment in plan.segments for value in segment.known]
        # Those that have no place are one.
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
        """Return what a series is told under."""
        return self._series.admit(series)

    def admit(self, batch: Batch) -> Batch:
        """Spell the batch's labels in admitted ones."""
        series, capped = self._series.encode(_map_series(batch.series))
        self._cap(SERIES_LABEL, capped)
        prediction = self._admit_label(CLASS_LABEL, self._classes, batch.prediction)
        error = self._admit_label(ERROR_LABEL, self._errors, batch.error)
        # One place for a class, predicted or true.
        actual = batch.actual and self._admit_label(CLASS_LABEL, self._classes, batch.actual)
        segments = zip(self._segments.values(), batch.segments, strict=True)
        return replace(
            batch,
            series=series,
            prediction=prediction,
            error=error,
            actual=actual,
            segments=tuple(
                self._admit_label(SEGMENT_LABEL, values, _without_gaps(column)) for values, column in segments
            ),
        )

    def _admit_label(self, label: str, vocabulary: Vocabulary[str], column: Encoded[str]) -> Encoded[str]:
        if not column.names:
            return column
        admitted, capped = vocabulary.encode(Encoded(tuple(map(printable, column.names)), column.codes))
        self._cap(label, capped)
        return admitted

    def _cap(self, label: str, count: int) -> None:
        if count:
            self.capped[label] = self.capped.get(label, 0) + count


def _without_gaps(column: Encoded[str]) -> Encoded[str]:
    """Spell absent values as `missing`."""
    absent = column.codes < 0
    if not absent.any():
        return column
    return Encoded((*column.names, MISSING), np.where(absent, len(column.names), column.codes))


def _map_series(column: Encoded[Series]) -> Encoded[Series]:
    return Encoded(tuple(Series(*map(printable, series)) for series in column.names), column.codes)
