"""A user's mistake is reported in one line, with its place and what was expected; nothing is written."""

import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.reference import profile_file
from tests.offline.profiling.training import as_json_lines, problem, run, write

ROWS = [{"age": 41, "income": 1.5, "country": "DE"}, {"age": 42, "income": 2.5, "country": "FR"}]
MANY = [{"x": index} for index in range(20_000)]


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + 40]) + data[at + 40 :]


def two_columns_of_a_name(path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)


def not_utf8(path: Path) -> None:
    text = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
    pq.write_table(pa.table({"x": text}), path)


def text_file(content: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content)


PARQUET = "not a Parquet file that can be read: "
GZIP = "not a whole gzip file: "

FILES: Sequence[tuple[str, Callable[[Path], object], str]] = [
    ("missing.jsonl", lambda _: None, ": No such file or directory"),
    ("a.txt", text_file("x\n1\n"), ": unknown type of file; expected a name that ends in .parquet, .csv, .jsonl"),
    ("a", text_file("x\n1\n"), ": unknown type of file; expected"),
    ("a.gz", text_file("x\n1\n"), ": unknown type of file; expected"),
    ("a.parquet.gz", text_file("x\n1\n"), ": unknown type of file; expected"),
    ("folder", lambda path: path.mkdir(), ": no files in this folder"),
    ("folder.csv", lambda path: path.mkdir(), ": no files in this folder"),
    # JSON lines
    ("a.jsonl", text_file(""), ": no predictions"),
    ("a.jsonl", text_file("\n  \n"), ": no predictions"),
    ("a.jsonl", text_file('{"error_type": "timeout"}\n'), ": no predictions"),
    ("a.jsonl", text_file('{"x": 1}\n{"x": 2\n'), ":2: not JSON: character 9: expecting ',' delimiter"),
    ("a.jsonl", text_file(as_json_lines(MANY) + "\n\nx\n"), ":20003: not JSON: character 1: expected a JSON value"),
    ("a.jsonl", text_file('{"x": 1}\n{"x": 1e400000000000000000000}\n{"x": -}'), ":3: not JSON: "),
    ("a.jsonl", text_file('{"x": "\\ud800"}\n'), ":1: not JSON: "),
    ("a.jsonl", text_file(b'{"x": 1}\n{"x": "\xff"}\n'), ":2: not UTF-8 at byte 8 of the line"),
    ("a.jsonl", text_file('{"x": 1}\n[1]\n'), ":2: expected a JSON object, got an array; write one object per line"),
    (
        "a.jsonl",
        text_file('{"x": 1}{"x": 2}\n\n'),
        ":1: not JSON: character 9: text after the end of the record",
    ),
    ("a.jsonl", text_file('{"x": 0}\n{"x":\n1}{"x": 2}\n'), ":2: not JSON: character 7: expected a JSON value"),
    ("a.jsonl", text_file('{"x": 1}\n'.encode("utf-16-le")), ":1: not JSON: "),
    ("a.jsonl", text_file("7\n"), ":1: expected a JSON object, got a number"),
    ("a.jsonl", text_file("[" * 100_000), ":1: not JSON: "),
    ("a.jsonl", text_file('{"features": [1]}\n'), ":1: `features`: expected an object, got an array"),
    ("a.jsonl", text_file('{"x": 1}\n{"features": {}}\n'), ":2: `features`: the first prediction had none"),
    ("a.jsonl", text_file('{"prediction": "a"}\n'), "no column can be a feature: there are only fields of a record"),
    ("a.jsonl.gz", text_file('{"x": 1}\n'), f": {GZIP}Not a gzipped file"),
    ("a.jsonl.gz", text_file(gzip.compress(as_json_lines(MANY).encode())[:-9]), f": {GZIP}"),
    ("a.jsonl.gz", text_file(gzip.compress(b'{"x": 1}\n')[:-8] + bytes(8)), f": {GZIP}"),
    ("a.jsonl", os.mkfifo, ": expected a regular file"),
    ("a.parquet", os.mkfifo, ": expected a regular file"),
    # CSV
    ("a.csv", text_file(""), ": no predictions"),
    ("a.csv", text_file("x,y\n"), ": no predictions"),
    ("a.csv", text_file("x,y\n1,2\n3\n"), ":3: expected 2 columns as in the header, got 1"),
    ("a.csv", text_file('x,y\n1,"2\n2"\n3,4,5\n'), ":4: expected 2 columns as in the header, got 3"),
    ("a.csv", text_file("x;y\n1;2\n"), ": expected columns separated by commas, got the header 'x;y'"),
    ("a.csv", text_file("x\ty\n1\t2\n"), ": expected columns separated by commas, got the header 'x\\ty'"),
    ("a.csv", text_file("x,y,x\n1,2,3\n"), ": duplicate column `x`"),
    ("a.csv", text_file(b"x,y\n1,a\n2,\xe4\n"), ":3: not UTF-8 at byte 3 of the line"),
    ("a.csv", text_file(b"x,\xe4\n1,a\n"), ":1: not UTF-8 at byte 3 of the line"),
    ("a.csv", text_file('x,y\n1,2\n3,"4\n5,6\n7,8\n'), ":3: a quote is not closed"),
    ("a.csv", text_file("x,y\n1,2\n3,4," + "a" * 200_000), ":3: field larger than field limit (131072)"),
    ("a.csv.gz", text_file("x,y\n1,2\n"), f": {GZIP}Not a gzipped file"),
    ("a.csv.gz", text_file(gzip.compress(b"x,y\n" + b"1,2\n" * 9)[:-9]), f": {GZIP}"),
    # Parquet
    ("a.parquet", text_file(""), f": {PARQUET}"),
    ("a.parquet", text_file("x,y\n1,2\n"), f": {PARQUET}"),
    ("a.parquet", lambda path: pq.write_table(pa.table({"x": pa.array([], pa.int64())}), path), ": no predictions"),
    ("a.parquet", two_columns_of_a_name, ": duplicate column `a`"),
    ("a.parquet", not_utf8, f": {PARQUET}"),
    ("a.parquet", lambda path: pq.write_table(pa.table({"features": [1]}), path), "`features`: expected a struct"),
]


@pytest.mark.parametrize(("name", "make", "expected"), FILES, ids=[f"{name}: {message}" for name, _, message in FILES])
def test_an_unreadable_file_is_reported_by_name_and_line(
    tmp_path: Path, name: str, make: Callable[[Path], object], expected: str
) -> None:
    make(tmp_path / name)
    message = problem(tmp_path / name, output=tmp_path / "out.json")
    assert expected in message
    assert message.startswith(str(tmp_path / name)) or "no column can be a feature" in message


@pytest.mark.parametrize("cut", [10, 500, 60_000])
def test_a_truncated_or_damaged_parquet_file_is_reported(tmp_path: Path, cut: int) -> None:
    whole = write(tmp_path / "whole.parquet", MANY, use_dictionary=False, compression="gzip").read_bytes()
    for name, data in (("cut", whole[: len(whole) - cut]), ("damaged", damaged(whole, len(whole) // 2))):
        (tmp_path / f"{name}.parquet").write_bytes(data)
        message = problem(tmp_path / f"{name}.parquet", output=tmp_path / "out.json")
        assert message.startswith(f"{tmp_path / name}.parquet: {PARQUET}")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--numeric agee", "--numeric agee: no such feature; did you mean `age`?"),
        ("--categorical contry", "--categorical contry: no such feature; did you mean `country`?"),
        ("--exclude zzz", "--exclude zzz: no such feature; known: age, country, income"),
        ("--numeric age --categorical age", "--numeric age: also given as --categorical"),
        ("--numeric age --exclude age", "--numeric age: also given as --exclude"),
        ("--categorical age --exclude age", "--categorical age: also given as --exclude"),
        ("--numeric country", "--numeric country: expected numbers, got text or booleans such as `DE`"),
        ("--exclude age --exclude income --exclude country", "no column can be a feature: age excluded; income"),
        ("--bins 1", "--bins: expected 2 to 100, got 1"),
        ("--bins 0", "--bins: expected 2 to 100, got 0"),
        ("--bins -5", "--bins: expected 2 to 100, got -5"),
        ("--bins 101", "--bins: expected 2 to 100, got 101"),
        ("--config missing.yaml", "missing.yaml: No such file or directory"),
        ("--config a.jsonl", "a.jsonl:2:1: "),
        ("--config bad.yaml", "bad.yaml:2:1: "),
        ("--config typo.yaml", "typo.yaml: fields.predicton: no such record field; did you mean `prediction`?"),
    ],
)
def test_an_impossible_option_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "typo.yaml").write_text("fields: {predicton: a}\n")
    (tmp_path / "bad.yaml").write_text("fields: [\n")
    message = problem(write(tmp_path / "a.jsonl", ROWS), *options.split(), output=tmp_path / "out.json")
    assert message.startswith(expected)


@pytest.mark.parametrize("options", ["--bins ten", "--binning equal", "--bin 5"])
def test_a_malformed_option_is_reported_with_the_usage(tmp_path: Path, options: str) -> None:
    result = run(write(tmp_path / "a.jsonl", ROWS), *options.split(), "--output", tmp_path / "out.json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert options.split(maxsplit=1)[0] in result.stderr.splitlines()[-1]


def test_a_file_given_twice_is_reported(tmp_path: Path) -> None:
    source = write(tmp_path / "data" / "a.jsonl", ROWS)
    expected = f"{source}: given twice"
    assert problem(source, source, output=tmp_path / "out.json") == expected
    assert problem(tmp_path / "data", source, output=tmp_path / "out.json") == expected


def test_a_mistake_in_a_later_file_is_reported_by_its_name_and_line(tmp_path: Path) -> None:
    good = write(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "b.jsonl").write_text('{"age": 1}\n\n{"age": }\n')
    message = problem(good, tmp_path / "b.jsonl", output=tmp_path / "out.json")
    assert message == f"{tmp_path / 'b.jsonl'}:3: not JSON: character 9: expected a JSON value"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("missing/out.json", "No such file or directory"),
        ("folder", "Is a directory"),
        ("a.jsonl/out.json", "Not a directory"),
        ("x" * 300, "File name too long"),
        (".", "Is a directory"),
        ("/", "Is a directory"),
        ("/dev/full", "No space left on device"),
    ],
)
def test_an_output_that_cannot_be_written_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    source = write(tmp_path / "a.jsonl", ROWS)
    before = sorted(tmp_path.rglob("*"))
    result = run(source, "--output", output)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"prediction-exporter: profile: --output {output}: {expected}\n"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failed_write_leaves_the_previous_profile_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = write(tmp_path / "a.jsonl", ROWS), tmp_path / "out.json"
    assert run(source, "--output", out).exit_code == 0
    before = out.read_bytes()

    def no_space(path: Path, _: bytes) -> int:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", no_space)
    result = run(write_more(tmp_path / "b.csv"), "--output", out)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"prediction-exporter: profile: --output {out}: No space left on device\n"
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.csv", "out.json"]


def write_more(path: Path) -> Path:
    path.write_text("x\n1\n2\n")
    return path


def test_an_output_that_is_a_link_remains_one(tmp_path: Path) -> None:
    source, target, link = write(tmp_path / "a.jsonl", ROWS), tmp_path / "v1.json", tmp_path / "link.json"
    target.touch()
    link.symlink_to(target)  # like /dev/stdout
    assert run(source, "--output", link).exit_code == 0
    assert link.readlink() == target
    assert profile_file.load(target.read_bytes()).rows == len(ROWS)


def test_a_profile_is_written_to_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # a profile of two rows fits a pipe's buffer
    assert run(write(tmp_path / "a.jsonl", ROWS), "--output", pipe).exit_code == 0
    assert profile_file.load(os.read(reader, 1 << 16)).rows == len(ROWS)
    os.close(reader)
