"""Requests and responses on lines of their own: by which id they are pairs, and how a response is recognized."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.decoding.pairs import REQUEST, RESPONSE, merged

FEWEST_PAIRS = 5
# The share of the ids that are on two lines.
MOSTLY = 0.9
NAMES_OF_RESPONSES = ("resp", "output", "result", "predict")
PAYLOAD = (dict, list)


@dataclass(frozen=True)
class Pairing:
    """The `pair` of a source, its requests and responses, and the rows of both."""

    setting: dict[str, Any]
    sides: tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]
    rows: list[dict[str, Any]]
    why: str


def pairing(rows: Sequence[Any]) -> Pairing | None:
    """Return how rows are pairs; None if they are not."""
    objects = [row for row in rows if isinstance(row, dict)]
    for name in dict.fromkeys(key for row in objects for key in row):
        pairs = _pairs(objects, name)
        if not pairs:
            continue
        kinds = _kinds(pairs)
        if kinds is None and {*map(frozenset, (first for first, _ in pairs))} & {
            *map(frozenset, (second for _, second in pairs))
        }:
            continue
        setting: dict[str, Any] = {"id": name}
        if kinds:
            key, is_first = kinds
            pairs = [(second, first) if is_first else (first, second) for first, second in pairs]
            setting["response"] = {key: pairs[0][1][key]}
        requests, responses = zip(*pairs, strict=True)
        return Pairing(setting, (requests, responses), [*map(_row, pairs)], f"two lines each have the same {name}")
    return None


def _pairs(rows: Sequence[dict[str, Any]], name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the rows with the same value of a key, if there are mostly two of each value; else none."""
    by_id: defaultdict[str | int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        value = row.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            by_id[value].append(row)
    pairs = [(each[0], each[1]) for each in by_id.values() if len(each) == 2]  # noqa: PLR2004  # a pair
    is_mostly = len(pairs) >= MOSTLY * len(by_id) and 2 * len(pairs) >= MOSTLY * len(rows)
    return pairs if is_mostly and len(pairs) >= FEWEST_PAIRS else []


def _kinds(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> tuple[str, bool] | None:
    """Return a key whose value distinguishes requests and responses, and whether the first line is the response."""
    for key in pairs[0][0]:
        values = [Counter(map(str, side)) for side in zip(*_values(pairs, key), strict=True)]
        if len(values) == 2 and all(len(side) == 1 for side in values) and values[0] != values[1]:  # noqa: PLR2004
            first, second = (next(iter(side)) for side in values)
            looks = [any(name in text.lower() for name in NAMES_OF_RESPONSES) for text in (first, second)]
            return key, looks[0] and not looks[1]
    return None


def _values(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]], key: str) -> Iterator[tuple[Any, Any]]:
    for first, second in pairs:
        if key in first and key in second and not isinstance(first[key], PAYLOAD):
            yield first[key], second[key]


def _row(pair: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """Return the row of a pair without duplicates."""
    request, response = pair
    whole = merged(request, response)
    shared = {key for key in request.keys() & response.keys() if request[key] != response[key]}
    if any(isinstance(request[key], PAYLOAD) for key in shared):
        same = {key: value for key, value in request.items() if response.get(key) == value}
        different = [{key: value for key, value in row.items() if key not in same} for row in pair]
        return same | {REQUEST: different[0], RESPONSE: different[1]}
    return {key: value for key, value in whole.items() if key not in (REQUEST, RESPONSE)}
