"""Pairs of a request and its response, which arrive separately.

An event is given up if it waits too long for its other half, or if there is no room for it. Waiting events are lost in
a restart.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

MOST_WAITING = 10_000
MOST_BYTES = 32 * 1024**2
WAIT_SECONDS = 60.0

# The time of a request, and of its response.
Times = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Event:
    """The event of a request or a response: its body and attributes."""

    key: str
    is_response: bool
    body: bytes
    service: str = ""
    time: float | None = None
    status: str = ""


class EventPair(NamedTuple):
    """A request and its response."""

    request: Event
    response: Event

    @property
    def key(self) -> str:
        """Identifies a pair that is sent again; includes the times, because an id may be reused."""
        return f"{self.request.key} {self.request.time} {self.response.time}"

    @property
    def latency_seconds(self) -> float | None:
        """The difference of their times of sending; None if a time is absent or they are reversed."""
        begin, end = self.request.time, self.response.time
        return None if begin is None or end is None or end < begin else end - begin


class EventPairs:
    """The events that wait for their other halves: at most `most` events and `most_bytes`, for at most `seconds`."""

    def __init__(self, most: int = MOST_WAITING, most_bytes: int = MOST_BYTES, seconds: float = WAIT_SECONDS) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._waiting: OrderedDict[str, tuple[float, Event]] = OrderedDict()
        self._done: OrderedDict[str, Times] = OrderedDict()
        self._held = 0
        self.lost = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, added: Event, now: float) -> EventPair | None:
        """Take an event; return the pair that it completes, if any. Events that are given up add to `lost`."""
        self.expire(now)
        times = self._done.get(added.key)
        if times and times[added.is_response] == added.time:
            return None  # sent again: an id may be reused, but with other times
        _, other = self._waiting.get(added.key, (0.0, added))
        if other.is_response != added.is_response:
            self._forget(added.key)
            pair = EventPair(other, added) if added.is_response else EventPair(added, other)
            self._done[added.key] = pair.request.time, pair.response.time
            while len(self._done) > self._most:
                self._done.popitem(last=False)
            return pair
        if other is not added:
            if other.time == added.time:
                return None  # sent again
            self._lose(added.key)
        self._waiting[added.key] = now, added
        self._held += len(added.body)
        while len(self._waiting) > self._most or self._held > self._most_bytes:
            self._lose(next(iter(self._waiting)))
        return None

    def expire(self, now: float) -> None:
        """Give up events that have waited too long."""
        while self._waiting and next(iter(self._waiting.values()))[0] <= now - self._seconds:
            self._lose(next(iter(self._waiting)))

    def _lose(self, key: str) -> None:
        self._forget(key)
        self.lost += 1

    def _forget(self, key: str) -> None:
        _, event = self._waiting.pop(key)
        self._held -= len(event.body)
