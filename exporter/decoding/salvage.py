"""What can be saved of a line that is not as it should be.

One wrong feature is taken out and marked, and the rest of the record kept; anything else refuses the line.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from exporter.batch import NON_FINITE, WRONG_TYPE
from exporter.decoding.schema import Leaf, Node, Number
from exporter.lines.rejects import BLANK, INVALID_JSON, INVALID_UTF8, RefusedError
from exporter.lines.rejects import NON_FINITE as NON_FINITE_FIELD
from exporter.lines.rejects import WRONG_TYPE as WRONG_TYPE_FIELD

Flaws = dict[str, int]


def salvage(line: bytes, tree: Node, struct: type[msgspec.Struct]) -> tuple[msgspec.Struct, Flaws]:
    """Return the record of a line, and a mark for each feature that is unusable; raises RefusedError."""
    if not line.strip():
        raise RefusedError(BLANK, "the line is blank")
    record = loads(line)
    if not isinstance(record, dict):
        raise RefusedError(WRONG_TYPE_FIELD, f"expected a JSON object, got {_kind(record)}")
    flaws: Flaws = {}
    _clean(tree, record, flaws)
    try:
        return msgspec.convert(record, struct), flaws
    except msgspec.ValidationError as error:
        raise RefusedError(WRONG_TYPE_FIELD, str(error)) from None


def check_utf8(line: bytes) -> None:
    """Refuse a line that is not UTF-8, which the decoder does not see in what it skips; raises RefusedError."""
    if not line.isascii():
        try:
            line.decode()
        except UnicodeDecodeError as error:
            raise RefusedError(INVALID_UTF8, f"byte {error.start} of the line is not UTF-8") from None


def loads(line: bytes) -> Any:
    """Read JSON, and the NaN and Infinity that Python's encoder writes; raises RefusedError."""
    try:
        # Given bytes, it would take them for UTF-16 where they look like it.
        record = json.loads(line.decode("utf-8-sig"))
        msgspec.json.encode(record)
    except (ValueError, OverflowError, RecursionError) as error:
        raise RefusedError(INVALID_JSON, str(error)) from None
    return record


def _clean(node: Node, record: dict[str, Any], flaws: Flaws) -> None:
    """Take out of a record what need not cost the whole of it; raises RefusedError for what must."""
    for key, child in node.children.items():
        value: Any = record.get(key)
        if isinstance(child, Node):
            if value is None or (not isinstance(value, dict) and child.is_spare):
                record.pop(key, None)
            elif isinstance(value, dict):
                _clean(child, value, flaws)
        elif child.is_feature:
            _clean_value(child, key, record, flaws)
        elif child.is_spare:
            # One of a wrong type is missing, and no flaw.
            _clean_value(child, key, record, {})
        else:
            _check_finite(child.name, value)


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
    if flaw:
        flaws[leaf.name] = flaw
        if unreadable:
            record[key] = None


def _check_finite(name: str, value: object) -> None:
    """Refuse a field that is no finite number, or holds one for a class; raises RefusedError."""
    for number in value.values() if isinstance(value, dict) else (value,):
        if isinstance(number, float) and not math.isfinite(number):
            raise RefusedError(NON_FINITE_FIELD, f"{name} is {number}")


def _flaw(value: object, *, numeric: bool) -> int:
    if value is None:
        return 0
    usable = (int, float) if numeric else (str, int, float)
    if not isinstance(value, usable) or (numeric and isinstance(value, bool)):
        return WRONG_TYPE
    return NON_FINITE if isinstance(value, float) and not math.isfinite(value) else 0


def _vector_flaw(value: object, dimension: int) -> int:
    if value is None:
        return 0
    if not isinstance(value, list) or len(value) != dimension or not set(map(type, value)) <= {int, float}:
        return WRONG_TYPE
    return 0 if all(not _is_beyond_float(number) and math.isfinite(number) for number in value) else NON_FINITE


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
