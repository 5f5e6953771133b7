"""Salvage of irregular records: a value of another type is converted, or removed and marked; the rest is kept.

Only a wrong prediction, and a wrong name or version of the model, rejects the record. Text with half of a surrogate
pair is legal in JSON, but is not Unicode, and counts as wrong.
"""

import math
from datetime import UTC, tzinfo
from typing import Any, NamedTuple

import msgspec

from exporter.batch import NON_FINITE, WRONG_TYPE, Series
from exporter.decoding.columns import DURATION
from exporter.decoding.conversions import EPOCH_UNITS, epoch_of, number_of, seconds_of
from exporter.decoding.schema import LATENCY_UNITS, TIMESTAMP_UNITS, Leaf, Node, Number
from exporter.lines.rejects import Reason, RejectedError
from exporter.plain_words import plain

HALF = "half of a surrogate pair, from \\ud800 to \\udfff"
# Why features and fields are unusable (a mark of exporter.batch), by Leaf.key.
Flaws = dict[str, int]
# Without them, a record is not counted where it belongs.
REQUIRED = {*Series._fields, "prediction"}
LATEST = EPOCH_UNITS[0][0] - 1
# How many lists of one item a value may be wrapped in.
MAX_WRAPPING = 3


class Reading(NamedTuple):
    """How values are converted: the zone of times without one, and the classes of a list of scores."""

    zone: tzinfo = UTC
    score_classes: tuple[str, ...] = ()


def salvage(record: Any, tree: Node, struct: type[msgspec.Struct], reading: Reading) -> tuple[msgspec.Struct, Flaws]:
    """Return the record of a JSON value, and a mark for each unusable value; raises RejectedError.

    The value is modified.
    """
    if not isinstance(record, dict):
        raise RejectedError(Reason.WRONG_TYPE, f"expected a JSON object, got {_kind(record)}")
    flaws: Flaws = {}
    _clean(tree, record, flaws, reading)
    try:
        return msgspec.convert(record, struct), flaws
    except msgspec.ValidationError as error:
        path, text = plain(str(error))
        raise RejectedError(Reason.WRONG_TYPE, f"{path}: {text}") from None
    except UnicodeEncodeError:  # of text in the place of a number or a time
        raise RejectedError(Reason.INVALID_JSON, HALF) from None


def check_utf8(line: bytes) -> None:
    """Raise RejectedError if a line is not UTF-8, which the decoder does not detect in skipped fields."""
    if not line.isascii():
        try:
            line.decode()
        except UnicodeDecodeError as error:
            raise RejectedError(Reason.INVALID_UTF8, f"not UTF-8 at byte {error.start + 1} of the line") from None


def _clean(node: Node, record: dict[str, Any], flaws: Flaws, reading: Reading) -> None:
    """Convert or remove unusable values that do not reject the whole record; raises RejectedError for others."""
    _remove_unreadable_keys(record)
    for key, child in node.children.items():
        value: Any = record.get(key)
        if isinstance(child, Node):
            if isinstance(value, dict):
                _clean(child, value, flaws, reading)
            else:
                record.pop(key, None)
                if value is not None:
                    _mark_all(child, key, value, flaws)
        elif value is None:
            continue
        elif child.kind == "feature" or child.is_optional:
            # An optional value of a wrong type counts as missing, and needs no mark.
            _clean_value(child, key, record, {} if child.is_optional else flaws)
        elif child.key in REQUIRED:
            record[key] = required_value(child.name, value, reading)
        else:
            record[key] = field_value(child.name, value, reading)
            if record[key] is None and value is not False:
                flaws[child.key] = WRONG_TYPE


def _mark_all(node: Node, key: str, value: Any, flaws: Flaws) -> None:
    """Mark the values of an object in whose place is something else; raises RejectedError if it names the model."""
    for leaf in node.leaves():
        if leaf.key in Series._fields:
            raise RejectedError(Reason.WRONG_TYPE, f"{key}: expected an object, got {_kind(value)}")
        if not leaf.is_optional and leaf.key not in REQUIRED:
            flaws[leaf.key] = WRONG_TYPE


def _clean_value(leaf: Leaf, key: str, record: dict[str, Any], flaws: Flaws) -> None:
    value: Any = record[key]
    if leaf.dimension:
        flaw, unreadable = _vector_flaw(value, leaf.dimension), True
    else:
        numeric = leaf.type is Number
        value = record[key] = unwrapped(value)
        if numeric and isinstance(value, str) and (number := number_of(value)) is not None:
            value = record[key] = number
        if numeric and _is_beyond_float(value):
            value = record[key] = math.inf if value > 0 else -math.inf
        flaw = _flaw(value, numeric=numeric)
        unreadable = flaw == WRONG_TYPE or (flaw == NON_FINITE and math.isnan(value))
    if flaw and leaf.kind == "amount":
        # Text stands for whatever is not a number. Without a value, nothing would be rejected.
        record[key] = "" if flaw == WRONG_TYPE else value
    elif flaw:
        flaws[leaf.key] = flaw
        if unreadable:
            record[key] = None


def _remove_unreadable_keys(record: dict[str, Any]) -> None:
    for key in [key for key in record if not _is_unicode(key)]:
        del record[key]


def required_value(name: str, value: Any, reading: Reading) -> Any:
    """Return a prediction, or the name or version of the model; raises RejectedError if it is unusable."""
    value = unwrapped(value)
    if name == "prediction" and isinstance(value, (list, dict)) and (scores := _scores(value, reading)):
        return scores
    if isinstance(value, str) and not _is_unicode(value):
        raise RejectedError(Reason.INVALID_JSON, f"{name}: {HALF}")
    if isinstance(value, float) and not math.isfinite(value):
        raise RejectedError(Reason.NON_FINITE, f"{name} is {value}")
    return value


def field_value(name: str, value: Any, reading: Reading) -> Any:
    """Return a field that a record may lack, as its type; None if it is unusable, or false."""
    value = unwrapped(value)
    if name in ("error_type", "request_id"):
        return _label(name, value)
    if name == "probability" and isinstance(value, (list, dict)):
        return _scores(value, reading)
    if name == DURATION:
        return value if seconds_of(value) is not None else None
    if name == "actual":
        return value if isinstance(value, (int, float)) or (isinstance(value, str) and _is_unicode(value)) else None
    number = _finite(value)
    if number is None and isinstance(value, str):
        if name in LATENCY_UNITS and (seconds := seconds_of(value)) is not None:
            number = seconds * LATENCY_UNITS[name]
        elif name in TIMESTAMP_UNITS and (time := epoch_of(value, reading.zone)) is not None:
            # As a number, a later time would be one in milliseconds.
            number = min(time, LATEST) * TIMESTAMP_UNITS[name]
    return number


def _label(name: str, value: Any) -> str | int | None:
    """Return the type of an error, or the id of a request; None if it is unusable."""
    if isinstance(value, bool):
        return "true" if value and name == "error_type" else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    # As the type of an error, half of a surrogate pair will be made printable.
    is_usable = isinstance(value, int) or (isinstance(value, str) and (name == "error_type" or _is_unicode(value)))
    return value if is_usable else None


def _scores(value: list[Any] | dict[str, Any], reading: Reading) -> dict[str, float] | None:
    """Return the scores by class of a list or object; None if they are not all finite numbers."""
    if isinstance(value, list):
        names = reading.score_classes or tuple(map(str, range(len(value))))
        pairs = list(zip(names, value, strict=False)) if len(names) == len(value) else []
    else:
        _remove_unreadable_keys(value)
        pairs = list(value.items())
    scores = {name: number for name, score in pairs if (number := _finite(score)) is not None}
    return scores if scores and len(scores) == len(pairs) else None


def _finite(value: Any) -> float | None:
    """Return a number, also one that is text, if it is finite as a float."""
    number = number_of(value)
    if number is None or _is_beyond_float(number) or not math.isfinite(number):
        return None
    return float(number)


def unwrapped(value: Any) -> Any:
    """Return the item of a list of one item, which some servers send for each value."""
    for _ in range(MAX_WRAPPING):
        if not isinstance(value, list) or len(value) != 1:
            break
        value = value[0]
    return value


def _flaw(value: object, *, numeric: bool) -> int:
    if value is None:
        return 0
    usable = (int, float) if numeric else (str, int, float)
    if not isinstance(value, usable) or (numeric and isinstance(value, bool)):
        return WRONG_TYPE
    if isinstance(value, str) and not _is_unicode(value):
        return WRONG_TYPE
    return NON_FINITE if isinstance(value, float) and not math.isfinite(value) else 0


def _vector_flaw(value: object, dimension: int) -> int:
    if value is None:
        return 0
    if not isinstance(value, list) or len(value) != dimension or not set(map(type, value)) <= {int, float}:
        return WRONG_TYPE
    return 0 if all(not _is_beyond_float(number) and math.isfinite(number) for number in value) else NON_FINITE


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_beyond_float(value: object) -> bool:
    if not isinstance(value, int):
        return False
    try:
        float(value)
    except OverflowError:
        return True
    return False


def _kind(value: Any) -> str:
    return {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
