"""The command `prediction-exporter report`: its options and its output."""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from exporter.offline import OfflineError
from exporter.reporting.data import Data
from exporter.reporting.gates import Gates
from exporter.reporting.report import Report, report

STANDARD_INPUT = "-"


def run(
    arguments: Sequence[str],
    *,
    current: Sequence[str],
    references: Sequence[str],
    outputs: Sequence[Path],
    config_file: Path | None,
    fields: Sequence[str],
    prediction: str | None,
    positive_class: str | None,
    segments: Sequence[str],
    fail_on: str | None,
    least: Sequence[str],
    json_format: str,
) -> tuple[list[str], bool]:
    """Write the report; return the lines to show, and whether a gate fails. Raises ConfigError and OfflineError."""
    gates = Gates.parse(fail_on, least)
    made = report(
        [_data(each) for each in current],
        list(references),
        config=config_file,
        fields=_paths(fields),
        prediction=prediction,
        positive_class=positive_class,
        segments=segments,
        gates=gates,
        command=shlex.join(["prediction-exporter", *arguments]),
    )
    for path in outputs:
        if path.suffix == ".json" and json_format == "evidently":
            _write(path, json.dumps(made.as_evidently(), indent=2))
        else:
            made.save(path)
    return _shown(made, outputs), bool(made.failures)


def _shown(made: Report, outputs: Sequence[Path]) -> list[str]:
    if not outputs:
        return made.as_markdown().splitlines()
    failed = [f"FAILED {line}" for line in made.failures]
    return [*made.document.headline, *(f"{path}: {path.stat().st_size / 1024:.0f} KiB" for path in outputs), *failed]


def _data(name: str) -> Data:
    if name != STANDARD_INPUT:
        return name
    try:
        stream: Data = ipc.open_stream(sys.stdin.buffer)
    except (pa.ArrowException, OSError) as error:
        raise OfflineError(f"-: expected an Arrow stream: {str(error).splitlines()[0]}") from None
    return stream


def _paths(fields: Sequence[str]) -> dict[str, Any]:
    paths = {}
    for text in fields:
        name, equals, path = text.partition("=")
        if not equals:
            raise OfflineError(f"--field: expected FIELD=PATH such as prediction=score, got {text!r}")
        paths[name] = path
    return paths


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OfflineError(f"{path}: {error.strerror}") from None
