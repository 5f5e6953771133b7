"""`init` looks at a log, and writes a configuration that reads it."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.reference import profile_file
from tests.counted_log import PROFILE, assert_counted
from tests.offline.commands import run
from tests.server_logs import LOGS

# What a log cannot show: the zone of its times, and the names of the classes whose scores it has.
UNKNOWN = {"local-time", "scores-as-probability"}
GOOD = {"prediction": "approve", "features": {"age": 41}, "latency_ms": 12}


@pytest.fixture
def training(tmp_path: Path) -> Path:
    chance = random.Random(4)
    rows = [
        f"{chance.gauss(41, 12)},{chance.gauss(5e4, 9e3)},{chance.choice(['DE', 'FR'])},{n % 2}" for n in range(200)
    ]
    (tmp_path / "train.csv").write_text("\n".join(["age,income,country,prediction", *rows]) + "\n")
    return tmp_path / "train.csv"


def written(folder: Path, rows: list[Any]) -> Path:
    lines = ((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    (folder / "log.jsonl").write_text("".join(lines))
    return folder / "log.jsonl"


def proposed(log: Path, *options: str | Path) -> dict[str, Any]:
    """Return the only source that `init` proposes."""
    result = run("init", log, *options)
    assert result.exit_code == 0, result.output
    (source,) = yaml.safe_load(result.output)["sources"]
    assert source.pop("url") == str(log)
    found: dict[str, Any] = source
    return found


@pytest.mark.parametrize("name", sorted(LOGS.keys() - UNKNOWN))
def test_the_exporter_counts_a_log_with_the_configuration_that_init_writes(
    tmp_path: Path, training: Path, name: str
) -> None:
    (tmp_path / "app.log").write_text(LOGS[name].text)
    config = tmp_path / "config.yaml"
    result = run("init", tmp_path / "app.log", "--reference", training, "--output", config)
    assert (result.exit_code, result.output) == (0, "")
    assert run("check", "--config", config).exit_code == 0
    (tmp_path / "reference.json").write_bytes(profile_file.dump(PROFILE))
    config.write_text(f"reference: reference.json\n{config.read_text()}")
    assert_counted(config, LOGS[name])


@pytest.mark.parametrize("name", LOGS)
def test_without_training_data_a_configuration_is_written_that_check_accepts(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.log").write_text(LOGS[name].text)
    assert run("init", tmp_path / "app.log", "--output", tmp_path / "config.yaml").exit_code == 0
    result = run("check", "--config", tmp_path / "config.yaml")
    assert result.exit_code == 0, result.output


def test_each_guess_has_a_comment_with_the_reason(tmp_path: Path) -> None:
    log = written(
        tmp_path, [{"event": "start"}, *({"event": "done", "took": "12ms", "label": n % 2} for n in range(9))]
    )
    output = run("init", log).output
    assert "# log.jsonl: 9 records in 10 lines\n" in output
    assert (
        "    where: {event: done}                      # 9 of 10 lines have this value; others are skipped\n" in output
    )
    assert "      latency: took                           # a duration with a unit, in 9 rows, such as 12ms\n" in output
    assert "      prediction: label                       # 0, 1, in 9 rows\n" in output


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"out": {"predictedClass": "a"}}, {"prediction": "out.predictedClass"}),
        ({"prediction": "a", "elapsedMs": 3.5}, {"latency_ms": "elapsedMs"}),
        ({"prediction": "a", "latency_ns": 12}, {"latency_ns": "latency_ns"}),
        ({"prediction": "a", "duration": 120}, {"latency_ms": "duration"}),
        ({"prediction": "a", "duration": 0.12}, {"latency_seconds": "duration"}),
        ({"prediction": "a", "model": "m"}, {"model_name": "model"}),
        ({"prediction": "a", "@timestamp": "2026-11-30T07:42:18Z"}, {"timestamp": "@timestamp"}),
        ({"prediction": "a", "failed": False}, {"error_type": {"path": "failed", "when": True}}),
        ({"prediction": "a", "http": {"status_code": 200}}, {"error_type": {"path": "http.status_code", "from": 400}}),
        ({"prediction": "a", "inputs": [1, 2]}, {"features": {"path": "inputs", "names": ["f0", "f1"]}}),
    ],
)
def test_fields_are_recognised_by_names_and_values(tmp_path: Path, row: Any, expected: dict[str, Any]) -> None:
    assert proposed(written(tmp_path, [row] * 5)) == {"fields": expected}


def test_scores_of_one_class_and_values_are_told_from_others(tmp_path: Path) -> None:
    rows = [{"prediction": int(n > 5), "probability": n / 10} for n in range(10)]
    assert yaml.safe_load(run("init", written(tmp_path, rows)).output)["positive_class"] == "1"
    rows = [{"prediction": n + 0.5} for n in range(10)]
    assert yaml.safe_load(run("init", written(tmp_path, rows)).output)["prediction"] == "value"


def test_a_value_with_the_classes_of_training_data_is_the_prediction_whatever_its_name(
    tmp_path: Path, training: Path
) -> None:
    log = written(
        tmp_path, [{"x": {"age": 1, "income": 2, "country": "DE"}, "cls": n % 2, "dur_ms": 3.5} for n in range(9)]
    )
    fields = {"features": "x", "prediction": "cls", "latency_ms": "dur_ms"}
    assert proposed(log, "--reference", training) == {"fields": fields}
    assert "# prediction: PATH" in run("init", log).output


def test_a_profile_may_take_the_place_of_training_data(tmp_path: Path) -> None:
    (tmp_path / "reference.json").write_bytes(profile_file.dump(PROFILE))
    log = written(tmp_path, [{"prediction": 1, "x": {"y": {"age": 1, "income": 2, "country": "DE"}}}] * 3)
    result = run("init", log, "--reference", tmp_path / "reference.json")
    config = yaml.safe_load(result.output)
    assert config["reference"] == str(tmp_path / "reference.json")
    assert config["sources"][0]["fields"] == {"features": "x.y"}


def test_a_file_is_only_overwritten_with_force(tmp_path: Path) -> None:
    log, config = written(tmp_path, [GOOD]), tmp_path / "config.yaml"
    config.write_text("mine")
    result = run("init", log, "--output", config)
    assert result.exit_code == 2
    assert result.output == f"prediction-exporter: init: --output {config}: exists; --force overwrites it\n"
    assert config.read_text() == "mine"
    assert run("init", log, "--output", config, "--force").exit_code == 0
    assert "sources:" in config.read_text()
    assert "sources:" in run("init", log, "--output", "-").output


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no such file"),
        (b"", "no whole line yet; expected a log with records"),
        (b"hello\nworld\n", "unknown format; expected JSON, logfmt, CSV with a header, or an access log"),
        (b"\xff\xfe\x00\x01" * 999, "unknown format"),
        (b"[" * 100_000, "unknown format"),
    ],
)
def test_a_log_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None, expected: str) -> None:
    log = tmp_path / "app.log"
    if content is not None:
        log.write_bytes(content)
    result = run("init", log)
    assert result.exit_code == 2
    assert result.output.startswith(f"prediction-exporter: init: {log}: {expected}")
    assert result.output.count("\n") == 1


def test_several_logs_are_several_sources(tmp_path: Path) -> None:
    logs = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for log, name in zip(logs, ("label", "class"), strict=True):
        log.write_text(json.dumps({name: "yes"}) + "\n")
    sources = yaml.safe_load(run("init", *logs).output)["sources"]
    assert sources == [
        {"url": str(logs[0]), "fields": {"prediction": "label"}},
        {"url": str(logs[1]), "fields": {"prediction": "class"}},
    ]


def test_a_log_that_the_exporter_would_not_read_is_reported(tmp_path: Path) -> None:
    log = written(tmp_path, [GOOD])
    assert "sources[1]: duplicate" in run("init", log, log).output
    assert "compressed files are only read as rotated ones" in run("init", tmp_path / "app.log.gz").output


def test_training_data_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    log = written(tmp_path, [GOOD])
    (tmp_path / "empty.csv").write_text("a,b\n")
    result = run("init", log, "--reference", tmp_path / "empty.csv")
    assert (result.exit_code, result.output) == (
        2,
        f"prediction-exporter: init: --reference {tmp_path / 'empty.csv'}: no rows\n",
    )
    assert run("init", log, "--reference", tmp_path / "none.csv").exit_code == 2
