"""Decoded values become columns: labels spelt one way, units converted, absent values NaN.

A column is a tuple of Python objects, one per record, and becomes one array.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal

import numpy as np

from exporter.batch import NO_NUMBER, NOT_FINITE, Floats
from exporter.encoded import Encoded

Column = tuple[Any, ...]

# What predictions are: classes, or values as of a regression.
PredictionKind = Literal["class", "value"]
# Returns the class of a prediction.
Spelling = Callable[[Any], str]

VALUE_CLASS = "value"
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
    """Return a column of amounts as Batch has them, true as 1 and false as 0; any text is not a number."""
    return np.fromiter(map(_amount, values), np.float64, len(values))


def _amount(value: str | float | None) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str):
        return NO_NUMBER
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


def scaled(fields: Mapping[str, Column], units: Mapping[str, float], n: int) -> Floats:
    """Return the column of `fields` whose name is in `units`, divided by its unit; NaN in n rows if there is none."""
    name = next((name for name in units if name in fields), None)
    return np.full(n, np.nan) if name is None else np.array(fields[name], dtype=np.float64) / units[name]


def times(fields: Mapping[str, Column], units: Mapping[str, float], now: float, n: int) -> Floats:
    """Return epoch seconds of n rows; an absent time is `now`, a date and time without a zone is in UTC."""
    name = next((name for name in units if name in fields), None)
    types = {type(None)} if name is None else set(map(type, fields[name]))
    if name is None or types == {type(None)}:
        return np.full(n, now)
    values = fields[name]
    if datetime in types:
        values = tuple(epoch(value) * units[name] if isinstance(value, datetime) else value for value in values)
    time = np.array(values, dtype=np.float64) / units[name]
    return np.where(np.isnan(time), now, time)


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


def epoch(moment: datetime) -> float:
    """Return epoch seconds; a time without a zone is in UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
