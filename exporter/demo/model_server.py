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
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from exporter.demo import model, story
from exporter.demo.local_server import Handler, LocalServer
from exporter.demo.model import Model
from exporter.demo.story import Incident

ERROR_TYPE = "out_of_memory"
SLOW_SECONDS = 0.08
SLOW_SHARE = 1 / 30


class ModelServer(LocalServer):
    """Serves on a free port of 127.0.0.1 while the `with` block lasts, and counts what it has logged.

    `incidents` are what goes wrong in it now.
    """

    def __init__(self, trained: Model, log: Path) -> None:
        super().__init__(partial(_Handler, self))
        self._model = trained
        self._means = trained.training.mean(axis=0)
        self._file = log.open("a", buffering=1)
        self._one = threading.Lock()
        self._random = np.random.default_rng()
        self.incidents: Collection[Incident] = ()
        self.predictions: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._file.close()

    def predict(self, request_id: str, features: Mapping[str, float | None]) -> tuple[HTTPStatus, dict[str, Any]]:
        """Answer one request, and log it."""
        begin = time.perf_counter()
        row = np.array([np.nan if (value := features.get(name)) is None else value for name in self._model.features])
        prediction = self._model.predict(np.where(np.isnan(row), self._means, row))
        if story.LATENCY in self.incidents and self._chance() < SLOW_SHARE:
            time.sleep(SLOW_SECONDS)
        record: dict[str, Any] = {
            "request_id": request_id,
            "timestamp": datetime.now(UTC).isoformat(),
            "model_name": model.NAME,
            "model_version": model.VERSION,
        }
        with self._one:
            fails = story.FAILING in self.incidents and prediction.label == "malignant" and self._chance() < 0.5  # noqa: PLR2004
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

    def _chance(self) -> float:
        return float(self._random.random())


class _Handler(Handler):
    protocol_version = "HTTP/1.1"
    # An answer is one packet, and waits for no other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, served: ModelServer, *arguments: Any) -> None:
        self._served = served
        super().__init__(*arguments)

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
        body = self.read_json()
        status, answer = self._served.predict(body["request_id"], body["features"])
        self.answer(json.dumps(answer).encode(), "application/json", status)
