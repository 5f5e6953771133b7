"""Limits the labels that come from a log: an admitted label keeps its place, and labels beyond the limit are `other`.

The limit of series counts those of all models; the other limits are those of each model. The admitted labels, and the
number of labels replaced, are part of the state.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import numpy as np

from exporter.batch import Batch, Series
from exporter.encoded import Encoded
from exporter.engine.plan import ModelPlan, Plan
from exporter.state.snapshot import ModelLabels, Snapshot
from exporter.tallies.vocabulary import (
    CLASS_LABEL,
    DIFFERENT_OTHER,
    ERROR_LABEL,
    MISSING,
    SEGMENT_LABEL,
    SERIES_LABEL,
    SeriesVocabulary,
    Vocabulary,
    class_vocabulary,
    labels,
    printable,
    segment_vocabulary,
)


class _ModelVocabularies:
    """The vocabularies of one model's labels."""

    def __init__(self, plan: Plan, state: ModelLabels) -> None:
        self._plan = plan
        self._state = state
        self.classes = class_vocabulary(plan.limits.prediction_classes, state.names.get(CLASS_LABEL, ()))
        self.errors = labels(plan.limits.error_types, state.names.get(ERROR_LABEL, ()))
        self.segments: dict[str, Vocabulary[str]] = {}

    def know(self, model: ModelPlan) -> Iterator[tuple[str, str]]:
        """Admit the known classes and segment values of a plan; yield the names and values of its segments.

        Values beyond the limit are all `other`.
        """
        for name in model.known_classes:
            self.classes.code(printable(name))
        for segment in model.segments:
            values = self._state.segments.get(segment.name, ())
            vocabulary = self.segments.setdefault(
                segment.name, segment_vocabulary(self._plan.limits.segment_values, values)
            )
            yield from ((segment.name, vocabulary.admit(printable(value))) for value in segment.known)

    @property
    def labels(self) -> ModelLabels:
        return ModelLabels(
            {CLASS_LABEL: self.classes.names, ERROR_LABEL: self.errors.names},
            {name: vocabulary.names for name, vocabulary in self.segments.items()},
        )


class LabelLimiter:
    """The vocabularies of all labels, within the limits of a plan, from a snapshot on.

    `plan_of` returns what is counted of a series. `known_series` are exported from the start. `capped` counts the rows
    whose label was replaced, by label.
    """

    def __init__(self, plan: Plan, state: Snapshot, plan_of: Callable[[Series], ModelPlan]) -> None:
        self.capped = dict(state.capped)
        self._plan = plan
        self._plan_of = plan_of
        self._last_seen = dict(state.series)
        self.known_series = [Series(*map(printable, series)) for series in plan.known_series]
        models = {key.name for key in plan.models if key.name is not None}
        self._series = SeriesVocabulary(plan.limits.models, state.series, self.known_series, models)
        self._models = {name: _ModelVocabularies(plan, labels) for name, labels in state.labels.items()}
        for series in self._series.names:
            self.known_segments(series)

    @property
    def series(self) -> dict[Series, float]:
        """The admitted series, with the time of each one's last record."""
        return {series: self._last_seen.get(series, 0.0) for series in self._series.names}

    @property
    def labels(self) -> dict[str, ModelLabels]:
        """The labels admitted for each model."""
        return {name: vocabularies.labels for name, vocabularies in self._models.items()}

    def known_segments(self, series: Series) -> Collection[tuple[str, str]]:
        """Admit the labels that are known of an admitted series; return the names and values of its segments."""
        if series.model_name not in self._models:
            self._models[series.model_name] = _ModelVocabularies(self._plan, ModelLabels())
        return dict.fromkeys(self._models[series.model_name].know(self._plan_of(series)))

    def forget(self, gone: Collection[Series]) -> None:
        """Give the places of series to others, and forget the labels of models that have no series left."""
        self._series.forget(gone)
        names = {series.model_name for series in self._series.names}
        self._models = {name: vocabularies for name, vocabularies in self._models.items() if name in names}
        self._last_seen = {series: seen for series, seen in self._last_seen.items() if series not in gone}

    def limit_series(self, batch: Batch, now: float) -> Batch:
        """Return a batch that arrived at epoch time `now` with admitted series only."""
        series, capped = self._series.encode(_map_series(batch.series))
        self._cap(SERIES_LABEL, capped)
        for code in np.flatnonzero(np.bincount(series.codes)).tolist():
            if series.names[code] not in self._last_seen:
                self.known_segments(series.names[code])
            self._last_seen[series.names[code]] = now
        return replace(batch, series=series)

    def limit(self, batch: Batch) -> Iterator[Batch]:
        """Yield the records of each model in a batch of admitted series, with admitted labels only."""
        numbers: dict[str, int] = {}
        of_series = [numbers.setdefault(series.model_name, len(numbers)) for series in batch.series.names]
        models = np.array(of_series)[batch.series.codes]
        if (models == models[0]).all():
            yield self._limit(batch)
        else:
            for model in np.unique(models).tolist():
                # A label of one model must not take a place of another's.
                yield self._limit(batch.where(models == model).without_unused())

    def _limit(self, batch: Batch) -> Batch:
        """Return records of one model, of which the same is counted, with admitted labels only."""
        series = batch.series.names[batch.series.codes[0]]
        vocabularies = self._models[series.model_name]
        segments = zip(self._plan_of(series).segments, batch.segments, strict=True)
        predicted, actual = _map_labels(batch.prediction), batch.actual and _map_labels(batch.actual)
        if actual is None:
            prediction = self._limit_label(CLASS_LABEL, vocabularies.classes, predicted)
        else:
            # What is replaced in a prediction is counted when the prediction arrives, and not with its outcome.
            prediction, _ = vocabularies.classes.encode(predicted)
            # A predicted class and a true one share a place.
            limited = self._limit_label(CLASS_LABEL, vocabularies.classes, actual)
            actual = _without_confusion(vocabularies.classes, (predicted, actual), prediction, limited)
        return replace(
            batch,
            prediction=prediction,
            predicted=predicted,
            error=self._limit_label(ERROR_LABEL, vocabularies.errors, _map_labels(batch.error)),
            actual=actual,
            segments=tuple(
                self._limit_label(
                    SEGMENT_LABEL, vocabularies.segments[segment.name], _map_labels(_with_missing(column))
                )
                for segment, column in segments
            ),
        )

    def _limit_label(self, label: str, vocabulary: Vocabulary[str], column: Encoded[str]) -> Encoded[str]:
        if not column.names:
            return column
        admitted, capped = vocabulary.encode(column)
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


def _without_confusion(
    vocabulary: Vocabulary[str],
    before: tuple[Encoded[str], Encoded[str]],
    prediction: Encoded[str],
    actual: Encoded[str],
) -> Encoded[str]:
    """Return the limited actual classes, equal to the limited predictions only if both were equal `before`."""
    names = {name: number for number, name in enumerate((*before[0].names, *before[1].names))}
    numbers = [np.array([names[name] for name in column.names] + [-1])[column.codes] for column in before]
    is_confused = (actual.codes == prediction.codes) & (numbers[0] != numbers[1])
    if not is_confused.any():
        return actual
    code, _ = vocabulary.code(DIFFERENT_OTHER)
    return Encoded(vocabulary.names, np.where(is_confused, code, actual.codes))


def _map_labels(column: Encoded[str]) -> Encoded[str]:
    return Encoded(tuple(map(printable, column.names)), column.codes)


def _map_series(column: Encoded[Series]) -> Encoded[Series]:
    return Encoded(tuple(Series(*map(printable, series)) for series in column.names), column.codes)
