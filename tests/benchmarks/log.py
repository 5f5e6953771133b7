"""A synthetic prediction log: JSON lines of 20 features, about 600 bytes each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

NUMERIC = 19
COUNTRIES = np.array(["US", "DE", "FR", "JP", "BR"])
CLASSES = np.array(["approve", "deny", "review"])
SHARES = np.array([0.65, 0.25, 0.10])


def write_log(path: Path, records: int, *, seed: int = 0, version: str = "3") -> None:
    """Write `records` lines; numeric features are standard normal, the last one is a category."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(records, NUMERIC)).round(6)
    country = rng.choice(COUNTRIES, size=records)
    prediction = rng.choice(CLASSES, size=records, p=SHARES)
    probability = rng.random(records).round(6)
    latency = rng.gamma(2.0, 15.0, size=records).round(3)
    with path.open("w") as file:
        for i in range(records):
            record = {
                "request_id": f"{i:032x}",
                "model_name": "credit",
                "model_version": version,
                "features": {
                    **{f"feature{j}": value for j, value in enumerate(features[i].tolist())},
                    "country": str(country[i]),
                },
                "prediction": str(prediction[i]),
                "probability": float(probability[i]),
                "latency_ms": float(latency[i]),
            }
            file.write(json.dumps(record, separators=(",", ":")) + "\n")
