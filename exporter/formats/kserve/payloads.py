"""The payloads of model servers: KServe's v1 protocol, and v2, the Open Inference Protocol.

A request's body becomes the features of each instance, a response's body the outcome of each. Nothing is guessed: if
names or numbers do not match each other, the feature or the prediction is missing.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

MAX_DIMENSIONS = 16
MAX_NESTING = 3
INFINITY = float("inf")

Features = dict[str, Any]
Rows = list[list[Any]]
Tensor = tuple[str, str, Rows]


class Outcome(NamedTuple):
    """The model's output for an instance; `prediction` is None if there is none."""

    prediction: str | float | None = None
    probability: float | None = None


class FeatureNames(NamedTuple):
    """The names of the features that are read: `order` those of an array, `known` those of an object."""

    order: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()


def instances(body: Any, names: FeatureNames) -> list[Features] | None:
    """Return the features of each instance of a request; None if it is not a request of either protocol."""
    if not isinstance(body, dict):
        return None
    rows = body.get("instances", body.get("inputs"))
    if not isinstance(rows, list):
        return None
    if "instances" in body or not all(map(_is_tensor, rows)):
        return [_features(row, names) for row in rows]
    tensors = _tensors(rows)
    if tensors is None:
        return None
    found: list[Features] = [{} for _ in range(max((len(table) for _, _, table in tensors), default=0))]
    for name, _, table in tensors:
        is_column = len(table[:1] and table[0]) == 1 and name in names.known
        for features, row in zip(found, table, strict=True):
            features.update({name: _value(row[0])} if is_column else _features(row, names))
    return found


def outcomes(body: Any) -> list[Outcome] | None:
    """Return the outcome of each instance of a response; None if it is not a response of either protocol."""
    if not isinstance(body, dict):
        return None
    predictions, outputs = body.get("predictions"), body.get("outputs")
    if isinstance(predictions, list):
        return [_outcome(prediction) for prediction in predictions]
    tensors = _tensors(outputs) if isinstance(outputs, list) and all(map(_is_tensor, outputs)) else None
    return None if tensors is None else _of_tensors(tensors)


def _of_tensors(tensors: Sequence[Tensor]) -> list[Outcome]:
    """Return the outcome of each row: a label and its scores, or either."""
    columns = [(kind, table) for _, kind, table in tensors if table and len(table[0]) == 1]
    scores = next((table for _, _, table in tensors if table and len(table[0]) > 1), None)
    # A label and its scores may be in any order; the label is the one that is not fractional.
    columns.sort(key=lambda column: column[0].startswith(("FP", "BF")))
    if not columns:
        return [_outcome(row) for row in scores or ()]
    labels = [_outcome(row) for row in columns[0][1]]
    if scores is None:
        return labels
    return [Outcome(label.prediction, _outcome(row).probability) for label, row in zip(labels, scores, strict=True)]


def _is_tensor(item: Any) -> bool:
    return isinstance(item, dict) and {"name", "shape", "data"} <= item.keys()


def _tensors(items: Iterable[dict[str, Any]]) -> list[Tensor] | None:
    """Return each tensor's name, type and rows; None if one does not fit its shape, or the rows of the others."""
    tensors = []
    for item in items:
        rows = _rows(item["shape"], item["data"])
        if rows is None:
            return None
        tensors.append((str(item["name"]), str(item.get("datatype", "")), rows))
    return tensors if len({len(rows) for _, _, rows in tensors}) <= 1 else None


def _rows(shape: Any, data: Any) -> Rows | None:
    """Return a tensor's data, which are flat or nested, by its first dimension; None if they do not fit its shape."""
    if not isinstance(shape, list) or not isinstance(data, list) or not 1 <= len(shape) <= MAX_DIMENSIONS:
        return None
    if not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        return None
    for _ in shape[1:]:
        if any(isinstance(value, list) for value in data):
            data = [inner for value in data for inner in (value if isinstance(value, list) else [value])]
    size = math.prod(shape)
    if size != len(data):
        return None
    width = size // shape[0] if size else 0
    return [data[start : start + width] for start in range(0, size, width)] if size else []


def _features(row: Any, names: FeatureNames) -> Features:
    if isinstance(row, dict):
        return {name: _value(row[name]) for name in row.keys() & names.known}
    values = row if isinstance(row, list) else [row]
    # An array of another length has other features.
    return dict(zip(names.order, map(_value, values), strict=True)) if len(values) == len(names.order) else {}


def _value(value: Any) -> Any:
    """Return a feature's value, a scalar or a list of one scalar; of anything else an empty list, which is unusable."""
    value = _unwrapped(value)
    return [] if isinstance(value, (list, dict)) else value


def _unwrapped(value: Any) -> Any:
    for _ in range(MAX_NESTING):
        if not isinstance(value, list) or len(value) != 1:
            break
        value = value[0]
    return value


def _outcome(value: Any) -> Outcome:
    value = _unwrapped(value)
    if isinstance(value, dict):
        return _best(list(value), list(value.values()))
    if isinstance(value, list):
        return _best(range(len(value)), value)
    return Outcome(value)


def _best(classes: Sequence[str | int], scores: Sequence[Any]) -> Outcome:
    """Return the class of the highest score, and the score if all of them are from 0 to 1."""
    if len(scores) <= 1 or not all(type(score) in (int, float) and abs(score) < INFINITY for score in scores):
        return Outcome()
    best = max(range(len(scores)), key=scores.__getitem__)
    return Outcome(classes[best], scores[best] if all(0 <= score <= 1 for score in scores) else None)
