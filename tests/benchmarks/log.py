"""A synthetic prediction log: JSON lines of 20 features, about 600 bytes each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

NUMERIC = 19
COUNTRIES = np.array(["US", "DE", "FR", "JP", "BR"])
CLASSES = np.array(["approve", "deny", "review"])
SHARES = np.array([0.65, 0.25, 0.10])


def records_of(count: int, *, seed: int = 0, version: str = "3", numeric: int = NUMERIC) -> Iterator[dict[str, Any]]:
    """Yield records without a time; numeric features are standard normal, one more is a category."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, numeric)).round(6)
    country = rng.choice(COUNTRIES, size=count)
    prediction = rng.choice(CLASSES, size=count, p=SHARES)
    probability = rng.random(count).round(6)
    latency = rng.gamma(2.0, 15.0, size=count).round(3)
    for i in range(count):
        yield {
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


def line(record: dict[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":")) + "\n"


def write_log(path: Path, records: int, *, seed: int = 0, version: str = "3", numeric: int = NUMERIC) -> None:
    """Write `records` lines."""
    with path.open("w") as file:
        file.writelines(map(line, records_of(records, seed=seed, version=version, numeric=numeric)))
