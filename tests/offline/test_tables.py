"""Ids, labels and times mean the same in every format, for `profile` and `evaluate`."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.reference import profile_file
from exporter.reference.profile import Categorical
from tests.offline.commands import evaluated, run
from tests.offline.profiling.training import as_json_lines


def confusion(*arguments: str | Path) -> Mapping[str, Mapping[str, int]]:
    (model,) = evaluated(*arguments)["models"]
    counts: Mapping[str, Mapping[str, int]] = model["confusion"]
    return counts


def text_file(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines))
    return path


def log(path: Path, ids: Sequence[Any], predictions: Sequence[Any]) -> Path:
    rows = [{"request_id": key, "prediction": value} for key, value in zip(ids, predictions, strict=True)]
    path.write_text(as_json_lines(rows))
    return path


def test_ids_and_labels_keep_their_leading_zeros_in_csv(tmp_path: Path) -> None:
    ids, labels = [f"{number:08}" for number in range(20)], ["007", "012"] * 10
    rows = [f"{key},{label}" for key, label in zip(ids, labels, strict=True)]
    truth = text_file(tmp_path / "truth.csv", "request_id,actual", *rows)
    expected = {"007": {"007": 10}, "012": {"012": 10}}
    assert confusion(log(tmp_path / "log.jsonl", ids, labels), "--truth", truth) == expected


WRITTEN = [
    ("007", "007"),
    ("1e5", "1e5"),
    ("12E3", "12E3"),
    ("+1", "+1"),
    ("0x1F", "0x1F"),
    ("1", "1"),
    ("1.0", "1"),
    ("-1", "-1"),
    ("1e+05", "100000"),
    ("9007199254740993", "9007199254740993"),
    ("12345678901234567890", "12345678901234567890"),
    ("true", "true"),
    ("True", "true"),
    ("FALSE", "false"),
    ("yes, but", "yes, but"),
    (" yes ", " yes "),
    ("NA", "NA"),
    ("null", "null"),
]


@pytest.mark.parametrize(("written", "label"), WRITTEN, ids=[written for written, _ in WRITTEN])
def test_a_csv_label_is_the_same_class_for_both_commands_and_in_json(tmp_path: Path, written: str, label: str) -> None:
    rows = [f'{number},{number},"{written}","{written}"' for number in range(3)]
    both = text_file(tmp_path / "both.csv", "request_id,x,prediction,actual", *rows)
    assert confusion(both, "--truth", both) == {label: {label: 3}}
    assert confusion(log(tmp_path / "log.jsonl", range(3), [label] * 3), "--truth", both) == {label: {label: 3}}
    assert run("profile", both, "--output", tmp_path / "out.json").exit_code == 0
    profile = profile_file.load((tmp_path / "out.json").read_bytes())
    for learnt in (profile.prediction, profile.actual):
        assert learnt == Categorical(categories={label: 3}, missing=0, other=0, distinct=1)


@pytest.mark.parametrize("missing", ["", "NA", "null", "NaN", '"NaN"'])
def test_a_missing_csv_label_is_missing_for_both_commands(tmp_path: Path, missing: str) -> None:
    rows = ["a,1,1,1", f"b,2,1,{missing}", "c,3,1,0"]
    both = text_file(tmp_path / "both.csv", "request_id,x,prediction,actual", *rows)
    assert confusion(both, "--truth", both) == {"1": {"1": 1, "0": 1}}
    assert run("profile", both, "--output", tmp_path / "out.json").exit_code == 0
    actual = profile_file.load((tmp_path / "out.json").read_bytes()).actual
    assert actual == Categorical(categories={"0": 1, "1": 1}, missing=1, other=0, distinct=2)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["1.0", "1", "unknown", "0.0", "unknown"], {"1": 2, "unknown": 2, "0": 1}),
        (["1.0", "1.", "1.5", "low", "low", "-2.00"], {"1": 2, "1.5": 1, "low": 2, "-2": 1}),
        ([*"0123456789", "unknown"], dict.fromkeys([*"0123456789", "unknown"], 1)),
        (["007", "1.0", "1"], {"007": 1, "1.0": 1, "1": 1}),
    ],
)
def test_numbers_among_csv_labels_are_the_same_classes_for_both_commands(
    tmp_path: Path, labels: list[str], expected: dict[str, int]
) -> None:
    rows = [f"{number},{number},{label},{label}" for number, label in enumerate(labels)]
    both = text_file(tmp_path / "both.csv", "request_id,x,prediction,actual", *rows)
    assert confusion(both, "--truth", both) == {name: {name: count} for name, count in expected.items()}
    result = run("profile", both, "--output", tmp_path / "out.json")
    assert f"of {len(labels)} predictions with ground truth" in result.stdout
    prediction = profile_file.load((tmp_path / "out.json").read_bytes()).prediction
    assert isinstance(prediction, Categorical)
    assert prediction.categories == expected


IDS = [
    "00000012",
    "1e5",
    "+49 170 1",
    " 12",
    "a b",
    "1.0",
    "true",
    "0x1F",
    "9007199254740993",
    "12345678901234567890",
    "2026-05-10",
]


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("key", IDS)
def test_an_id_in_csv_stays_as_it_is(tmp_path: Path, key: str, quote: str) -> None:
    truth = text_file(tmp_path / "truth.csv", "request_id,actual", f"{quote}{key}{quote},a")
    assert confusion(log(tmp_path / "log.jsonl", [key], ["a"]), "--truth", truth) == {"a": {"a": 1}}


def test_a_model_version_in_csv_stays_as_it_is(tmp_path: Path) -> None:
    predictions = text_file(
        tmp_path / "log.csv", "request_id,model_name,model_version,prediction", "a,007,1.10,x", "b,007,2.0,x"
    )
    truth = text_file(tmp_path / "truth.csv", "request_id,actual", "a,x", "b,x")
    models = evaluated(predictions, "--truth", truth)["models"]
    assert {(model["model_name"], model["model_version"]) for model in models} == {("007", "1.10"), ("007", "2.0")}


def parquet(path: Path, ids: pa.Array, labels: pa.Array, name: str) -> Path:
    pq.write_table(pa.table({"request_id": ids, name: labels}), path)
    return path


LABELS = {
    "JSON numbers": lambda path, ids, name: text_file(
        path.with_suffix(".jsonl"), *(json.dumps({"request_id": key, name: key % 2}) for key in ids)
    ),
    "JSON text": lambda path, ids, name: text_file(
        path.with_suffix(".jsonl"), *(json.dumps({"request_id": str(key), name: str(key % 2)}) for key in ids)
    ),
    "CSV integers": lambda path, ids, name: text_file(
        path.with_suffix(".csv"), f"request_id,{name}", *(f"{key},{key % 2}" for key in ids)
    ),
    "CSV of pandas, with a missing value": lambda path, ids, name: text_file(
        path.with_suffix(".csv"), f"request_id,{name}", *(f"{key},{key % 2}.0" for key in ids), "none,"
    ),
    "Parquet integers": lambda path, ids, name: parquet(
        path.with_suffix(".parquet"), pa.array(ids), pa.array([key % 2 for key in ids], pa.int8()), name
    ),
    "Parquet floats": lambda path, ids, name: parquet(
        path.with_suffix(".parquet"), pa.array(ids), pa.array([float(key % 2) for key in ids]), name
    ),
    "Parquet decimals": lambda path, ids, name: parquet(
        path.with_suffix(".parquet"), pa.array(ids), pa.array([key % 2 for key in ids]).cast(pa.decimal128(38, 0)), name
    ),
    "Parquet dictionaries": lambda path, ids, name: parquet(
        path.with_suffix(".parquet"),
        pa.array(map(str, ids)).dictionary_encode(),
        pa.array([str(key % 2) for key in ids], pa.large_string()).dictionary_encode(),
        name,
    ),
}


@pytest.mark.parametrize("said", LABELS)
@pytest.mark.parametrize("was", LABELS)
def test_predictions_and_labels_of_different_formats_have_the_same_classes(tmp_path: Path, said: str, was: str) -> None:
    ids = list(range(2**53 + 1, 2**53 + 9))
    predictions = LABELS[said](tmp_path / "log", ids, "prediction")
    assert confusion(predictions, "--truth", LABELS[was](tmp_path / "truth", ids, "actual")) == {
        "1": {"1": 4},
        "0": {"0": 4},
    }


def test_csv_values_are_numbers_for_a_regression(tmp_path: Path) -> None:
    values = ["1e+05", "2.5", "3", "-1e-3", "4.0E2", "7"]
    rows = [{"x": value, "prediction": value + 0.5} for value in range(20)]
    (tmp_path / "train.jsonl").write_text(as_json_lines(rows))
    assert run("profile", tmp_path / "train.jsonl", "--output", tmp_path / "out.json").exit_code == 0
    truth = text_file(
        tmp_path / "truth.csv", "request_id,actual", *(f"{key},{value}" for key, value in enumerate(values))
    )
    predictions = log(tmp_path / "log.jsonl", range(6), [float(value) + 0.25 for value in values])
    (model,) = evaluated(predictions, "--truth", truth, "--reference", tmp_path / "out.json")["models"]
    assert model["outcomes"] == 6
    assert model["figures"]["mae"] == pytest.approx(0.25)
    assert model["figures"]["bias"] == pytest.approx(0.25)


def test_whole_csv_values_are_numbers_for_a_regression_too(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("x,prediction,actual\n" + "".join(f"{n},{n}.5,{n}\n" for n in range(20)))
    assert run("profile", tmp_path / "train.csv", "--output", tmp_path / "out.json").exit_code == 0
    truth = text_file(tmp_path / "truth.csv", "request_id,actual", "0,3", "1,4")
    predictions = text_file(tmp_path / "log.csv", "request_id,prediction", "0,4", "1,6")
    (model,) = evaluated(predictions, "--truth", truth, "--reference", tmp_path / "out.json")["models"]
    assert model["figures"]["mae"] == pytest.approx(1.5)


TIMES = ["2026-05-10T12:00:00Z", "2026-05-10 12:00:00", "2026-05-10 14:00:00+02:00", "2026-05-10 12:00", "1778414400"]
MOMENT = datetime(2026, 5, 10, 12, tzinfo=UTC)
ARROW_TIMES = [
    pa.array([MOMENT], pa.timestamp("s", "UTC")),
    pa.array([int(MOMENT.timestamp() * 1e9) + 1], pa.timestamp("ns")),
    pa.array([int(MOMENT.timestamp() * 1e9) + 1], pa.timestamp("ns", "Europe/Berlin")),
    pa.array([MOMENT.timestamp()]),
    pa.array(["2026-05-10T12:00:00Z"]).dictionary_encode(),
]


def found(predictions: Path, begin: str, end: str) -> bool:
    truth = text_file(predictions.with_name("truth.csv"), "request_id,actual", "a,x")
    answer = evaluated(predictions, "--truth", truth, "--from", begin, "--to", end)
    assert answer["rejected_lines"] == {}
    return bool(answer["models"])


@pytest.mark.parametrize("written", TIMES)
def test_a_time_in_csv_is_read(tmp_path: Path, written: str) -> None:
    predictions = text_file(tmp_path / "log.csv", "request_id,timestamp,prediction", f"a,{written},x")
    assert found(predictions, "2026-05-10T12:00:00", "2026-05-10T12:00:01")
    assert not found(predictions, "2026-05-10T12:00:01", "2026-05-10T13:00:00")


@pytest.mark.parametrize("times", ARROW_TIMES, ids=[str(times.type) for times in ARROW_TIMES])
def test_a_time_in_parquet_is_read(tmp_path: Path, times: pa.Array) -> None:
    pq.write_table(pa.table({"request_id": ["a"], "timestamp": times, "prediction": ["x"]}), tmp_path / "log.parquet")
    assert found(tmp_path / "log.parquet", "2026-05-10T12:00:00", "2026-05-10T12:00:01")
    assert not found(tmp_path / "log.parquet", "2026-05-10T12:00:01", "2026-05-10T13:00:00")


def test_a_date_is_the_time_at_which_it_starts(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"request_id": ["a"], "timestamp": [date(2026, 5, 10)], "prediction": ["x"]}), tmp_path / "log.parquet"
    )
    text_file(tmp_path / "log.csv", "request_id,timestamp,prediction", "a,2026-05-10,x")
    for name in ("log.csv", "log.parquet"):
        assert found(tmp_path / name, "2026-05-10", "2026-05-10T00:00:01")


ROWS = [{"request_id": str(number), "prediction": "a", "actual": "a", "x": number} for number in range(4)]


def data(folder: Path) -> Path:
    """Write a data set as Spark does, with files that are not part of it."""
    for name in ("b/part-1.jsonl", "a/part-0.jsonl", "_delta_log/0.json", ".hidden/x.jsonl", "a/_SUCCESS", "a/.x.crc"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_json_lines(ROWS[:2]) if "part" in name else "no data\n")
    return folder


@pytest.mark.parametrize("pattern", ["", "*", "*/*", "**/*.jsonl", "?/part-*.jsonl", "[ab]"])
def test_a_folder_and_a_pattern_stand_for_their_files_without_hidden_ones(tmp_path: Path, pattern: str) -> None:
    paths = data(tmp_path / "data") / pattern
    result = run("profile", paths, "--output", tmp_path / "out.json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("4 predictions: ")
    answer = evaluated(paths, "--truth", paths)
    assert (answer["models"][0]["predictions"], answer["rejected_lines"]) == (4, {})


def test_a_file_may_be_named_like_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "part[1].jsonl"
    path.write_text(as_json_lines(ROWS))
    assert evaluated(path, "--truth", path)["models"][0]["outcomes"] == 4


@pytest.mark.parametrize("command", ["profile", "evaluate"])
@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("none*.csv", None, ": no files match this pattern"),
        ("none.csv", None, ": No such file or directory"),
        ("a.csv", "x;y\n1;2\n", ": expected columns separated by commas, got the header 'x;y'"),
        ("a.csv", "request_id,prediction,x\n1,a,2\n2,a\n", ":3: expected 3 columns as in the header, got 2"),
        ("a.csv", "request_id,prediction,request_id\n1,a,2\n", ": duplicate column `request_id`"),
        ("a.csv.gz", "request_id,prediction\n1,a\n", ": not a whole gzip file: Not a gzipped file (b're')"),
        ("a.jsonl.gz", '{"x": 1}\n', ": not a whole gzip file: Not a gzipped file (b'{\"')"),
        ("a.parquet", "", ": not a Parquet file that can be read: Parquet file size is 0 bytes"),
    ],
)
def test_both_commands_report_the_same_mistake_in_a_file(
    tmp_path: Path, command: str, name: str, content: str | None, problem: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    truth = text_file(tmp_path / "truth.csv", "request_id,actual", "1,a")
    options = ("--output", tmp_path / "out.json") if command == "profile" else ("--truth", truth)
    result = run(command, path, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"prediction-exporter: {command}: {path}{problem}\n"


@pytest.mark.parametrize("rows", ["", "request_id,prediction,actual\n"])
def test_a_table_without_rows_can_be_evaluated(tmp_path: Path, rows: str) -> None:
    (tmp_path / "empty.csv").write_text(rows)
    predictions = log(tmp_path / "log.jsonl", ["a"], ["x"])
    (model,) = evaluated(predictions, "--truth", tmp_path / "empty.csv")["models"]
    assert (model["predictions"], model["outcomes"]) == (1, 0)
    truth = text_file(tmp_path / "truth.csv", "request_id,actual", "a,x")
    assert evaluated(tmp_path / "empty.csv", "--truth", truth)["models"] == []


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("requestid,actual", "no column `request_id`; did you mean `requestid`?"),
        ("request_id,label", "no column `actual`; known: label, request_id"),
    ],
)
def test_a_missing_required_column_is_reported(tmp_path: Path, header: str, problem: str) -> None:
    truth = text_file(tmp_path / "truth.csv", header, "a,x")
    result = run("evaluate", log(tmp_path / "log.jsonl", ["a"], ["x"]), "--truth", truth)
    assert (result.exit_code, result.stderr) == (2, f"prediction-exporter: evaluate: {truth}: {problem}\n")


def test_a_table_is_read_as_rows_for_every_format_of_logs(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: [{url: /var/log/pods/*.log, format: cri}]\n")
    table = text_file(tmp_path / "log.csv", "request_id,prediction", "a,x")
    truth = text_file(tmp_path / "truth.csv", "request_id,actual", "a,x")
    assert confusion(table, "--truth", truth, "--config", tmp_path / "config.yaml") == {"x": {"x": 1}}


def test_a_record_of_a_container_log_may_span_two_blocks(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: [{url: /var/log/pods/*.log, format: cri}]\n")
    record = '{"request_id": "%d", "note": "' + "n" * 2000 + '", "prediction": "x"}'
    lines = []
    for number in range(1500):
        text = record % number
        lines += [f"2026-05-10T12:00:00Z stdout P {text[:1000]}", f"2026-05-10T12:00:00Z stdout F {text[1000:]}"]
    archive = text_file(tmp_path / "0.log", *lines)
    truth = text_file(tmp_path / "truth.csv", "request_id,actual", *(f"{number},x" for number in range(1500)))
    answer = evaluated(archive, "--truth", truth, "--config", tmp_path / "config.yaml")
    assert (answer["models"][0]["outcomes"], answer["rejected_lines"]) == (1500, {})


def test_a_null_score_of_a_class_is_absent(tmp_path: Path) -> None:
    rows = [
        {"request_id": "a", "prediction": "x", "probability": {"x": 0.75, "y": None}},
        {"request_id": "b", "prediction": "y", "probability": {"x": None, "y": 0.5}},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log.parquet")
    truth = text_file(tmp_path / "truth.csv", "request_id,actual", "a,x", "b,y")
    answer = evaluated(tmp_path / "log.parquet", "--truth", truth)
    assert (answer["models"][0]["outcomes"], answer["rejected_lines"]) == (2, {})


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_below_features_are_the_features_for_both_commands(tmp_path: Path, suffix: str) -> None:
    columns = {
        "request_id": ["a", "b"],
        "features.age": [41, 42],
        "features.plan": ["a", "b"],
        "prediction": ["x", "y"],
    }
    if suffix == ".csv":
        rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
        text_file(tmp_path / "log.csv", ",".join(columns), *rows)
    else:
        pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    assert run("profile", tmp_path / f"log{suffix}", "--output", tmp_path / "out.json").exit_code == 0
    profile = profile_file.load((tmp_path / "out.json").read_bytes())
    assert list(profile.features) == ["age", "plan"]
    (tmp_path / "config.yaml").write_text("sources: [log.jsonl]\nreference: out.json\nsegments: [plan]\n")
    truth = text_file(tmp_path / "truth.csv", "request_id,actual", "a,x", "b,y")
    answer = evaluated(tmp_path / f"log{suffix}", "--truth", truth, "--config", tmp_path / "config.yaml")
    assert (answer["models"][0]["outcomes"], answer["rejected_lines"]) == (2, {})


def test_an_error_among_numbers_of_csv_is_an_error(tmp_path: Path) -> None:
    rows = [f"{number},0" for number in range(10)]
    source = text_file(tmp_path / "a.csv", "x,error_type", *rows, "10,timeout", "11,3", "12,")
    assert run("profile", source, "--output", tmp_path / "out.json").exit_code == 0
    assert profile_file.load((tmp_path / "out.json").read_bytes()).rows == 11
