"""Log records of OpenTelemetry, from its own SDK over HTTP and as lines of the Collector's file exporter."""

import gzip
import json
import logging
import signal
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from exporter.formats.otlp import MOST_ROW_BYTES, OtlpLines
from tests.process import DEADLINE_SECONDS, Exporter, exporter

PATH = "/v1/logs"
JSON, PROTOBUF = "application/json", "application/x-protobuf"
LINES = "prediction_exporter_source_lines_total"
CONFIG = f"""
listen: 127.0.0.1:0
state_dir: state
sources:
  - url: http://{PATH}
    format: otlp
    fields: {{model_name: resource.service.name}}
"""
TRACE = "5b8efff798038103d269b633813fc60c"


@contextmanager
def listening(folder: Path) -> Iterator[Exporter]:
    (folder / "config.yaml").write_text(CONFIG)
    with exporter("--config", folder / "config.yaml") as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    with listening(tmp_path_factory.mktemp("shared")) as running:
        yield running


def post(running: Exporter, body: bytes, kind: str, **headers: str) -> tuple[int, str, bytes]:
    """Return the status of the response, its media type and its body."""
    spelt = {"Content-Type": kind} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{running.address}{PATH}", body, spelt)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            return answer.status, answer.headers["Content-Type"].split(";")[0], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"].split(";")[0], error.read()


def value(plain: Any) -> dict[str, Any]:
    match plain:
        case bool():
            return {"boolValue": plain}
        case int():
            return {"intValue": str(plain)}
        case float():
            return {"doubleValue": plain}
        case list():
            return {"arrayValue": {"values": [value(item) for item in plain]}}
        case dict():
            return {"kvlistValue": {"values": attributes(plain)}}
        case _:
            return {"stringValue": plain}


def attributes(plain: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(item)} for key, item in plain.items()]


def record(body: Any = "prediction", **more: Any) -> dict[str, Any]:
    return {"body": value(body), **more}


def request(*records: dict[str, Any], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    scope = {"name": "app", "version": "2"}
    of_resource = {"attributes": attributes(resource or {"service.name": "credit"})}
    return {"resourceLogs": [{"resource": of_resource, "scopeLogs": [{"scope": scope, "logRecords": [*records]}]}]}


def framed(data: bytes, limit: int = 2**20) -> tuple[list[Any], list[str], int]:
    """Return the rows of a log, their times, and the number of those that are too large."""
    framing = OtlpLines(limit)
    results = [framing.feed(data), framing.end()]
    rows = [json.loads(line) for result in results for _, line in result.blocks]
    times = [time.decode() for result in results for time in result.times]
    return rows, times, sum(len(result.oversize) for result in results)


def rows_of(*records: dict[str, Any]) -> list[Any]:
    return framed(json.dumps(request(*records)).encode())[0]


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_log_handler_of_the_sdk_exports_to_the_sidecar(tmp_path: Path, compression: Compression) -> None:
    with listening(tmp_path) as running:
        exporting = OTLPLogExporter(f"{running.address}{PATH}", compression=compression)
        provider = LoggerProvider(Resource.create({"service.name": "credit"}), shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporting))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            from opentelemetry.sdk._logs import LoggingHandler

            handler = LoggingHandler(logger_provider=provider)
        logger = logging.getLogger(f"model {tmp_path}")
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        for number in range(20):
            extra = {"prediction": "yes" if number % 2 else "no", "latency_ms": 12.5, "features.age": 41}
            logger.info("prediction", extra=extra)
        provider.shutdown()
        running.stop(signal.SIGKILL)
    with listening(tmp_path) as running:
        assert running.samples("model_predictions_total") == {("no",): 10, ("yes",): 10}
        assert running.total("model_prediction_latency_seconds_sum") == pytest.approx(0.25)
        assert running.total(LINES) == 20
        assert 'model_name="credit"' in running.get("/metrics")


@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_the_response_is_of_the_encoding_of_the_request_and_says_what_was_rejected(
    shared: Exporter, kind: str, coding: str
) -> None:
    def sent(*records: dict[str, Any], **headers: str) -> tuple[int, Any]:
        body = encoded(request(*records), kind)
        packed = gzip.compress(body) if coding == "gzip" else body
        status, answered, data = post(shared, packed, kind, Content_Encoding=coding, **headers)
        assert answered == kind
        return status, data

    good = record(attributes=attributes({"prediction": f"{kind} {coding}"}))
    bad = record(attributes=attributes({"latency_ms": 1}))
    before = shared.total(LINES)
    assert sent(good) == (HTTPStatus.OK, b"{}" if kind == JSON else b"")
    # An exporter sends a request again if it got no response.
    assert sent(good) == (HTTPStatus.OK, b"{}" if kind == JSON else b"")
    assert shared.total(LINES) == before + 1
    status, data = sent(good, bad, bad)
    assert status == HTTPStatus.OK
    partial = decoded(data, kind).partial_success
    assert partial.rejected_log_records == 2
    assert partial.error_message.startswith("missing_field: ")
    assert shared.total(LINES) == before + 4
    assert shared.samples("model_predictions_total")[f"{kind} {coding}",] == 2


def encoded(document: dict[str, Any], kind: str) -> bytes:
    if kind == JSON:
        return json.dumps(document, indent=1).encode()
    from google.protobuf.json_format import ParseDict

    return ParseDict(document, ExportLogsServiceRequest()).SerializeToString()


def decoded(data: bytes, kind: str) -> ExportLogsServiceResponse:
    if kind == PROTOBUF:
        return ExportLogsServiceResponse.FromString(data)
    from google.protobuf.json_format import Parse

    return Parse(data, ExportLogsServiceResponse())


def test_what_cannot_be_decoded_gets_a_status(shared: Exporter) -> None:
    status, kind, data = post(shared, b"\xff\xff\xff", PROTOBUF)
    assert (status, kind) == (HTTPStatus.BAD_REQUEST, PROTOBUF)
    assert Status.FromString(data).message.startswith("not OTLP: ")
    for body in (b"not json", b'{"resourceLogs": 1}', b"[" * 100_000, b'{"resourceLogs": "\xff"}'):
        status, kind, data = post(shared, body, JSON)
        assert (status, kind) == (HTTPStatus.BAD_REQUEST, JSON)
        assert json.loads(data)["message"].startswith("not OTLP: ")
    status, kind, data = post(shared, b"x", "text/plain")
    assert (status, kind) == (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, JSON)
    assert json.loads(data)["message"].startswith("expected a body of application/json")


def test_a_request_may_be_empty(shared: Exporter) -> None:
    assert post(shared, b"{}", JSON) == (HTTPStatus.OK, JSON, b"{}")
    assert post(shared, b"", PROTOBUF) == (HTTPStatus.OK, PROTOBUF, b"")


def test_values_are_unwrapped() -> None:
    plain = {"text": "a", "flag": False, "whole": 2**53 + 1, "half": 0.5, "items": [1, "b", {"c": [True]}]}
    (row,) = rows_of(record(attributes=[*attributes(plain), {"key": "bytes", "value": {"bytesValue": "aGk="}}]))
    assert row == plain | {
        "bytes": "aGk=",
        "body": "prediction",
        "resource": {"service.name": "credit", "service": {"name": "credit"}},
        "scope": {"name": "app", "version": "2"},
    }


def test_a_name_with_dots_is_a_key_and_a_path() -> None:
    (row,) = rows_of(record(attributes=attributes({"features.age": 41, "a": "text", "a.b": 1, "features": {"x": 2}})))
    assert row["features.age"] == 41
    assert row["features"] == {"x": 2, "age": 41}
    assert (row["a"], row["a.b"]) == ("text", 1)


def test_the_keys_of_a_body_are_those_of_the_record_unless_an_attribute_has_them() -> None:
    (row,) = rows_of(record({"prediction": "yes", "class": 1}, attributes=attributes({"class": 2})))
    assert row["body"] == {"prediction": "yes", "class": 1}
    assert (row["prediction"], row["class"]) == ("yes", 2)


def test_a_row_has_the_ids_the_severity_and_the_event() -> None:
    known = {"traceId": TRACE, "spanId": TRACE[:16], "eventName": "prediction"}
    (by_number, by_text) = rows_of(
        record(severityNumber=17, **known), record(severityNumber=9, severityText="notice", **known)
    )
    expected = {"trace_id": TRACE, "span_id": TRACE[:16], "event_name": "prediction"}
    for row, severity in ((by_number, "ERROR"), (by_text, "notice")):
        assert row.items() >= (expected | {"severity": severity}).items()


def test_the_time_is_the_observed_one_if_there_is_no_other() -> None:
    def time(**times: Any) -> str:
        return framed(json.dumps(request(record(**times))).encode())[1][0]

    expected = "2023-11-14T22:13:20.500000+00:00"
    assert time(timeUnixNano="1700000000500000000", observedTimeUnixNano="1") == expected
    assert time(timeUnixNano=1700000000500000000) == expected
    assert time(timeUnixNano="0", observedTimeUnixNano="1700000000500000000") == expected
    assert [time(), time(timeUnixNano="soon"), time(timeUnixNano="9" * 5000)] == ["", "", ""]


def test_a_file_may_also_have_traces_and_other_lines() -> None:
    lines = [{"resourceSpans": [{}]}, request(record(), record()), {"resourceMetrics": []}, {"prediction": "a"}]
    rows, _, _ = framed("".join(json.dumps(line) + "\n" for line in lines).encode())
    assert [row.get("body") for row in rows] == ["prediction", "prediction", None]
    assert rows[-1] == {"prediction": "a"}


def test_the_memory_of_a_line_is_bounded() -> None:
    small, large = record(), record(attributes=attributes({"x": "y" * 3000}))
    assert framed(json.dumps(request(small, large, small)).encode(), 2048)[2] == 1
    many = request(*[small] * 1000, resource={"x": "y" * 100_000})
    rows, _, oversize = framed(json.dumps(many).encode())
    assert len(rows) * 100_000 <= MOST_ROW_BYTES
    assert oversize == 1000 - len(rows)
