"""KServe's inference logger: CloudEvents in, JSON lines of the default shape out.

The logger sends a request and its response as events of the same id. They are paired in either order, and each
instance of a pair becomes a record.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from exporter.requests.bodies import BodyError, Sent, media_type
from exporter.requests.inference import Names, instances, outcomes
from exporter.requests.pairing import Event, Pair, Pairs

TYPES = {"org.kubeflow.serving.inference.request": False, "org.kubeflow.serving.inference.response": True}
STRUCTURED = "application/cloudevents+json"
# What the inference service is known by; a transformer's events are not its predictor's.
KEY = ("namespace", "inferenceservicename", "component", "id")
MAX_LABEL = 200
MAX_INSTANCES = 20_000
HTTP_ERRORS = 400

# Lines that the decoder refuses for what they stand for.
NOT_JSON, NOT_UTF8, NOT_A_BATCH = b"{\n", b"\xff\n", b"null\n"


def event(headers: Mapping[str, str], body: bytes) -> Event:
    """Read an event in either mode; `headers` are in lower case. Raises BodyError where it is not the logger's."""
    attributes = {name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    if media_type(headers) == STRUCTURED:
        attributes, body = _structured(body)
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


def records(pair: Pair, names: Names) -> bytes:
    """Return a record for each instance of the request: a line, which the decoder may refuse."""
    request, response = _json(pair.request.body), _json(pair.response.body)
    features = None if isinstance(request, bytes) else instances(request, names)
    base: dict[str, Any] = {"model_name": pair.request.service or pair.response.service or None}
    base["timestamp"] = pair.response.time if pair.response.time is not None else pair.request.time
    base["latency_ms"] = None if pair.latency_seconds is None else pair.latency_seconds * 1e3
    base = {name: value for name, value in base.items() if value is not None}
    error = _error(pair.response, response)
    if error:
        # It failed for each of its instances; a request that cannot be read is one.
        count = min(len(features or ()), MAX_INSTANCES)
        refused = max(0, len(features or ()) - MAX_INSTANCES)
        return (json.dumps(base | {"error_type": error}) + "\n").encode() * max(1, count) + NOT_A_BATCH * refused
    found = None if isinstance(response, bytes) else outcomes(response)
    if features is None or found is None:
        unread = next((body for body in (request, response) if isinstance(body, bytes)), NOT_A_BATCH)
        return unread * max(1, len(features or ()))
    if len(features) > MAX_INSTANCES:
        return NOT_A_BATCH * len(features)
    if len(found) != len(features):
        # Which prediction is whose cannot be told.
        return b"{}\n" * max(1, len(features))
    version = response.get("model_version")
    if isinstance(version, (str, int)):
        base["model_version"] = str(version)[:MAX_LABEL]
    rows = ({**base, **outcome._asdict(), "features": row} for outcome, row in zip(found, features, strict=True))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


class InferenceLog:
    """Reads what the logger POSTs (a bodies.Reader)."""

    expected = f"a CloudEvent of the inference logger, with ce- headers or as {STRUCTURED}"

    def __init__(self, names: Names, pairs: Pairs | None = None) -> None:
        self._names = names
        self._pairs = pairs or Pairs()

    def accepts(self, headers: Mapping[str, str]) -> bool:
        """Whether it is an event, whatever the type of its data: curl says of JSON that it is a form."""
        return media_type(headers) == STRUCTURED or "ce-type" in headers

    def read(self, headers: Mapping[str, str], body: bytes, now: float) -> Sent:
        """Return the records of the pair that is complete now, if one is. Raises BodyError."""
        pair = self._pairs.add(event(headers, body), now)
        return Sent(records(pair, self._names), pair.batch) if pair else Sent(b"", is_waiting=True)

    def lost(self, now: float) -> int:
        """Return how many events were given up since the last time."""
        self._pairs.expire(now)
        lost, self._pairs.lost = self._pairs.lost, 0
        return lost


def _structured(body: bytes) -> tuple[dict[str, str], bytes]:
    """Return an event's attributes and its data, as they would come in binary mode."""
    try:
        whole = json.loads(body.decode())
        attributes = {name: str(value) for name, value in whole.items() if not isinstance(value, (dict, list))}
        if isinstance(coded := whole.get("data_base64"), str):
            return attributes, base64.b64decode(coded, validate=True)
        data = whole.get("data")
        return attributes, (data if isinstance(data, str) else json.dumps(data)).encode()
    except (ValueError, AttributeError, RecursionError) as error:
        raise BodyError(f"not a CloudEvent: {error}") from None


def _json(body: bytes) -> Any:
    """Return what a body holds; where it is not JSON, the line that says so."""
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError:
        return NOT_UTF8
    except (ValueError, RecursionError):
        return NOT_JSON


def _error(response: Event, body: Any) -> str:
    """Return what went wrong, "" where nothing did: the status, which newer loggers tell, or that there is an error."""
    if response.status.isdecimal() and int(response.status) >= HTTP_ERRORS:
        return response.status
    is_told = isinstance(body, dict) and body.get("error") and not {"predictions", "outputs"} & body.keys()
    return "error" if is_told else ""


def _epoch(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
