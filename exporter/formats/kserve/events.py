"""The CloudEvents of KServe's inference logger, in binary mode (ce- headers) or structured mode (one JSON object).

A request and its response arrive separately, in either order, and are paired. An event is given up if it waits too long
for its other half, or if there is no room for it. Waiting events are lost in a restart.
"""

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import unquote

from exporter.decoding.conversions import epoch
from exporter.formats.bodies import BodyError, media_type

# Whether an event is a response, by type.
TYPES = {"org.kubeflow.serving.inference.request": False, "org.kubeflow.serving.inference.response": True}
STRUCTURED = "application/cloudevents+json"
# These attributes identify a request; a transformer's events are not its predictor's.
KEY = ("namespace", "inferenceservicename", "component", "id")
MAX_LABEL = 200
MOST_WAITING = 10_000
MOST_BYTES = 32 * 1024**2
WAIT_SECONDS = 60.0
# The memory that the values of a body may take, and at most take: per comma, list and object.
MAX_VALUE_BYTES = 16 * 1024**2
VALUE_BYTES = {b",": 60, b"[": 80, b"{": 240}

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


def structured(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return an event of either mode as a line of structured mode; raises BodyError if it is not the logger's."""
    if media_type(headers) == STRUCTURED:
        line = body.replace(b"\n", b" ")
    else:
        names = {name.lower(): unquote(value) for name, value in headers.items()}
        attributes = {name.removeprefix("ce-"): value for name, value in names.items() if name.startswith("ce-")}
        line = json.dumps(attributes | {"data_base64": base64.b64encode(body).decode()}).encode()
    event(line)
    return line + b"\n"


def event(line: bytes) -> Event:
    """Read an event in structured mode; raises BodyError if it is not an event of the logger."""
    attributes, body = _parsed(line)
    if attributes.get("type") not in TYPES:
        raise BodyError(f"expected an event of the type {' or '.join(TYPES)}")
    if not attributes.get("id"):
        raise BodyError("expected an event with an id")
    return Event(
        hashlib.blake2b(json.dumps([attributes.get(name) for name in KEY]).encode(), digest_size=16).hexdigest(),
        TYPES[attributes["type"]],
        body,
        attributes.get("inferenceservicename", "")[:MAX_LABEL],
        _epoch(attributes.get("time", "")),
        attributes.get("statuscode", "")[:MAX_LABEL],
    )


def check_values(text: bytes) -> None:
    """Raise BodyError if JSON has so many values that they would take more than MAX_VALUE_BYTES of memory."""
    if sum(size * text.count(character) for character, size in VALUE_BYTES.items()) > MAX_VALUE_BYTES:
        raise BodyError("too many values")


def _parsed(line: bytes) -> tuple[dict[str, str], bytes]:
    """Return an event's attributes and its data; raises BodyError."""
    check_values(line)
    try:
        whole: Any = json.loads(line.decode())
        attributes = {name: str(value) for name, value in whole.items() if not isinstance(value, (dict, list))}
        if isinstance(encoded := whole.get("data_base64"), str):
            return attributes, base64.b64decode(encoded, validate=True)
        data = whole.get("data")
        return attributes, (data if isinstance(data, str) else json.dumps(data)).encode()
    except (ValueError, AttributeError, RecursionError) as error:
        raise BodyError(f"not a CloudEvent: {error}") from None


def _epoch(text: str) -> float | None:
    try:
        return epoch(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
