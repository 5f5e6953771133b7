"""The exporter that one writes by hand: a latency histogram and a class counter, with orjson and prometheus_client.

`python -m tests.benchmarks.orjson_exporter LOG PORT` follows a log.
"""

from __future__ import annotations

import sys
import time

import orjson
from prometheus_client import Counter, Histogram, start_http_server

POLL_SECONDS = 0.1
MODEL = ("model_name", "model_version")
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
LATENCY = Histogram("model_prediction_latency_seconds", "Prediction latency.", MODEL, buckets=BUCKETS)
PREDICTIONS = Counter("model_predictions", "Predictions by class.", [*MODEL, "prediction_class"])
REJECTED = Counter("rejected_lines", "Lines that hold no prediction.")


def count(line: bytes) -> None:
    try:
        record = orjson.loads(line)
        model = record["model_name"], record["model_version"]
        LATENCY.labels(*model).observe(record["latency_ms"] / 1000)
        PREDICTIONS.labels(*model, record["prediction"]).inc()
    except (ValueError, KeyError, TypeError):
        REJECTED.inc()


def main(path: str, port: str) -> None:
    start_http_server(int(port), "127.0.0.1")
    line = b""
    with open(path, "rb") as log:
        while True:
            line += log.readline()
            if line.endswith(b"\n"):
                count(line)
                line = b""
            else:
                time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
