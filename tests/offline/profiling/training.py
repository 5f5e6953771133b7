"""Training data in every format, and the profile that `prediction-exporter profile` makes of it."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import Result

from exporter.reference import profile_file
from exporter.reference.profile import Categorical, Numeric, Profile
from tests.offline import commands

Row = Mapping[str, Any]


def write(path: Path, rows: Sequence[Row], **options: Any) -> Path:
    """Write rows in the format of the file's name; `options` are those of the Parquet writer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path, **options)
        return path
    text = as_csv(rows) if ".csv" in path.name.lower() else as_json_lines(rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix.lower() == ".gz" else text.encode())
    return path


def as_json_lines(rows: Sequence[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def as_csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def column(path: Path, values: Sequence[Any], name: str = "x") -> Path:
    """Write rows of one feature as JSON lines."""
    return write(path, [{name: value} for value in values])


def run(*arguments: str | Path) -> Result:
    """Run `prediction-exporter profile`."""
    return commands.run("profile", *arguments)


def made(*arguments: str | Path, output: Path) -> Profile:
    """Return the profile that the command writes to `output`."""
    result = run(*arguments, "--output", output)
    assert (result.exit_code, result.stderr) == (0, "")
    return profile_file.load(output.read_bytes())


def numeric(path: Path, values: Sequence[Any], *options: str) -> Numeric:
    """Return the profile of one numeric feature, through a file at `path`."""
    feature = made(column(path, values), *options, output=path.with_name("reference.json")).features["x"]
    assert isinstance(feature, Numeric)
    return feature


def categorical(path: Path, values: Sequence[Any], *options: str) -> Categorical:
    """Return the profile of one categorical feature, through a file at `path`."""
    feature = made(column(path, values), *options, output=path.with_name("reference.json")).features["x"]
    assert isinstance(feature, Categorical)
    return feature


def problem(*arguments: str | Path, output: Path) -> str:
    """Return the one line of an error that the command reports; nothing may have been written."""
    before = sorted(output.parent.iterdir()) if output.parent.is_dir() else []
    result = run(*arguments, "--output", output)
    assert (result.exit_code, result.stdout) == (2, "")
    assert (sorted(output.parent.iterdir()) if output.parent.is_dir() else []) == before
    (line,) = result.stderr.splitlines()
    return line.removeprefix("prediction-exporter: ").removeprefix("profile: ")
