"""Logs as model servers and loggers write them, each with what the exporter should count of it.

Every log has REQUESTS requests, one every half second, to one model with the features age and income, which are
numbers, and country, a category. The shapes follow the public documentation of each server.
"""

import base64
import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

REQUESTS = 200
NAMES = ("age", "income", "country")
# Fixed, so that the times are too.
BEGIN = 1_700_000_000.0


@dataclass(frozen=True)
class Request:
    """A request to the model: its time, id, features, score, latency and status."""

    number: int
    time: float
    age: float
    income: float
    country: str
    score: float
    latency: float
    status: int

    @property
    def id(self) -> str:
        return f"id{self.number}"

    @property
    def predicted(self) -> int:
        return int(self.score > 0.5)

    @property
    def features(self) -> dict[str, Any]:
        return {"age": self.age, "income": self.income, "country": self.country}


@dataclass(frozen=True)
class ServerLog:
    """A log, and what is counted: predictions by class, errors by type, latencies, and skipped lines."""

    lines: Callable[[Request], Iterator[Any]]
    predictions: dict[str, int]
    errors: dict[str, int] = field(default_factory=dict)
    latencies: int = 0
    skipped: int = 0
    has_features: bool = True
    rounding: float = 1e-6

    @property
    def text(self) -> str:
        """The whole log."""
        lines = (line for request in ALL for line in self.lines(request))
        return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)


def _requests() -> list[Request]:
    chance = random.Random(3)
    return [
        Request(
            number,
            BEGIN + number / 2,
            chance.gauss(41, 12),
            chance.gauss(50_000, 9_000),
            chance.choice(["DE", "FR", "US"]),
            chance.random(),
            chance.expovariate(50),
            chance.choice([200] * 19 + [500]),
        )
        for number in range(REQUESTS)
    ]


ALL = _requests()
GOOD = [request for request in ALL if request.status == 200]
FAILED = REQUESTS - len(GOOD)


def iso(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def spaced(time: float) -> str:
    """Write a time as Python's logging does."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S},{int(time % 1 * 1000):03}"


def classes(requests: list[Request]) -> dict[str, int]:
    return dict(Counter(str(request.predicted) for request in requests))


def nginx(r: Request) -> Iterator[Any]:
    yield {
        "time_iso8601": iso(r.time)[:19] + "+00:00",
        "request": "POST /predict HTTP/1.1",
        "status": r.status,
        "request_time": round(r.latency, 3),
        "upstream_response_time": f"{r.latency:.3f}",
    }
    yield {"time_iso8601": iso(r.time)[:19] + "+00:00", "request": "GET /health HTTP/1.1", "status": 200}


def envoy(r: Request) -> Iterator[Any]:
    yield {
        "start_time": iso(r.time)[:23] + "Z",
        "path": "/predict",
        "response_code": r.status,
        "response_flags": "-",
        "duration": int(r.latency * 1e3),
        "request_id": r.id,
    }


def structlog(r: Request) -> Iterator[Any]:
    """An application's whole log: other events and a traceback beside each prediction."""
    yield {"event": "request", "level": "info", "timestamp": iso(r.time), "path": "/predict"}
    yield {
        "event": "prediction",
        "level": "info",
        "timestamp": iso(r.time),
        "request_id": r.id,
        "features": r.features,
        "prediction": r.predicted,
        "probability": max(r.score, 1 - r.score),
        "latency_ms": r.latency * 1e3,
    }
    yield "Traceback (most recent call last):"


def python_json_logger(r: Request) -> Iterator[Any]:
    yield {
        "asctime": spaced(r.time),
        "levelname": "INFO",
        "name": "app",
        "message": "prediction",
        "prediction": r.predicted,
        "features": r.features,
        "took": f"{r.latency * 1e3:.4f}ms",
    }


def ray_serve(r: Request) -> Iterator[Any]:
    yield {
        "asctime": spaced(r.time),
        "timestamp_ns": int(r.time * 1e9),
        "levelname": "INFO",
        "message": "",
        "prediction": r.predicted,
        "features": r.features,
        "latency_us": int(r.latency * 1e6),
    }


def _sagemaker(r: Request, given: str, answer: str, encoding: str) -> dict[str, Any]:
    return {
        "captureData": {
            "endpointInput": {"mode": "INPUT", "data": given, "encoding": encoding},
            "endpointOutput": {"mode": "OUTPUT", "data": answer, "encoding": encoding},
        },
        "eventMetadata": {"eventId": r.id, "inferenceTime": iso(r.time)[:19] + "Z"},
        "eventVersion": "0",
    }


def sagemaker_csv(r: Request) -> Iterator[Any]:
    yield _sagemaker(r, f"{r.age},{r.income},{r.country}", f"{r.score}", "CSV")


def sagemaker_json(r: Request) -> Iterator[Any]:
    answer = {"predictions": [{"label": r.predicted, "score": r.score}]}
    yield _sagemaker(r, json.dumps({"instances": [r.features]}), json.dumps(answer), "JSON")


def mlflow(r: Request) -> Iterator[Any]:
    rows = [[r.features[name] for name in NAMES]]
    yield {
        "ts": iso(r.time),
        "request": {"dataframe_split": {"columns": list(NAMES), "data": rows}},
        "response": {"predictions": [r.predicted]},
        "latency_s": r.latency,
    }


def batch(r: Request) -> Iterator[Any]:
    """Two instances per request: two predictions, and one latency."""
    yield {
        "timestamp": iso(r.time),
        "instances": [r.features] * 2,
        "predictions": [r.predicted] * 2,
        "latency_ms": r.latency * 1e3,
    }


def kserve(r: Request) -> Iterator[Any]:
    instances = {"instances": [[r.features[name] for name in NAMES]]}
    for kind, time, data in (
        ("request", r.time, instances),
        ("response", r.time + r.latency, {"predictions": [r.predicted]}),
    ):
        yield {
            "specversion": "1.0",
            "id": r.id,
            "source": "http://localhost:9081/",
            "type": f"org.kubeflow.serving.inference.{kind}",
            "time": iso(time),
            "inferenceservicename": "credit",
            "data": data,
        }


def otlp(r: Request) -> Iterator[Any]:
    """A line of the OpenTelemetry Collector's file exporter."""
    values = {"prediction": r.predicted, "latency_ms": r.latency * 1e3}
    values |= {f"features.{name}": value for name, value in r.features.items()}
    kinds = {int: "intValue", float: "doubleValue", str: "stringValue"}
    attributes = [
        {"key": name, "value": {kinds[type(value)]: str(value) if isinstance(value, int) else value}}
        for name, value in values.items()
    ]
    record = {
        "timeUnixNano": str(int(r.time * 1e9)),
        "severityNumber": 9,
        "body": {"stringValue": "prediction"},
        "attributes": attributes,
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "credit"}}]}
    yield {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {}, "logRecords": [record]}]}]}


def litellm(r: Request) -> Iterator[Any]:
    is_good = r.number % 20 != 0
    yield {
        "id": f"chatcmpl-{r.id}",
        "status": "success" if is_good else "failure",
        "total_tokens": 120 + r.number,
        "startTime": r.time,
        "response_time": r.latency if is_good else None,
        "model": "gpt-x",
        "response": {"choices": [{"index": 0, "finish_reason": "stop"}]},
        "error_information": {"error_class": None if is_good else "RateLimitError"},
    }


def features_as_list(r: Request) -> Iterator[Any]:
    yield {
        "timestamp": iso(r.time),
        "features": [r.features[name] for name in NAMES],
        "prediction": r.predicted,
        "latency_ms": r.latency * 1e3,
    }


def scores_as_prediction(r: Request) -> Iterator[Any]:
    yield {"timestamp": iso(r.time), "features": r.features, "prediction": [1 - r.score, r.score]}


def scores_as_probability(r: Request) -> Iterator[Any]:
    yield {"timestamp": iso(r.time), "features": r.features, "response": {"scores": [[1 - r.score, r.score]]}}


def features_as_text(r: Request) -> Iterator[Any]:
    yield {"timestamp": iso(r.time), "features": json.dumps(r.features), "prediction": r.predicted}


def base64_features(r: Request) -> Iterator[Any]:
    payload = base64.b64encode(json.dumps(r.features).encode()).decode()
    yield {"timestamp": iso(r.time), "payload": payload, "prediction": r.predicted}


def numbers_as_text(r: Request) -> Iterator[Any]:
    features = {name: str(value) for name, value in r.features.items()}
    yield {"timestamp": iso(r.time), "prediction": r.predicted, "features": features}


def latency_with_unit(r: Request) -> Iterator[Any]:
    yield {"timestamp": iso(r.time), "prediction": r.predicted, "latency": f"{r.latency:.6f}s"}


def time_in_microseconds(r: Request) -> Iterator[Any]:
    yield {"ts": int(r.time * 1e6), "prediction": r.predicted}


def time_in_nanoseconds(r: Request) -> Iterator[Any]:
    yield {"ts": str(int(r.time * 1e9)), "prediction": r.predicted}


def local_time(r: Request) -> Iterator[Any]:
    """A time without a zone, in Berlin in winter."""
    yield {"asctime": spaced(r.time + 3600), "prediction": r.predicted}


def request_and_response(r: Request) -> Iterator[Any]:
    yield {"event": "request", "request_id": r.id, "timestamp": iso(r.time), "features": r.features}
    yield {"event": "response", "request_id": r.id, "timestamp": iso(r.time + r.latency), "prediction": r.predicted}


def azure_data_collector(r: Request) -> Iterator[Any]:
    outputs = [{"label": r.predicted, "probability": r.score}]
    for kind, data in (("model_inputs", [r.features]), ("model_outputs", outputs)):
        yield {
            "specversion": "1.0",
            "id": f"{kind}-{r.id}",
            "type": f"azureml.inference.{kind}",
            "datacontenttype": "application/json",
            "time": iso(r.time),
            "data": data,
            "correlationid": r.id,
            "xrequestid": r.id,
            "modelversion": "default",
        }


def error_flag(r: Request) -> Iterator[Any]:
    is_good = r.status == 200
    yield {"timestamp": iso(r.time), "ok": is_good, "prediction": r.predicted if is_good else None}


def status_as_error(r: Request) -> Iterator[Any]:
    yield {"timestamp": iso(r.time), "status": r.status, "prediction": r.predicted if r.status == 200 else None}


def docker(r: Request) -> Iterator[Any]:
    """Docker's json-file around records without a time of their own."""
    line = json.dumps({"prediction": r.predicted, "features": r.features, "latency_ms": r.latency * 1e3})
    yield {"log": line + "\n", "stream": "stdout", "time": iso(r.time)}


def text_before_json(r: Request) -> Iterator[Any]:
    line = json.dumps({"prediction": r.predicted, "features": r.features})
    yield f"{spaced(r.time)} INFO app.model: {line}"


def logfmt(r: Request) -> Iterator[Any]:
    features = " ".join(f"features.{name}={value}" for name, value in r.features.items())
    message = 'msg="a \\"prediction\\""'
    yield f"time={iso(r.time)} level=info {message} prediction={r.predicted} {features} took={r.latency:.6f}s"


def csv_rows(r: Request) -> Iterator[Any]:
    if r.number == 0:
        yield "time,class,age,income,country"
    text = io.StringIO()
    csv.writer(text).writerow([iso(r.time), r.predicted, *r.features.values()])
    yield text.getvalue().strip()


def access_log(r: Request) -> Iterator[Any]:
    time = f"{datetime.fromtimestamp(r.time, UTC):%d/%b/%Y:%H:%M:%S} +0000"
    yield f'10.0.0.1 - - [{time}] "POST /predict HTTP/1.1" {r.status} 512 {r.latency:.6f}'
    yield f'10.0.0.1 - - [{time}] "GET /metrics HTTP/1.1" 200 99 0.001'


def pretty_printed(r: Request) -> Iterator[Any]:
    record = {"timestamp": iso(r.time), "features": r.features, "prediction": r.predicted}
    brackets = ("[" if r.number == 0 else "", "]" if r.number == REQUESTS - 1 else ",")
    yield json.dumps(record, indent=2).join(brackets)


def _log(lines: Callable[[Request], Iterator[Any]], **expected: Any) -> ServerLog:
    return ServerLog(lines, **{"predictions": classes(ALL)} | expected)


PLAIN = {"has_features": False}
STATUS = {"predictions": {"200": len(GOOD)}, "errors": {"500": FAILED}, "has_features": False, "latencies": REQUESTS}
LOGS = {
    "nginx": _log(nginx, **STATUS, skipped=REQUESTS, rounding=1e-3),
    "envoy": _log(envoy, **STATUS, rounding=1e-3),
    "structlog": _log(structlog, latencies=REQUESTS, skipped=2 * REQUESTS),
    "python-json-logger": _log(python_json_logger, latencies=REQUESTS),
    "ray-serve": _log(ray_serve, latencies=REQUESTS),
    "sagemaker-csv": _log(sagemaker_csv),
    "sagemaker-json": _log(sagemaker_json),
    "mlflow": _log(mlflow, latencies=REQUESTS),
    "batch": _log(batch, predictions={name: 2 * count for name, count in classes(ALL).items()}, latencies=REQUESTS),
    "kserve": _log(kserve, latencies=REQUESTS),
    "otlp": _log(otlp, latencies=REQUESTS),
    "litellm": _log(litellm, predictions={"success": 190}, errors={"RateLimitError": 10}, latencies=190, **PLAIN),
    "request-and-response": _log(request_and_response),
    "azure-data-collector": _log(azure_data_collector),
    "features-as-list": _log(features_as_list, latencies=REQUESTS),
    "scores-as-prediction": _log(scores_as_prediction),
    "scores-as-probability": _log(
        scores_as_probability,
        predictions={{"0": "no", "1": "yes"}[name]: count for name, count in classes(ALL).items()},
    ),
    "features-as-text": _log(features_as_text),
    "base64-features": _log(base64_features),
    "numbers-as-text": _log(numbers_as_text),
    "latency-with-unit": _log(latency_with_unit, latencies=REQUESTS, **PLAIN),
    "time-in-microseconds": _log(time_in_microseconds, **PLAIN),
    "time-in-nanoseconds": _log(time_in_nanoseconds, **PLAIN),
    "local-time": _log(local_time, **PLAIN),
    "error-flag": _log(error_flag, predictions=classes(GOOD), errors={"error": FAILED}, **PLAIN),
    "status-as-error": _log(status_as_error, predictions=classes(GOOD), errors={"500": FAILED}, **PLAIN),
    "docker": _log(docker, latencies=REQUESTS),
    "text-before-json": _log(text_before_json),
    "logfmt": _log(logfmt, latencies=REQUESTS),
    "csv": _log(csv_rows, skipped=1),
    "access-log": _log(access_log, **STATUS, skipped=REQUESTS),
    "pretty-printed": _log(pretty_printed),
}
