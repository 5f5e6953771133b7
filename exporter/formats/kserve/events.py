"""The CloudEvents of KServe's inference logger, in binary mode (ce- headers) or structured mode (one JSON object)."""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from exporter.decoding.columns import epoch
from exporter.formats.bodies import BodyError, media_type
from exporter.formats.kserve.pairing import Event

# Whether an event is a response, by type.
TYPES = {"org.kubeflow.serving.inference.request": False, "org.kubeflow.serving.inference.response": True}
STRUCTURED = "application/cloudevents+json"
# These attributes identify a request; a transformer's events are not its predictor's.
KEY = ("namespace", "inferenceservicename", "component", "id")
MAX_LABEL = 200


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


def _parsed(line: bytes) -> tuple[dict[str, str], bytes]:
    """Return an event's attributes and its data."""
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
