"""Which lines of a log are records: `where`, and why."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from exporter.decoding.conditions import value_at
from exporter.offline.proposal.candidates import Candidate
from exporter.offline.proposal.guesses import plain

# The names of what says what a line is about, the most certain first.
EVENTS = ("event", "eventtype", "type", "kind", "message", "msg", "logger", "name", "action")
REQUEST = re.compile(r"([A-Z]{3,7}) (/\S*)")
MOST_VALUES = 50
MOST_TEXT = 100
# How well a value must agree with which lines are records.
AGREEMENT = 0.9
# Below this share of records among the rows, others are meant to be skipped.
ALL = 0.98


class LineChoice(NamedTuple):
    """The conditions of `where`, and why."""

    where: Mapping[str, Any]
    why: str


def chosen_lines(
    rows: Sequence[Any], found: Sequence[Candidate], is_likely: Sequence[bool], lines: int
) -> LineChoice | None:
    """Return which rows are records; `is_likely` is whether each looks like one. There may be `lines` without a row."""
    likely = {number for number, is_one in enumerate(is_likely) if is_one}
    if not likely or (len(likely) >= ALL * len(rows) and lines <= len(rows)):
        return None
    best = max(_events(rows, found, likely), default=None)
    if best is None or best[0] < AGREEMENT:
        return None
    _, _, path, value, count = best
    return LineChoice({path: value}, f"{count} of {lines} lines have this value; others are skipped")


def _events(
    rows: Sequence[Any], found: Sequence[Candidate], likely: set[int]
) -> list[tuple[float, int, str, str, int]]:
    """Return the agreement, the rank of the name, the path, the value and its number of rows, of values of text."""
    events = []
    for each in found:
        if each.has_each or each.decode or not each.names or any(not isinstance(step, str) for step in each.path):
            continue
        texts = {number: value for number, value in each.values.items() if isinstance(value, str)}
        counts = Counter(texts.values())
        if len(counts) > MOST_VALUES:
            continue
        name = plain(each.names[0])
        rank = -EVENTS.index(name) if name in EVENTS else -len(EVENTS)
        for value in (value for value in counts if value and len(value) <= MOST_TEXT):
            own = {number for number, text in texts.items() if text == value}
            agreement = len(own & likely) / len(own | likely)
            count = sum(value_at(row, each.path) == value for row in rows)
            events.append((round(agreement, 2), rank, str(each.path), value, count))
    return events


def chosen_requests(rows: Sequence[Any], found: Sequence[Candidate], lines: int) -> LineChoice | None:
    """Return which rows of an access log are predictions: the commonest POST, if there are other requests."""
    for each in found:
        texts = [value for value in each.flat if isinstance(value, str)]
        matches = [match for text in texts if (match := REQUEST.match(text))]
        posts = Counter(match[0].partition("?")[0] for match in matches if match[1] == "POST")
        if each.decode or len(matches) < AGREEMENT * len(rows) or not posts:
            continue
        (prefix, _), *_ = posts.most_common(1)
        count = sum(str(value_at(row, each.path)).startswith(prefix) for row in rows)
        if count < lines:
            return LineChoice(
                {str(each.path): {"prefix": prefix}}, f"{count} of {lines} lines; other requests are skipped"
            )
    return None
