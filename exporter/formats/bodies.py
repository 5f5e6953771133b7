"""The bodies of requests as lines: JSON lines, a JSON array of records, or a single record."""

import json
from collections.abc import Mapping, Sequence

import msgspec

LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines", "text/plain")
JSON_TYPES = ("application/json", *LINES)
ARROW = "application/vnd.apache.arrow.stream"


class BodyError(ValueError):
    """A body that cannot be read as records; the message says why."""


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type of a body, without parameters; `headers` ignores case, or has names in lower case."""
    return headers.get("content-type", "").split(";")[0].strip().lower()


def json_lines(body: bytes, content_type: str) -> bytes:
    """Return the records of a body as lines; raises BodyError if it is an array that is not JSON."""
    if content_type in LINES:
        return body if body.endswith(b"\n") or not body else body + b"\n"
    records = _items(body) if body.lstrip()[:1] == b"[" else [body]
    return b"".join(bytes(record).replace(b"\n", b" ") + b"\n" for record in records if record)


def _items(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError):
        pass
    try:
        # This decoder reads NaN and Infinity, which reject only the record or feature that has them.
        return [json.dumps(item).encode() for item in json.loads(body.decode())]
    except (ValueError, RecursionError) as error:
        raise BodyError(f"not JSON: {error}") from None
