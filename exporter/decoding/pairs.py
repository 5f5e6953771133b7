"""Requests and responses on lines of their own are joined by an id.

Of an id, the first request and the first response that wait are a pair, whichever arrives first. Waiting lines are part
of the state, so that pairs count once across restarts.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from exporter.decoding.columns import label_of
from exporter.decoding.conditions import SCALARS, Where, value_at
from exporter.lines.rejects import Reason, RejectedError
from exporter.lines.waiting_line import WaitingLine
from exporter.units import Duration, FieldPath

MOST_WAITING = 10_000
MOST_BYTES = 16 * 1024**2
REQUEST, RESPONSE = "request", "response"


class PairOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Requests and responses on lines of their own. At most 10,000 lines, or 16 MiB, wait per source."""

    id: FieldPath
    """The path of the id that a request and its response have in common."""
    wait: Duration = Duration.parse("60s")
    """How long a line waits for the other one. After that, it is rejected as `incomplete`."""
    response: Where = Where()
    """What a response has and a request does not, as in `where`. By default, a response has a prediction, a probability
    or an error at the configured path."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    key: str
    is_response: bool
    line: WaitingLine


class Pairs:
    """The lines of one source that wait for the other one of their pair: at most `most`, of at most `most_bytes`.

    `lost` counts the lines that were given up.
    """

    def __init__(self, wait_seconds: float, most: int = MOST_WAITING, most_bytes: int = MOST_BYTES) -> None:
        self._wait_seconds = wait_seconds
        self._most = most
        self._most_bytes = most_bytes
        # By number, oldest first; and the numbers by id, whose lines are either all requests or all responses.
        self._waiting: dict[int, _Waiting] = {}
        self._numbers: dict[str, deque[int]] = {}
        self._next = 0
        self._held = 0
        self.lost = 0

    @property
    def lines(self) -> tuple[WaitingLine, ...]:
        """The waiting lines, oldest first."""
        return tuple(waiting.line for waiting in self._waiting.values())

    def other(self, key: str, *, is_response: bool) -> WaitingLine | None:
        """Return the line that completes the pair of a line with this id, which waits no longer; None if none does."""
        numbers = self._numbers.get(key)
        if not numbers or self._waiting[numbers[0]].is_response == is_response:
            return None
        return self._forget(key).line

    def add(self, key: str, line: WaitingLine, *, is_response: bool) -> None:
        """Let a line wait, and give up the oldest lines beyond the limits."""
        self._waiting[self._next] = _Waiting(key, is_response, line)
        self._numbers.setdefault(key, deque()).append(self._next)
        self._next += 1
        self._held += len(line.line)
        while len(self._waiting) > self._most or self._held > self._most_bytes:
            self._lose_oldest()

    def expire(self, now: float) -> None:
        """Give up the lines that have waited too long at epoch time `now`."""
        if self._waiting and next(iter(self._waiting.values())).line.since == math.inf:
            self._restart(now)
        while self._waiting and next(iter(self._waiting.values())).line.since <= now - self._wait_seconds:
            self._lose_oldest()

    def _restart(self, now: float) -> None:
        """Let the lines of before a restart wait from now on."""
        for number, waiting in self._waiting.items():
            if waiting.line.since == math.inf:
                line = msgspec.structs.replace(waiting.line, since=now)
                self._waiting[number] = replace(waiting, line=line)

    def _lose_oldest(self) -> None:
        self._forget(next(iter(self._waiting.values())).key)
        self.lost += 1

    def _forget(self, key: str) -> _Waiting:
        """Remove the oldest line with an id."""
        numbers = self._numbers[key]
        waiting = self._waiting.pop(numbers.popleft())
        if not numbers:
            del self._numbers[key]
        self._held -= len(waiting.line.line)
        return waiting


def key_of(row: Any, path: FieldPath) -> str:
    """Return the id of a row; raises RejectedError."""
    value = value_at(row, path)
    if not isinstance(value, SCALARS):
        raise RejectedError(Reason.MISSING_FIELD, f"expected the id of a pair at {path}")
    return label_of(value)


def merged(request: Any, response: Any) -> dict[str, Any]:
    """Return the row of a pair: the fields of both, of which a response's come first, and each as a whole.

    A field named `request` or `response` takes the place of the whole.
    """
    objects: Iterable[Any] = (row for row in (request, response) if isinstance(row, dict))
    whole: dict[str, Any] = {REQUEST: request, RESPONSE: response}
    for row in objects:
        whole.update(row)
    return whole
