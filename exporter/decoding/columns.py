"""Decoded values become columns: labels spelt one way, units converted, absent values NaN.

A column is a tuple of Python objects, one per record, and becomes one array.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import chain
from typing import Any, Literal

import numpy as np

from exporter.batch import NO_NUMBER, NOT_FINITE, Floats
from exporter.decoding.conversions import EPOCH_UNITS, epoch, number_of, seconds_of
from exporter.encoded import Encoded

Column = tuple[Any, ...]

# What predictions are: classes, or values as of a regression.
PredictionKind = Literal["class", "value"]
# Returns the class of a prediction.
Spelling = Callable[[Any], str]

VALUE_CLASS = "value"
# The field of a latency that is text with a unit, and that of a time in any format.
DURATION = "latency"
TIME = "timestamp"
# From here on, the positive class is predicted.
EVEN = 0.5
NUMBERS = {int, float}
# How far a score may be outside of 0 to 1.
SCORE_ROUNDING = 1e-6


def label_of(value: str | float | bool) -> str:  # noqa: FBT001  # a JSON value of any type
    """Spell a JSON value as a label: 1 and 1.0 are "1", true is "true"."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def class_of(value: str | float | bool) -> str:  # noqa: FBT001  # a JSON value of any type
    """Spell a prediction as a class; all fractional numbers, which a regression predicts, are one class."""
    if isinstance(value, float) and not value.is_integer():
        return VALUE_CLASS
    return label_of(value)


def value_of(value: str | float | bool) -> str:  # noqa: FBT001  # a JSON value of any type
    """Spell a prediction of a regression as a class; all numbers are one class."""
    return label_of(value) if isinstance(value, (str, bool)) else VALUE_CLASS


def spelling(kind: PredictionKind | None) -> Spelling:
    """Return what spells predictions of a kind as classes; if it is unknown, each value shows it."""
    return class_of if kind is None else label_of if kind == "class" else value_of


def labels(values: Column, spell: Callable[[Any], str]) -> Encoded[str]:
    """Encode a column of labels; None is absent."""
    if not set(map(type, values)) <= {str, type(None)}:
        values = tuple(None if value is None else spell(value) for value in values)
    return Encoded.of(values)


def numbers(values: Column) -> Floats:
    """Return the values that are numbers; any other is NaN."""
    if not set(map(type, values)) & {int, float}:
        return np.full(len(values), np.nan)
    return np.fromiter(map(_number, values), np.float64, len(values))


def _number(value: object) -> float:
    if type(value) is not int and type(value) is not float:
        return np.nan
    try:
        return float(value)
    except OverflowError:  # an integer beyond a float's range
        return np.nan


def amounts(values: Column) -> Floats:
    """Return a column of amounts as Batch has them, true as 1 and false as 0."""
    return np.fromiter(map(_amount, values), np.float64, len(values))


def _amount(value: str | float | None) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = number_of(value)
        if text is None:
            return NO_NUMBER
        value = text
    try:
        number = float(value)
    except OverflowError:
        return NOT_FINITE
    return number if math.isfinite(number) else NOT_FINITE


def matrix(columns: Sequence[Column], rows: int) -> Floats:
    """Return columns of numbers as an array of shape (columns, rows); None becomes NaN."""
    try:
        # Three times as fast as np.array, which first determines the type of each number.
        packed = struct.pack(f"{len(columns) * rows}d", *chain.from_iterable(columns))
    except (struct.error, OverflowError):  # a None, or an integer beyond a float's range
        return np.array(columns, dtype=np.float64).reshape(len(columns), rows)
    return np.frombuffer(packed).reshape(len(columns), rows)


def sparse_matrix(columns: Sequence[Column], rows: int) -> Floats:
    """Return the same as `matrix` of at least one column, faster if many rows contain only None."""
    if None not in columns[0]:
        return matrix(columns, rows)
    empty = (None,) * len(columns)
    filled = {row: values for row, values in enumerate(zip(*columns, strict=True)) if values != empty}
    numbers = np.full((len(columns), rows), np.nan)
    if filled:
        numbers[:, list(filled)] = matrix(list(filled.values()), len(columns)).T
    return numbers


def vectors(column: Column, dimension: int) -> Floats:
    """Return a column of lists of `dimension` numbers as an array of shape (rows, dimension); None becomes NaN."""
    absent = (math.nan,) * dimension
    lists = [absent if value is None else value for value in column]
    return matrix(lists, dimension)


def latencies(fields: Mapping[str, Column], units: Mapping[str, float], n: int) -> Floats:
    """Return the column of `fields` whose name is in `units`, in seconds; NaN in n rows if there is none."""
    name = next((name for name in units if name in fields), None)
    if name is None:
        return np.full(n, np.nan)
    values = fields[name]
    if name == DURATION:
        return np.array(tuple(map(seconds_of, values)), dtype=np.float64)
    return np.array(values, dtype=np.float64) / units[name]


def times(
    fields: Mapping[str, Column],
    units: Mapping[str, float],
    absent: Callable[[], float | Floats],
    n: int,
    zone: tzinfo = UTC,
) -> Floats:
    """Return epoch seconds of n rows, for rows without a time what `absent` returns.

    A time without a zone is in `zone`.
    """
    name = next((name for name in units if name in fields), None)
    types = {type(None)} if name is None else set(map(type, fields[name]))
    if name is None or types == {type(None)}:
        return np.full(n, absent())
    values = fields[name]
    if datetime not in types:
        time = _of_numbers(values, name, units)
    else:
        time = np.array([epoch(value, zone) if type(value) is datetime else math.nan for value in values])
        if float in types:
            numbers = tuple(None if type(value) is datetime else value for value in values)
            time = np.where(np.isnan(time), _of_numbers(numbers, name, units), time)
    missing = np.isnan(time)
    return np.where(missing, absent(), time) if missing.any() else time


def _of_numbers(values: Column, name: str, units: Mapping[str, float]) -> Floats:
    numbers = np.array(values, dtype=np.float64)
    return of_any_unit(numbers) if name == TIME else numbers / units[name]


def of_any_unit(times: Floats) -> Floats:
    """Return epoch seconds of numbers in seconds, milliseconds, microseconds or nanoseconds."""
    sizes = np.abs(times)
    limits, divisors = zip(*EPOCH_UNITS, strict=True)
    return (
        times / np.select([sizes < limit for limit in limits], divisors, 1.0) if (sizes >= limits[0]).any() else times
    )


def predictions(
    predictions: Column, scores: Column, positive_class: str | None, negative_class: str | None
) -> tuple[Column, Column]:
    """Return predictions and scores, with the class of the highest score in the place of a missing prediction.

    A prediction that is an object class -> number is in fact the scores. A single score is that of the
    `positive_class`, which is predicted from 0.5 on.
    """
    types = set(map(type, predictions))
    if dict in types:
        scores = tuple(
            chosen if isinstance(chosen, dict) and score is None else score
            for chosen, score in zip(predictions, scores, strict=True)
        )
        predictions = tuple(None if isinstance(chosen, dict) else chosen for chosen in predictions)
    elif type(None) not in types or (positive_class is None and dict not in set(map(type, scores))):
        return predictions, scores
    return tuple(
        _likeliest(score, positive_class, negative_class) if chosen is None and score is not None else chosen
        for chosen, score in zip(predictions, scores, strict=True)
    ), scores


def _likeliest(score: Any, positive_class: str | None, negative_class: str | None) -> str | None:
    if isinstance(score, dict):
        return max(score, key=score.__getitem__, default=None)
    return positive_class if positive_class is None or score >= EVEN else negative_class


def scores(
    values: Column, predictions: Column, spell: Spelling = class_of, positive_class: str | None = None
) -> Floats:
    """Return the score of each prediction; of an object class -> number, that of the predicted class or the highest.

    A number is the score of the prediction, or with a `positive_class`, that of this class, one of two.
    """
    if positive_class is not None:
        values = tuple(
            1 - value if type(value) in NUMBERS and chosen is not None and spell(chosen) != positive_class else value
            for value, chosen in zip(values, predictions, strict=True)
        )
    if dict in set(map(type, values)):
        values = tuple(
            value.get(None if chosen is None else spell(chosen), max(value.values(), default=None))
            if isinstance(value, dict)
            else value
            for value, chosen in zip(values, predictions, strict=True)
        )
    return np.array(values, dtype=np.float64)


def scores_by_class(scores: Floats, values: Column, predictions: Encoded[str], classes: Sequence[str]) -> Floats:
    """Return the score of each class, shape (classes, rows), NaN where it is unknown or not within 0 to 1.

    `scores` are those of the predictions, from `values`. An object has the scores of the classes that it names. A
    number is the score of the predicted class, and if there are two classes, the other one has the rest.
    """
    at = np.array([classes.index(name) if name in classes else -1 for name in predictions.names] + [-1])
    chosen = at[predictions.codes]
    rows = np.flatnonzero(chosen >= 0)
    by_class = np.full((len(classes), len(scores)), np.nan)
    by_class[chosen[rows], rows] = scores[rows]
    if len(classes) == 2:  # noqa: PLR2004  # a binary classifier
        by_class[1 - chosen[rows], rows] = 1 - scores[rows]
    if dict in set(map(type, values)):
        objects = [row for row, value in enumerate(values) if isinstance(value, dict)]
        named = [[values[row].get(name) for name in classes] for row in objects]
        by_class[:, objects] = np.array(named, dtype=np.float64).T
    possible = (by_class > -SCORE_ROUNDING) & (by_class < 1 + SCORE_ROUNDING)
    return np.where(possible, by_class.clip(0, 1), np.nan)
