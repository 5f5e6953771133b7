"""A simulated model: decides on random loan applications and logs its predictions.

`python model.py FOLDER [RATE [SHIFT_AFTER]]` writes the training data to FOLDER/training/training.jsonl, and then RATE
predictions per second (default 50) to FOLDER/predictions.jsonl. After SHIFT_AFTER seconds (default 300), applicants are
younger, which causes drift.
"""

import json
import math
import os
import random
import sys
import time
from pathlib import Path

LOG_BYTES = 16 * 1024**2
APPROVED_FROM = 0.5
TIMEOUTS = 0.005


def applicant(*, shifted: bool) -> dict:
    """Return the features of a random applicant."""
    return {
        "age": round(random.gauss(31 if shifted else 42, 9)),
        "income": round(random.lognormvariate(10.4, 0.5)),
        "employment": random.choice(["permanent", "permanent", "temporary", "self-employed"]),
    }


def predict(features: dict) -> dict:
    """Return the record of a prediction, with a random latency."""
    score = 0.05 * (features["age"] - 40) + 0.8 * math.log(features["income"] / 33_000)
    probability = 1 / (1 + math.exp(-score))
    return {
        "timestamp": time.time(),
        "model_name": "loans",
        "model_version": "1",
        "features": features,
        "prediction": "approve" if probability >= APPROVED_FROM else "reject",
        "probability": round(max(probability, 1 - probability), 4),
        "latency_ms": round(random.lognormvariate(3, 0.4), 2),
    }


def main(folder: Path, rate: float = 50, shift_after: float = 300) -> None:
    training = folder / "training" / "training.jsonl"
    training.parent.mkdir(exist_ok=True)
    training.write_text("".join(json.dumps(predict(applicant(shifted=False))) + "\n" for _ in range(5_000)))
    log = folder / "predictions.jsonl"
    started = time.monotonic()
    while True:
        record = predict(applicant(shifted=time.monotonic() - started > shift_after))
        if random.random() < TIMEOUTS:
            del record["prediction"], record["probability"]
            record["error_type"] = "timeout"
        with log.open("a") as file:
            file.write(json.dumps(record) + "\n")
        if log.stat().st_size > LOG_BYTES:
            os.replace(log, folder / "predictions.jsonl.1")
        time.sleep(1 / rate)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(float, sys.argv[2:]))
