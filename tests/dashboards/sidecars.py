"""Two models with sidecars that serve all there is: one of classes in two versions, and one of values."""

import json
import random
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.process import Exporter, command, exporter
from tests.servers import free_port

REFERENCE = 2000
PART = 300
# Days before today, each with so many predictions.
DAYS, PER_DAY = 12, 80
CLASSES = """\
listen: 127.0.0.1:0
state_dir: {folder}/state
model: {{name: credit, version: "3"}}
reference: {folder}/reference.json
windows: [5m, 1h, 24h]
sources:
  - "{folder}/log.jsonl"
  - {{url: "tcp://127.0.0.1:{tcp}", connections: 1}}
  - "udp://127.0.0.1:{udp}"
ground_truth: {{sources: ["{folder}/truth.jsonl"], coverage: 0.8}}
business:
  - {{name: amount, field: amount, buckets: [100, 1000]}}
  - {{name: repaid, truth: repaid}}
segments: [{{name: country, protected: true}}]
drift: {{live_version: "3"}}
quality: {{duplicate_ids: 1000}}
favourable: approve
thresholds: {{error_ratio: 0.05, missing_ratio: 0.1}}
"""
VALUES = """\
listen: 127.0.0.1:0
model: {{name: rent, version: "1"}}
reference: {folder}/reference.json
windows: [5m, 1h, 24h]
sources: ["{folder}/log.jsonl"]
ground_truth: {{sources: ["{folder}/truth.jsonl"]}}
segments: [{{name: size, bounds: [80]}}]
"""

Record = dict[str, Any]


class Make(Protocol):
    """How a model's records are made."""

    def __call__(self, rng: random.Random, *, drifted: bool) -> Record:
        """Return a prediction and its truth."""


def decision(rng: random.Random, *, drifted: bool) -> Record:
    """Return a prediction of a class and its truth; what has drifted is older, misses more and is wrong more often."""
    age = rng.gauss(55 if drifted else 40, 8)
    missing = rng.random() < (0.1 if drifted else 0.02)
    approved = rng.random()
    attributions = {"age": rng.gauss(0, 0.2 if drifted else 1), "income": rng.gauss(0, 0.5), "country": rng.gauss(0, 1)}
    return {
        "features": {
            "age": None if missing else age,
            "income": 0.5 * age + rng.gauss(10, 2),
            "country": rng.choice(["DE", "FR", "XX"] if drifted else ["DE", "DE", "FR"]),
            "text": [rng.random(), rng.random()],
        },
        "prediction": "approve" if approved > 0.5 else "deny",
        "probability": max(approved, 1 - approved),
        "attributions": attributions,
        "actual": "approve" if rng.random() < (0.5 if drifted else approved) else "deny",
    }


def estimate(rng: random.Random, *, drifted: bool) -> Record:
    """Return a prediction of a value and its truth."""
    size = rng.gauss(80, 20)
    actual = 12 * size + rng.gauss(0, 100)
    predicted = 12 * size + (150 if drifted else 0) + 0.25
    return {"features": {"size": size}, "prediction": predicted, "actual": actual}


@dataclass
class Model:
    """A model's sidecar, and the files that it reads."""

    folder: Path
    make: Make
    sidecar: Exporter
    rng: random.Random
    records: int = 0

    def serve(self) -> None:
        """Log a part more, and its truth: two versions, drift, errors, repeated ids and a line that is no JSON."""
        log, truths = [], []
        for index in range(PART):
            # One in thirty has the id of the one before it, which is of the same version.
            request_id = str(self.records + index - (index % 30 == 2))
            record: Record = {"timestamp": time.time(), "request_id": request_id}
            if self.make is decision:
                record["model_version"] = "34"[index % 3 == 0]
            if index % 20 == 0:
                log.append(record | {"error_type": "timeout"})
                continue
            made = self.make(self.rng, drifted=True)
            made["features"]["unheard_of"] = 1
            actual = made.pop("actual")
            latency = self.rng.expovariate(1 / 60)
            log.append(record | made | {"latency_ms": latency, "amount": self.rng.uniform(10, 2000)})
            if index % 10:
                truths.append({"request_id": request_id, "actual": actual, "repaid": self.rng.uniform(0, 100)})
        self._append("truth", truths)
        self._append("log", log, "no JSON\n")
        self.records += PART + len(truths)

    def serve_past_days(self) -> None:
        """Log predictions of the days before, and their truth."""
        log, truths = [], []
        for index in range(DAYS * PER_DAY):
            made = self.make(self.rng, drifted=False)
            record = {"timestamp": time.time() - (1 + index / PER_DAY) * 86400, "request_id": f"past {index}"}
            truths.append({"request_id": record["request_id"], "actual": made.pop("actual")})
            # Groups are judged over days.
            features = {name: value for name, value in made["features"].items() if name == "country"}
            log.append(record | {"features": features, "prediction": made["prediction"]})
        self._append("truth", truths)
        self._append("log", log)
        self.records += 2 * len(log)

    def wait(self) -> None:
        """Wait until all is counted."""
        self.sidecar.wait_for("prediction_exporter_source_records_total", self.records)

    def _append(self, name: str, records: list[Record], more: str = "") -> None:
        with (self.folder / f"{name}.jsonl").open("a") as file:
            file.write("".join(json.dumps(record) + "\n" for record in records) + more)


@contextmanager
def model(folder: Path, make: Make, config: str, **ports: int) -> Iterator[Model]:
    """Run the sidecar of a model that has a reference and a first part."""
    folder.mkdir()
    rng = random.Random(3)
    training = folder / "training.jsonl"
    training.write_text("".join(json.dumps(make(rng, drifted=False)) + "\n" for _ in range(REFERENCE)))
    made = command("profile", training, "--output", folder / "reference.json")
    assert not made.returncode, made.stderr
    (folder / "config.yaml").write_text(config.format(folder=folder, **ports))
    with exporter("--config", folder / "config.yaml") as sidecar:
        served = Model(folder, make, sidecar, rng)
        served.serve_past_days()
        served.serve()
        served.wait()
        yield served


@contextmanager
def models(folder: Path) -> Iterator[Mapping[str, Model]]:
    """Run both, by their models' names; the sockets of the first have a client too many."""
    tcp, udp = free_port(), free_port()
    with (
        model(folder / "credit", decision, CLASSES, tcp=tcp, udp=udp) as credit,
        model(folder / "rent", estimate, VALUES) as rent,
        socket.create_connection(("127.0.0.1", tcp)),
        socket.create_connection(("127.0.0.1", tcp)),
    ):
        yield {"credit": credit, "rent": rent}
