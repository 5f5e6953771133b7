"""Salvage of irregular records: a wrong feature is removed and marked, and the rest of the record is kept.

Anything else that is wrong rejects the record. Text with half of a surrogate pair is legal in JSON, but is not Unicode.
It is wrong in the fields that name a series or a class; elsewhere, only that value is lost.
"""

import math
from typing import Any

import msgspec

from exporter.batch import NON_FINITE, WRONG_TYPE
from exporter.decoding.schema import Leaf, Node, Number
from exporter.lines.rejects import Reason, RejectedError
from exporter.plain_words import plain

HALF = "half of a surrogate pair, from \\ud800 to \\udfff"
# Why features are unusable (a mark of exporter.batch), by Leaf.key.
Flaws = dict[str, int]


def salvage(record: Any, tree: Node, struct: type[msgspec.Struct]) -> tuple[msgspec.Struct, Flaws]:
    """Return the record of a JSON value, and a mark for each unusable feature; raises RejectedError.

    The value is modified.
    """
    if not isinstance(record, dict):
        raise RejectedError(Reason.WRONG_TYPE, f"expected a JSON object, got {_kind(record)}")
    flaws: Flaws = {}
    _clean(tree, record, flaws)
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


def _clean(node: Node, record: dict[str, Any], flaws: Flaws) -> None:
    """Remove unusable values that do not reject the whole record; raises RejectedError for others."""
    _remove_unreadable_keys(record)
    for key, child in node.children.items():
        value: Any = record.get(key)
        if isinstance(child, Node):
            if value is None or (not isinstance(value, dict) and child.is_optional):
                record.pop(key, None)
            elif isinstance(value, dict):
                _clean(child, value, flaws)
        elif child.kind == "feature" or child.is_optional:
            # An optional value of a wrong type counts as missing, and needs no mark.
            _clean_value(child, key, record, {} if child.is_optional else flaws)
        else:
            _check_field(child.name, key, record)


def _clean_value(leaf: Leaf, key: str, record: dict[str, Any], flaws: Flaws) -> None:
    value: Any = record.get(key)
    if leaf.dimension:
        flaw, unreadable = _vector_flaw(value, leaf.dimension), True
    else:
        numeric = leaf.type is Number
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


def _check_field(name: str, key: str, record: dict[str, Any]) -> None:
    """Raise RejectedError if a field is not Unicode, or is, or has for a class, a number that is not finite."""
    value: Any = record.get(key)
    if isinstance(value, dict):
        _remove_unreadable_keys(value)
    if isinstance(value, str) and not _is_unicode(value):
        if name == "request_id":
            del record[key]
        elif name != "error_type":  # as a label, it will be made printable
            raise RejectedError(Reason.INVALID_JSON, f"{name}: {HALF}")
    for number in value.values() if isinstance(value, dict) else (value,):
        if isinstance(number, float) and not math.isfinite(number):
            raise RejectedError(Reason.NON_FINITE, f"{name} is {number}")


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
