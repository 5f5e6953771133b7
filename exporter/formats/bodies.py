"""The bodies of requests as lines: JSON lines, a JSON array of records, or a single record."""

from collections.abc import Mapping

from exporter.formats.json_array import array_lines

LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines", "text/plain")
JSON_TYPES = ("application/json", *LINES)
ARROW = "application/vnd.apache.arrow.stream"


class BodyError(ValueError):
    """A body that cannot be read as records; the message says why."""


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type of a body, without parameters; `headers` ignores case, or has names in lower case."""
    return headers.get("content-type", "").split(";")[0].strip().lower()


def json_lines(body: bytes, content_type: str) -> bytes:
    """Return the records of a body as lines; raises BodyError for an array that does not end where the body does."""
    if content_type in LINES:
        return body
    if body.lstrip()[:1] != b"[":
        return body.replace(b"\n", b" ")
    try:
        return array_lines(body)
    except ValueError as error:
        raise BodyError(f"not JSON: {error}") from None
