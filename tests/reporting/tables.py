"""Tables to report on: a reference, and current data in which some features have moved."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
COUNTRIES = ("DE", "FR", "US")
MOVED = {"income", "country", "size"}


def table(rows: int, seed: int, *, drifted: bool = False, features: int = 3) -> pa.Table:
    """Return predictions with their ground truth; if `drifted`, incomes are higher, and sizes are often missing."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 10, rows)
    score = 1 / (1 + np.exp(-(age - 40) / 10 + rng.normal(0, 0.5, rows)))
    columns: dict[str, Any] = {
        "age": age,
        "income": rng.gamma(2, 10, rows) * (1.5 if drifted else 1),
        "country": rng.choice(COUNTRIES, rows, p=[0.2, 0.3, 0.5] if drifted else [0.5, 0.3, 0.2]),
        "size": rng.integers(1, 9, rows),
        **{f"other {number}": rng.normal(size=rows) for number in range(features - 3)},
    }
    predicted = np.where(score > 0.5, "yes", "no")
    columns["prediction"] = predicted
    columns["probability"] = np.maximum(score, 1 - score)
    columns["actual"] = np.where(rng.random(rows) < score, "yes", "no")
    columns["timestamp"] = [BEGIN + timedelta(minutes=10 * number) for number in range(rows)]
    made = pa.table(columns)
    if drifted:
        missing = pa.array([None if number % 4 == 0 else int(size) for number, size in enumerate(columns["size"])])
        made = made.set_column(made.schema.get_field_index("size"), "size", missing)
    return made


def written(folder: Path, name: str, data: pa.Table) -> Path:
    """Write a table as its name's ending says; return the file."""
    path = folder / name
    match path.suffix:
        case ".parquet":
            parquet.write_table(data, path)
        case ".csv":
            csv.write_csv(data, path)
        case _:
            lines = [json.dumps({key: _plain(value) for key, value in row.items()}) for row in data.to_pylist()]
            path.write_text("\n".join(lines) + "\n")
    return path


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
