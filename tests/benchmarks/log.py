"""Synthetic prediction logs: JSON lines with 20 features, about 600 bytes each; the same seed gives the same bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import orjson

COUNTRIES = ("US", "DE", "FR", "JP", "BR")
CLASSES = ("approve", "deny", "review")
CLASS_SHARES = (0.65, 0.25, 0.10)
CODES = 5000
BLOCK_LINES = 10_000
ODD_LINES = ("unknown keys", "wrong type", "integers", "truncated", "text", "blank")
WRONG_VALUES = ("n/a", True, [1.5, 2.5], {"value": 1.5})
UNKNOWN = {
    "host": {"name": "model-7c9f", "zone": "eu-1"},
    "steps": [{"name": "features", "ms": 3.1}, {"name": "score", "ms": 8.25}],
    "flags": {"shadow": False, "experiment": None},
}

Record = dict[str, Any]
Features = dict[str, list[Any]]
Predictions = Counter[tuple[str, str]]  # how many, by version and class


@dataclass(frozen=True)
class Log:
    """A kind of log. The default is ideal: no timestamps, one model version, and features without surprises."""

    title: str = "ideal log"
    timestamps: Literal["epoch", "RFC 3339"] | None = None
    # Whether lines are written as time passes, or are all there at the start: a backlog.
    is_live: bool = False
    versions: tuple[str, ...] = ("3",)
    # Heavy-tailed and zero-inflated numbers, and codes with many values.
    is_skewed: bool = False
    # Shares of lines, and of feature values.
    odd: float = 0.0
    nulls: float = 0.0
    # The number of features besides the country.
    features: int = 19

    @property
    def training(self) -> Log:
        """The same records as training data: one version, and no odd lines."""
        return Log(is_skewed=self.is_skewed, nulls=self.nulls, features=self.features)


IDEAL = Log()
LOGS = {
    "ideal": IDEAL,
    "epoch-live": Log("epoch timestamps, live", timestamps="epoch", is_live=True),
    "epoch-backlog": Log("epoch timestamps, catching up", timestamps="epoch"),
    "rfc3339-live": Log("RFC 3339 timestamps, live", timestamps="RFC 3339", is_live=True),
    "rfc3339-backlog": Log("RFC 3339 timestamps, catching up", timestamps="RFC 3339"),
    "versions": Log("three versions mixed", versions=("3", "4", "5")),
    "skewed": Log("skewed features", is_skewed=True),
    "odd": Log("2% odd lines", odd=0.02),
    "nulls": Log("10% nulls", nulls=0.1),
    "all": Log(
        "all of these, catching up",
        timestamps="RFC 3339",
        versions=("3", "4", "5"),
        is_skewed=True,
        odd=0.02,
        nulls=0.1,
    ),
}


class Lines(NamedTuple):
    """Lines of a log, without timestamps, and the predictions that they hold."""

    lines: list[bytes]
    predictions: Predictions


def generate(log: Log, count: int, seed: int = 0) -> Lines:
    """Return so many lines of a kind of log."""
    rng = np.random.default_rng(seed)
    lines: list[bytes] = []
    predictions = Predictions()
    for first in range(0, count, BLOCK_LINES):
        records = _records(rng, log, first, min(BLOCK_LINES, count - first))
        for record, is_odd in zip(records, rng.random(len(records)) < log.odd, strict=True):
            line, is_record = _odd_line(rng, record) if is_odd else (_line(record), True)
            lines.append(line)
            predictions[record["model_version"], record["prediction"]] += is_record
    return Lines(lines, predictions)


def write_log(path: Path, count: int, log: Log = IDEAL, seed: int = 0) -> None:
    """Write so many lines, without timestamps."""
    with path.open("wb") as file:
        file.writelines(generate(log, count, seed).lines)


def _records(rng: np.random.Generator, log: Log, first: int, count: int) -> list[Record]:
    """Return records, whose ids are numbered from `first`."""
    columns = (
        _skewed_features(rng, log.features, count) if log.is_skewed else _normal_features(rng, log.features, count)
    )
    columns["country"] = rng.choice(COUNTRIES, size=count).tolist()
    if log.nulls:
        columns = {name: _with_nulls(rng, column, log.nulls) for name, column in columns.items()}
    versions = rng.choice(log.versions, size=count).tolist()
    predictions = rng.choice(CLASSES, size=count, p=CLASS_SHARES).tolist()
    probabilities = rng.random(count).round(6).tolist()
    latencies = rng.gamma(2.0, 15.0, size=count).round(3).tolist()
    return [
        {
            "request_id": f"{first + number:032x}",
            "model_name": "credit",
            "model_version": version,
            "features": dict(zip(columns, values, strict=True)),
            "prediction": prediction,
            "probability": probability,
            "latency_ms": latency,
        }
        for number, (version, prediction, probability, latency, *values) in enumerate(
            zip(versions, predictions, probabilities, latencies, *columns.values(), strict=True)
        )
    ]


def _normal_features(rng: np.random.Generator, features: int, count: int) -> Features:
    return {f"feature{number}": rng.normal(size=count).round(6).tolist() for number in range(features)}


def _skewed_features(rng: np.random.Generator, features: int, count: int) -> Features:
    """Return, in turn, log-normal and heavy-tailed numbers, counts that are mostly zero, and codes."""
    makers = (
        lambda: rng.lognormal(3.0, 1.5, size=count).round(4),
        lambda: rng.standard_t(2.0, size=count).round(6),
        lambda: np.where(rng.random(count) < 0.8, 0, rng.geometric(0.05, size=count)),
        lambda: np.char.add("code-", np.minimum(rng.zipf(1.5, size=count), CODES).astype(str)),
    )
    return {f"feature{number}": makers[number % len(makers)]().tolist() for number in range(features)}


def _with_nulls(rng: np.random.Generator, column: Sequence[Any], share: float) -> list[Any]:
    is_null = rng.random(len(column)) < share
    return [None if null else value for null, value in zip(is_null.tolist(), column, strict=True)]


def _line(record: Record) -> bytes:
    return orjson.dumps(record) + b"\n"


def _odd_line(rng: np.random.Generator, record: Record) -> tuple[bytes, bool]:
    """Return a line of one of ODD_LINES, and whether it still holds a prediction."""
    features = record["features"]
    match rng.choice(ODD_LINES):
        case "unknown keys":
            return _line({"debug": UNKNOWN} | record | {"features": features | {"debug": UNKNOWN}}), True
        case "wrong type":
            wrong = WRONG_VALUES[rng.integers(len(WRONG_VALUES))]
            return _line(record | {"features": features | {rng.choice([*features]).item(): wrong}}), True
        case "integers":
            whole = {name: round(value) if isinstance(value, float) else value for name, value in features.items()}
            return _line(record | {"features": whole, "probability": 1, "latency_ms": 47}), True
        case "truncated":
            line = _line(record)
            # Before the prediction, so that no program can count it.
            return line[: rng.integers(1, line.index(b'"prediction"'))] + b"\n", False
        case "text":
            return b"Traceback (most recent call last):\n", False
        case _:
            return b"\n", False
