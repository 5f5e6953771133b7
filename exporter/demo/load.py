"""Load on the model's server: a client that sends rows it was not trained on, and tells their truth some time later."""

from __future__ import annotations

import http.client
import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from exporter.demo import story
from exporter.demo.model import Model
from exporter.demo.model_server import ModelServer
from exporter.demo.story import Story

# Of a biopsy one knows the truth after days; here, after seconds.
TRUTH_SECONDS = 10.0
SENSOR = "mean area"


class Load:
    """Sends one request at a time, as the story has it; the truth of each goes to the log `truth`."""

    def __init__(self, trained: Model, server: ModelServer, truth: Path, told: Story) -> None:
        self._model = trained
        self._server = server
        self._file = truth.open("a", buffering=1)
        self._story = told
        self._random = np.random.default_rng()
        self._waiting: deque[tuple[float, str, str]] = deque()
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._file.close()

    @property
    def written(self) -> int:
        return self._written

    @property
    def predictions(self) -> Mapping[str, int]:
        return self._server.predictions

    @property
    def errors(self) -> Mapping[str, int]:
        return self._server.errors

    def inputs(self, seconds: float) -> str:
        """Say what is wrong at a time after the start."""
        incidents = self._story.at(seconds)
        if not incidents:
            return "All is well."
        return "Incident: " + "; ".join(incident.text for incident in incidents) + "."

    def write(self, seconds: float) -> None:
        """Send a request, and tell the truths that are due."""
        incidents = self._story.at(seconds)
        self._server.incidents = incidents
        place = int(self._random.integers(len(self._model.held_out)))
        row = self._model.held_out[place]
        row = self._model.shifted(row) if story.DRIFT in incidents else row
        features: dict[str, float | None] = dict(zip(self._model.features, row.tolist(), strict=True))
        if story.SENSOR in incidents:
            features[SENSOR] = None
        request_id = f"{self._written:08}"
        self._connection.request("POST", "/predict", json.dumps({"request_id": request_id, "features": features}))
        self._connection.getresponse().read()
        self._written += 1
        self._waiting.append((seconds + TRUTH_SECONDS, request_id, self._model.truth[place]))
        while self._waiting and self._waiting[0][0] <= seconds:
            _, known, actual = self._waiting.popleft()
            self._file.write(json.dumps({"request_id": known, "actual": actual}) + "\n")
