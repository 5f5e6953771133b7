"""OTLP logs: as JSON lines of the OpenTelemetry Collector's file exporter, and over HTTP as JSON or protobuf.

A line, or a body, has any number of log records. Each becomes a line of its own: a JSON object with the attributes,
the keys of the body, and what else is known of the record. The time of the log record is that of a container's runtime:
the time of records that have none.
"""

import base64
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, ClassVar

import msgspec

from exporter.formats.bodies import BodyError, media_type
from exporter.formats.format import Format, Reply
from exporter.lines.buffer import IngestRequest
from exporter.lines.framing import NOTHING, Framer, FrameResult, Lines, Position

JSON, PROTOBUF = "application/json", "application/x-protobuf"
# The least limit of a line of many records, and the limit of its records, each of which repeats the resource.
MOST_LINE_BYTES = 16 * 1024**2
MOST_ROW_BYTES = 32 * 1024**2
SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
# How many numbers each severity has, from 1.
DEGREES = 4


class _AnyValue(msgspec.Struct, rename="camel"):
    """A value: one of these keys."""

    string_value: str | msgspec.UnsetType = msgspec.UNSET
    bool_value: bool | msgspec.UnsetType = msgspec.UNSET
    int_value: int | str | msgspec.UnsetType = msgspec.UNSET
    double_value: float | str | msgspec.UnsetType = msgspec.UNSET
    bytes_value: str | msgspec.UnsetType = msgspec.UNSET
    array_value: "_ArrayValue | msgspec.UnsetType" = msgspec.UNSET
    kvlist_value: "_KeyValueList | msgspec.UnsetType" = msgspec.UNSET

    @property
    def plain(self) -> Any:
        """The value as that of JSON; text is base64 for bytes."""
        if isinstance(self.array_value, _ArrayValue):
            return [value.plain for value in self.array_value.values]
        if isinstance(self.kvlist_value, _KeyValueList):
            return _by_path(self.kvlist_value.values)
        if isinstance(self.int_value, str):
            return _integer(self.int_value)
        values = (self.string_value, self.bool_value, self.int_value, self.double_value, self.bytes_value)
        return next((value for value in values if value is not msgspec.UNSET), None)


class _KeyValue(msgspec.Struct):
    key: str
    value: _AnyValue = msgspec.field(default_factory=_AnyValue)


class _ArrayValue(msgspec.Struct):
    values: list[_AnyValue] = []


class _KeyValueList(msgspec.Struct):
    values: list[_KeyValue] = []


class _Attributed(msgspec.Struct):
    """A resource or a scope."""

    name: str = ""
    version: str = ""
    attributes: list[_KeyValue] = []


class _LogRecord(msgspec.Struct, rename="camel"):
    time_unix_nano: int | str = 0
    observed_time_unix_nano: int | str = 0
    severity_number: int = 0
    severity_text: str = ""
    event_name: str = ""
    trace_id: str = ""
    span_id: str = ""
    body: _AnyValue | None = None
    attributes: list[_KeyValue] = []

    @property
    def time(self) -> bytes:
        """The time as text; empty if unknown."""
        nanoseconds = _integer(self.time_unix_nano) or _integer(self.observed_time_unix_nano)
        try:
            return datetime.fromtimestamp(int(nanoseconds) / 1e9, UTC).isoformat().encode() if nanoseconds else b""
        except (ValueError, OverflowError, OSError):
            return b""

    @property
    def severity(self) -> str:
        """The name of the severity, by its number if it has none."""
        place = (self.severity_number - 1) // DEGREES
        return self.severity_text or (SEVERITIES[place] if 0 <= place < len(SEVERITIES) else "")

    def row(self, resource: dict[str, Any], scope: dict[str, Any]) -> dict[str, Any]:
        """Return the record as an object; an attribute with the name of another key takes its place."""
        body = self.body.plain if self.body else None
        known = {
            "body": body,
            "event_name": self.event_name,
            "severity": self.severity,
            "trace_id": self.trace_id,
            "span_id": self.span_id,
        }
        return {
            **(body if isinstance(body, dict) else {}),
            **{name: value for name, value in known.items() if value not in (None, "")},
            "resource": resource,
            "scope": scope,
            **_by_path(self.attributes),
        }


class _ScopeLogs(msgspec.Struct, rename="camel"):
    scope: _Attributed = msgspec.field(default_factory=_Attributed)
    log_records: list[_LogRecord] = []


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: _Attributed = msgspec.field(default_factory=_Attributed)
    scope_logs: list[_ScopeLogs] = []

    def rows(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Yield the time and the object of each log record."""
        resource = _by_path(self.resource.attributes)
        for of_scope in self.scope_logs:
            scope = of_scope.scope
            about = {"name": scope.name, "version": scope.version, **_by_path(scope.attributes)}
            for record in of_scope.log_records:
                yield record.time, record.row(resource, about)


class _LogsData(msgspec.Struct, rename="camel"):
    """A line or a body; traces and metrics in the same file have other keys."""

    resource_logs: list[_ResourceLogs] | None = None
    resource_spans: Any = None
    resource_metrics: Any = None

    @property
    def is_otlp(self) -> bool:
        return (self.resource_logs, self.resource_spans, self.resource_metrics) != (None, None, None)


_decoder = msgspec.json.Decoder(_LogsData)
_encoder = msgspec.json.Encoder()


class OtlpLines(Lines):
    """Frames each log record as a line. A line that is not OTLP stays as it is."""

    def __init__(self, limit: int, position: Position | None = None, context: bytes = b"") -> None:
        super().__init__(max(limit, MOST_LINE_BYTES), position, context)
        self._record_limit = limit

    def _split(self, begin: int, data: bytes, start: int) -> tuple[int, list[tuple[int, bytes]], list[int]]:
        blocks: list[tuple[int, bytes]] = []
        times: list[bytes] = []
        oversize: list[int] = []
        while end := data.find(b"\n", start) + 1:
            left = MOST_ROW_BYTES
            for time, record in _records(data[start:end]):
                # Beyond the limit, records are not even written.
                line = record if isinstance(record, bytes) else _encoder.encode(record) + b"\n" if left > 0 else b""
                left -= len(line)
                if left <= 0 or len(line) > self._record_limit + 1:
                    oversize.append(begin + start)
                else:
                    blocks.append((begin + start, line))
                    times.append(time)
            start = end
        self._times = times
        return start, blocks, oversize

    def end(self) -> FrameResult:
        """Treat the stream as ended: the rest is a line without its newline."""
        blocks = super().end().blocks
        if not blocks:
            return NOTHING
        ((begin, line),) = blocks
        _, blocks, oversize = self._split(begin, line, 0)
        return FrameResult(blocks, oversize, [], times=self._times)


class Otlp(Format, frozen=True):
    """Log records of OpenTelemetry: JSON lines of the Collector's file exporter, or OTLP over HTTP."""

    name: ClassVar[str] = "otlp"
    framer: ClassVar[Framer] = OtlpLines
    expects: ClassVar[str] = f"a body of {JSON}, or of {PROTOBUF} if the extra `otlp` is installed"

    def accepts(self, headers: Mapping[str, str]) -> bool:
        kind = media_type(headers)
        return kind == JSON or (kind == PROTOBUF and importlib.util.find_spec("opentelemetry") is not None)

    def request(self, headers: Mapping[str, str], body: bytes) -> IngestRequest:
        """Return the body as a line of JSON; raises BodyError.

        Clients send a request again, without a key, if they get no response: its key is the hash of its body.
        """
        key = headers.get("idempotency-key") or hashlib.blake2b(body, digest_size=16).hexdigest()
        if media_type(headers) == PROTOBUF:
            return IngestRequest(_line_of_protobuf(body), key)
        try:
            request = _decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BodyError(f"not OTLP: {error}") from None
        return IngestRequest(body.replace(b"\n", b" ") + b"\n" if request.resource_logs else b"", key)

    def reply(self, headers: Mapping[str, str], status: HTTPStatus, document: Mapping[str, Any]) -> Reply:
        """Return the response of OTLP: 200 also if some records were rejected, and else a Status."""
        is_protobuf = media_type(headers) == PROTOBUF and self.accepts(headers)
        if "accepted" not in document:
            return Reply(status, *_encoded({"message": document["error"]}, is_error=True, is_protobuf=is_protobuf))
        rejected = document.get("rejected", ())
        partial = {
            "rejectedLogRecords": str(sum(bad["count"] for bad in rejected)),
            "errorMessage": "; ".join(f"{bad['reason']}: {bad['detail']}" for bad in rejected),
        }
        answer = {"partialSuccess": partial} if rejected else {}
        return Reply(HTTPStatus.OK, *_encoded(answer, is_error=False, is_protobuf=is_protobuf))


def _records(line: bytes) -> Iterator[tuple[bytes, dict[str, Any] | bytes]]:
    """Yield the time and the object of each log record of a line; the line itself if it is not OTLP."""
    try:
        request = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        yield b"", line
        return
    if not request.is_otlp:
        yield b"", line
    for of_resource in request.resource_logs or ():
        yield from of_resource.rows()


def _by_path(pairs: Iterable[_KeyValue]) -> dict[str, Any]:
    """Return values by name; one whose name has dots is also where the name is a path."""
    values = {pair.key: pair.value.plain for pair in pairs}
    tree = dict(values)
    for name, value in values.items():
        *path, last = name.split(".")
        node: Any = tree
        for key in path:
            node = node.setdefault(key, {}) if isinstance(node, dict) else None
        if path and isinstance(node, dict):
            node.setdefault(last, value)
    return tree


def _integer(value: int | str) -> int | str:
    """Return a number that may be text; the text if it is none."""
    try:
        return int(value)
    except ValueError:
        return value


def _line_of_protobuf(body: bytes) -> bytes:
    """Return a body as lines of JSON, one per resource; raises BodyError."""
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415  # an extra
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest  # noqa: PLC0415

    try:
        request = ExportLogsServiceRequest.FromString(body)
    except DecodeError as error:
        raise BodyError(f"not OTLP: {error}") from None
    lines = []
    for of_resource in request.resource_logs:
        document = MessageToDict(of_resource, use_integers_for_enums=True)
        for of_scope in document.get("scopeLogs", ()):
            for record in of_scope.get("logRecords", ()):
                # OTLP writes ids as hexadecimal numbers, unlike protobuf's own JSON.
                record |= {key: base64.b64decode(record[key]).hex() for key in ("traceId", "spanId") if key in record}
        lines.append(_encoder.encode({"resourceLogs": [document]}) + b"\n")
    return b"".join(lines)


def _encoded(document: Mapping[str, Any], *, is_error: bool, is_protobuf: bool) -> tuple[bytes, str]:
    """Return the body of a response, and its media type."""
    if not is_protobuf:
        return _encoder.encode(document), JSON
    from google.protobuf.json_format import ParseDict  # noqa: PLC0415  # an extra
    from google.rpc.status_pb2 import Status  # noqa: PLC0415
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse  # noqa: PLC0415

    message = ParseDict(document, Status() if is_error else ExportLogsServiceResponse())
    return message.SerializeToString(), PROTOBUF
