"""Predictions of another kind than declared, and scores of another class, in `run`, `check` and `evaluate`."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from exporter.configuration import loading
from exporter.sidecar import Sidecar
from tests.in_process import serve
from tests.offline import commands
from tests.process import DEADLINE_SECONDS

Row = dict[str, Any]
RNG = random.Random(1)
VALUES = "look like values, as of a regression"
NO_NUMBERS = "many are no numbers"
SCORES = "it is hardly that of the predicted class"


def cents(_: int) -> Row:
    return {"prediction": RNG.randrange(100, 500_000)}


def fractions(_: int) -> Row:
    return {"prediction": RNG.random()}


def texts(_: int) -> Row:
    return {"prediction": RNG.choice(["approve", "deny"])}


def digits(_: int) -> Row:
    return {"prediction": RNG.randrange(10)}


def codes_with_scores(_: int) -> Row:
    return {"prediction": RNG.randrange(80), "probability": RNG.random()}


def mostly_cents(number: int) -> Row:
    return {"prediction": "n/a"} if number % 20 == 0 else cents(number)


def of_prediction(_: int) -> Row:
    score = RNG.random()
    return {"prediction": int(score > 0.5), "probability": max(score, 1 - score)}


def of_class_1(_: int) -> Row:
    score = RNG.random()
    return {"prediction": int(score > 0.5), "probability": score}


def of_four_classes(_: int) -> Row:
    return {"prediction": RNG.choice("abcd"), "probability": RNG.uniform(0.25, 0.6)}


def written(folder: Path, row: Callable[[int], Row], declared: str = "", rows: int = 1000) -> Path:
    """Write a log and its configuration, and return the configuration's path."""
    log = [row(number) | {"request_id": str(number), "model_name": "m", "model_version": "1"} for number in range(rows)]
    (folder / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in log))
    (folder / "config.yaml").write_text(f"sources: [log.jsonl]\n{declared}\n")
    return folder / "config.yaml"


def checked(config: Path) -> str:
    result = commands.run("check", "--config", config)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    ("row", "declared", "expected"),
    [
        (cents, "", VALUES),
        (cents, "prediction: class", VALUES),
        (mostly_cents, "", VALUES),
        (fractions, "", VALUES),
        (fractions, "prediction: class", VALUES),
        (texts, "prediction: value", NO_NUMBERS),
        (of_class_1, "", SCORES),
        (cents, "prediction: value", None),
        (mostly_cents, "prediction: value", None),
        (fractions, "models: {m: {prediction: value}}", None),
        (texts, "", None),
        (texts, "prediction: class", None),
        (digits, "", None),
        (digits, "prediction: value", None),
        (codes_with_scores, "", None),
        (of_prediction, "", None),
        (of_class_1, "positive_class: 1", None),
        (of_four_classes, "", None),
    ],
)
def test_check_reads_the_first_records_and_says_what_contradicts(
    tmp_path: Path, row: Callable[[int], Row], declared: str, expected: str | None
) -> None:
    output = checked(written(tmp_path, row, declared))
    notes = [line for line in output.splitlines() if ": note: log of m 1: " in line]
    assert len(notes) == (expected is not None)
    assert expected is None or expected in notes[0]


def test_check_says_nothing_about_few_records_or_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "log of" not in checked(written(tmp_path, cents, rows=40))
    (tmp_path / "log.jsonl").write_bytes(b"\xff\x00" * 1000)
    assert "log of" not in checked(tmp_path / "config.yaml")
    (tmp_path / "log.jsonl").unlink()
    (tmp_path / "log.jsonl").mkdir()
    assert "log of" not in checked(tmp_path / "config.yaml")


def evaluated(folder: Path, row: Callable[[int], Row], *options: str) -> Row:
    config = written(folder, row)
    truth = [json.dumps({"request_id": str(number), "actual": row(number)["prediction"]}) for number in range(1000)]
    (folder / "truth.jsonl").write_text("\n".join(truth))
    arguments = ("evaluate", folder / "log.jsonl", "--truth", folder / "truth.jsonl", "--config", config, "--json")
    result = commands.run(*arguments, *options)
    assert result.exit_code == 0, result.output
    found: Row = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("row", [cents, fractions])
def test_evaluate_takes_predictions_for_what_they_look_like_and_the_option_decides(
    tmp_path: Path, row: Callable[[int], Row]
) -> None:
    found = evaluated(tmp_path, row)
    assert {"mae", "r2"} <= found["models"][0]["figures"].keys()
    assert "accuracy" not in found["models"][0]["figures"]
    assert found["notes"] == ["predictions of m are taken for values; --prediction class changes this"]
    as_classes = evaluated(tmp_path, row, "--prediction", "class")
    assert "accuracy" in as_classes["models"][0]["figures"]
    assert VALUES in as_classes["notes"][0]


def test_evaluate_takes_classes_for_classes(tmp_path: Path) -> None:
    found = evaluated(tmp_path, digits)
    assert "accuracy" in found["models"][0]["figures"]
    assert found["notes"] == []


async def scraped(client: aiohttp.ClientSession, rows: int) -> str:
    """Return the metrics once all rows have been counted."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        async with client.get("/metrics") as response:
            text = await response.text()
        if f'model_window_samples{{model_name="m",model_version="1",window="24h"}} {rows}' in text:
            return text
        await asyncio.sleep(0.05)
    raise TimeoutError


def test_run_logs_a_contradiction_once_and_exports_the_coverage_of_scores(tmp_path: Path) -> None:
    def row(number: int) -> Row:
        return of_class_1(number) if number % 4 else {"prediction": 1, "probability": None}

    loaded = loading.load(written(tmp_path, row, "listen: 127.0.0.1:0"))

    async def use(client: aiohttp.ClientSession) -> None:
        for _ in range(3):
            text = await scraped(client, 1000)
        coverage = 'model_probability_coverage_ratio{model_name="m",model_version="1",window="24h"} 0.75'
        assert coverage in text

    with structlog.testing.capture_logs() as logged:
        serve(Sidecar(loaded), use)
    (event,) = [each for each in logged if each["event"] == "log contradicts the configuration"]
    assert (event["model_name"], event["model_version"], event["log_level"]) == ("m", "1", "warning")
    assert SCORES in event["note"]


def test_values_have_no_coverage_of_scores(tmp_path: Path) -> None:
    loaded = loading.load(written(tmp_path, cents, "listen: 127.0.0.1:0\nprediction: value"))

    async def use(client: aiohttp.ClientSession) -> None:
        assert "model_probability_coverage_ratio{" not in await scraped(client, 1000)

    serve(Sidecar(loaded), use)
