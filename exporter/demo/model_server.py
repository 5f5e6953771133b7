"""The demo's model as it is served: POST /predict over HTTP, and a log line for each request."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from exporter.demo import model, story
from exporter.demo.model import Model
from exporter.demo.story import Incident

ERROR_TYPE = "out_of_memory"
SLOW_SECONDS = 0.015


class ModelServer:
    """Serves on a free port of 127.0.0.1 while the `with` block lasts, and counts what it has logged.

    `incidents` are what goes wrong in it now.
    """

    def __init__(self, trained: Model, log: Path) -> None:
        self._model = trained
        self._means = trained.training.mean(axis=0)
        self._file = log.open("a", buffering=1)
        self._one = threading.Lock()
        self._random = np.random.default_rng()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.incidents: Collection[Incident] = ()
        self.predictions: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._file.close()

    def predict(self, request_id: str, features: Mapping[str, float | None]) -> tuple[HTTPStatus, dict[str, Any]]:
        """Answer one request, and log it."""
        begin = time.perf_counter()
        row = np.array([np.nan if (value := features.get(name)) is None else value for name in self._model.features])
        prediction = self._model.predict(np.where(np.isnan(row), self._means, row))
        if story.LATENCY in self.incidents:
            time.sleep(SLOW_SECONDS)
        record: dict[str, Any] = {
            "request_id": request_id,
            "timestamp": datetime.now(UTC).isoformat(),
            "model_name": model.NAME,
            "model_version": model.VERSION,
        }
        with self._one:
            fails = story.FAILING in self.incidents and prediction.label == "malignant" and self._random.random() < 0.5  # noqa: PLR2004
            if fails:
                self.errors[ERROR_TYPE] += 1
                self._file.write(json.dumps(record | {"error_type": ERROR_TYPE}) + "\n")
                return HTTPStatus.INTERNAL_SERVER_ERROR, {"error": ERROR_TYPE}
            answer = {"prediction": prediction.label, "probability": round(prediction.probability, 6)}
            record |= answer | {
                "features": features,
                "latency_ms": round((time.perf_counter() - begin) * 1000, 3),
            }
            self.predictions[prediction.label] += 1
            self._file.write(json.dumps(record) + "\n")
        return HTTPStatus.OK, answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer is one packet, and waits for no other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, served: ModelServer, *arguments: Any) -> None:
        self._served = served
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = self._served.predict(body["request_id"], body["features"])
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: requests are in the model's log."""
