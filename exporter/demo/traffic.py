"""The model's log: predictions of rows that it was not trained on, a JSON line each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from exporter.batch import Floats
from exporter.demo import model
from exporter.demo.model import Model

ERROR_TYPE, ERROR_SHARE = "timeout", 0.005
ROTATE_BYTES = 64 * 1024**2

Record = dict[str, Any]


class Traffic:
    """Writes one request at a time to `log`, and keeps count.

    A request is a held-out row, drawn with replacement and not changed unless it is shifted. Its prediction and
    latency are the model's own; one request in 200 is logged as timed out instead, without asking the model.
    A log that has grown to `rotate_bytes` is renamed to `.1`, so that a demo left alone does not fill the disk.
    """

    def __init__(self, trained: Model, log: Path, timer: Callable[[], float], rotate_bytes: int = ROTATE_BYTES) -> None:
        self._model = trained
        self._log = log
        self._timer = timer
        self._rotate_bytes = rotate_bytes
        self._random = np.random.default_rng()
        self._file = log.open("a", buffering=1)
        self.predictions: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def written(self) -> int:
        return self.predictions.total() + self.errors.total()

    def write(self, *, shifted: bool) -> None:
        """Make one request and log it."""
        if self._file.tell() >= self._rotate_bytes:
            self._file.close()
            self._log.replace(f"{self._log}.1")
            self._file = self._log.open("a", buffering=1)
        record = {
            "request_id": f"{self.written:08}",
            "timestamp": datetime.now(UTC).isoformat(),
            "model_name": model.NAME,
            "model_version": model.VERSION,
        }
        if self._random.random() < ERROR_SHARE:
            record["error_type"] = ERROR_TYPE
            self.errors[ERROR_TYPE] += 1
        else:
            row = self._random.choice(self._model.held_out)
            outcome = self._predict(self._model.shifted(row) if shifted else row)
            record |= outcome
            self.predictions[outcome["prediction"]] += 1
        self._file.write(json.dumps(record) + "\n")

    def _predict(self, row: Floats) -> Record:
        start = self._timer()
        prediction = self._model.predict(row)
        seconds = self._timer() - start
        return {
            "features": dict(zip(self._model.features, row.tolist(), strict=True)),
            "prediction": prediction.label,
            "probability": round(prediction.probability, 6),
            "latency_ms": round(seconds * 1000, 3),
        }


class Requests(Protocol):
    """What is served in a demo, a request at a time, by seconds since its start."""

    @property
    def written(self) -> int: ...

    @property
    def predictions(self) -> Mapping[str, int]: ...

    @property
    def errors(self) -> Mapping[str, int]: ...

    def write(self, seconds: float) -> None:
        """Make the next request."""
        ...

    def inputs(self, seconds: float) -> str:
        """Say what the requests are like."""
        ...


@dataclass(frozen=True)
class Shifting:
    """Traffic whose inputs shift after some seconds."""

    traffic: Traffic
    shift_after: float

    @property
    def written(self) -> int:
        return self.traffic.written

    @property
    def predictions(self) -> Mapping[str, int]:
        return self.traffic.predictions

    @property
    def errors(self) -> Mapping[str, int]:
        return self.traffic.errors

    def write(self, seconds: float) -> None:
        self.traffic.write(shifted=seconds >= self.shift_after)

    def inputs(self, seconds: float) -> str:
        change = f"{', '.join(model.SHIFTED)} x {model.SHIFT_FACTOR:g}"
        if seconds >= self.shift_after:
            return f"Inputs: since {self.shift_after:g} s as of a camera with more contrast: {change}."
        return f"Inputs: as in training; from {self.shift_after:g} s on {change}."


def training_lines(trained: Model) -> Iterator[str]:
    """Yield the training rows with the model's predictions, JSON lines to make the reference profile from."""
    for row in trained.training:
        prediction = trained.predict(row)
        record = {
            "features": dict(zip(trained.features, row.tolist(), strict=True)),
            "prediction": prediction.label,
            "probability": round(prediction.probability, 6),
        }
        yield json.dumps(record) + "\n"
