"""What `check` says of the first lines of logs."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from exporter.cli import main

GOOD = {"prediction": "approve", "features": {"age": 41}, "latency_ms": 12}


def check(folder: Path, lines: list[Any], config: str = "", source: str = "log.jsonl") -> Result:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (folder / "log.jsonl").write_text(text)
    (folder / "config.yaml").write_text(f"sources: [{source}]\n{config}")
    return CliRunner().invoke(main, ["check", "--config", str(folder / "config.yaml")])


def said(result: Result) -> list[str]:
    return [line.split(": ", 1)[1] for line in result.output.splitlines() if ": note: " not in line]


def test_records_and_rejected_lines_are_counted_with_the_reasons(tmp_path: Path) -> None:
    result = check(tmp_path, [GOOD, GOOD, "Traceback", {"level": "info"}, GOOD | {"latency_ms": "fast"}])
    assert result.exit_code == 0
    assert said(result) == [
        "sources[0]: 5 lines read: 3 records, 2 rejected",
        "sources[0]: 1 rejected as invalid_json: character 1: expected a JSON value",
        "sources[0]: 1 rejected as missing_field: neither a prediction nor an error_type",
        "sources[0]: 1 value of latency cannot be used",
        "sources[0]: fields: features (age), prediction, latency_ms",
        "good",
    ]


def test_fields_of_pairs_are_those_of_both_lines(tmp_path: Path) -> None:
    fields = "{features: 'request.x[0]', prediction: response.x}"
    source = f"{{url: log.jsonl, pair: {{id: call, response: {{kind: out}}}}, fields: {fields}}}"
    lines = [
        line
        for call in "abc"
        for line in ({"call": call, "kind": "in", "x": [{"age": 41}]}, {"call": call, "kind": "out", "x": "yes"})
    ]
    result = check(tmp_path, lines[:-1], source=source)
    assert said(result) == [
        "sources[0]: 2 lines read: 2 records, 1 waiting for others",
        "sources[0]: fields: features (age), prediction",
        "good",
    ]


def test_a_preset_may_read_pairs(tmp_path: Path) -> None:
    lines = [
        {"correlationid": call, "time": time.time(), "type": f"azureml.inference.model_{kind}", "data": [data]}
        for call in "ab"
        for kind, data in (("inputs", {"age": 41}), ("outputs", {"label": "yes"}))
    ]
    result = check(tmp_path, lines, source="{url: log.jsonl, format: azureml, prediction: label}")
    assert said(result) == [
        "sources[0]: 2 lines read: 2 records",
        "sources[0]: fields: request_id, timestamp, features (age), prediction",
        "good",
    ]


def test_skipped_lines_are_counted(tmp_path: Path) -> None:
    result = check(tmp_path, [GOOD | {"event": "prediction"}, {"event": "start"}], "where: {event: prediction}")
    assert said(result)[0] == "sources[0]: 2 lines read: 1 record, 1 skipped"


@pytest.mark.parametrize(
    ("record", "config", "expected"),
    [
        ({"label": 1, "x": 2}, "", "sources[0]: the lines have the keys label, x"),
        (GOOD | {"features": '{"a": 1}'}, "", "sources[0]: `features` is text: {path: features, decode: json}?"),
        (GOOD | {"features": [1, 2]}, "", "sources[0]: `features` is a list: {path: features, names: [...]}?"),
        (
            GOOD | {"features": [{"a": 1}]},
            "",
            "sources[0]: `features` is a list: `features[*]`, for one record per item?",
        ),
        (GOOD, "fields: {features: in.x}", "sources[0]: fields.features: no line has a value at `in.x`"),
        (
            GOOD | {"out": {"score": 0.5}},
            "fields: {probability: score}",
            "sources[0]: fields.probability: no line has a value at `score`; did you mean `out.score`?",
        ),
        (
            GOOD | {"took": 1},
            "fields: {latency_ms: tock}",
            "sources[0]: fields.latency_ms: no line has a value at `tock`; did you mean `took`?",
        ),
        (
            GOOD | {"event": "prediction"},
            "where: {evnt: prediction}",
            "sources[0]: where: no line has a value at `evnt`; did you mean `event`?",
        ),
        (GOOD, 'fields: {features: "in[*].x"}', "sources[0]: fields.features: no line has a value at `in[*].x`"),
    ],
)
def test_a_near_miss_is_told(tmp_path: Path, record: Any, config: str, expected: str) -> None:
    assert expected in said(check(tmp_path, [record] * 3, config))


@pytest.mark.parametrize(
    ("status", "advice"), [(200, "{path: status, from: 400}"), ("success", "{path: status, when: ...}")]
)
def test_a_status_of_success_as_an_error_is_a_mistake(tmp_path: Path, status: Any, advice: str) -> None:
    result = check(tmp_path, [GOOD | {"status": status}] * 9 + [GOOD | {"status": 500}], "fields: {error_type: status}")
    assert result.exit_code == 2
    assert f"`status` is {status} in 9 of 10 records, which would all count as errors; write {advice}" in result.output


def test_a_condition_for_errors_is_no_mistake(tmp_path: Path) -> None:
    lines = [GOOD | {"status": 200}] * 9 + [GOOD | {"status": 500}] * 20
    assert check(tmp_path, lines, "fields: {error_type: {path: status, from: 400}}").exit_code == 0


@pytest.mark.parametrize("url", ["~/log.jsonl", "log.jsonl.gz"])
def test_a_path_that_is_never_read_is_a_mistake(tmp_path: Path, url: str) -> None:
    (tmp_path / "config.yaml").write_text(f"sources: ['{url}']\n")
    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "config.yaml")])
    assert result.exit_code == 2
    assert "sources[0].url: " in result.output


def test_a_log_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    (tmp_path / "config.yaml").write_text("sources: [log.jsonl]\n")
    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "config.yaml")])
    assert said(result) == ["good"]
