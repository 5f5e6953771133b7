"""A profile depends on the data alone, not on how it is stored."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.offline.profiling import Options, make_profile
from exporter.reference import profile_file
from exporter.reference.profile import Profile
from tests.offline.profiling.training import Row, made, write

ROWS = 12_000
THEN = datetime(2026, 1, 5, tzinfo=UTC)


def features(index: int, random: random.Random) -> Row:
    """Draw a row; the first one has all values, so that the columns have the same order in every format."""
    income = None if index % 50 == 7 else random.lognormvariate(8, 2)
    return {
        "age": random.randrange(18, 80),
        "income": float("inf") if index % 997 == 5 else float("nan") if index % 499 == 3 else income,
        "balance": random.choice([-0.0, 0.0, 1e9 + random.random()]),
        "children": random.choice([0, 1, 2, None]) if index else 0,
        "country": random.choice(["DE", "FR", "Côte d'Ivoire", 'a "b", c', "two\nlines", "Norway"]) if index else "DE",
        "city": f"city {int(random.paretovariate(0.7)) % 3000}",
        "member": random.choice([True, False, None]) if index else True,
        "empty": None,
    }


def flat(index: int, random: random.Random) -> Row:
    outcome = {
        "prediction": random.choice(["approve", "deny"]),
        "probability": random.random(),
        "latency_ms": 1.5,
        "error_type": "timeout" if index % 100 == 99 else None,
    }
    return {**features(index, random), **outcome}


def record(row: Row) -> Row:
    """Return a flat row as a record of a prediction log."""
    outer = ("prediction", "probability", "latency_ms", "error_type")
    return {
        "features": {name: value for name, value in row.items() if name not in outer},
        **{name: row[name] for name in outer},
    }


@pytest.fixture(scope="module")
def rows() -> Sequence[Row]:
    draw = random.Random(1)
    return [flat(index, draw) for index in range(ROWS)]


@pytest.fixture(scope="module")
def expected(rows: Sequence[Row], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the profile of the rows as JSON lines in one file."""
    return content(write(tmp_path_factory.mktemp("plain") / "a.jsonl", rows))


def content(*paths: Path) -> str:
    """Return the profile of files as JSON, created at a fixed time."""
    return profile_file.dump(make_profile(paths, Options(), now=THEN)[0]).decode()


def parts(folder: Path, rows: Sequence[Row], suffix: str) -> list[Path]:
    """Write the rows to files of unequal lengths, none of which ends with a block."""
    starts = [0, 1, 3001, 9000, len(rows)]
    return [
        write(folder / f"part-{index:05}{suffix}", rows[start:end])
        for index, (start, end) in enumerate(pairwise(starts))
    ]


def parquet_parts(folder: Path, rows: Sequence[Row]) -> Path:
    """Write a data set as Spark does: a folder of parts, with files that are not data."""
    table = pa.Table.from_pylist(list(rows))
    folder.mkdir()
    for index, (start, length) in enumerate([(0, 2000), (2000, 9000), (11_000, 1000)]):
        pq.write_table(table.slice(start, length), folder / f"part-{index:05}.snappy.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".part-00000.snappy.parquet.crc").write_bytes(b"crc")
    return folder


def embedding(index: int) -> list[float | None] | None:
    """Return a vector; some are missing, not finite or contain a null."""
    if index % 40 == 3:
        return None
    found: list[float | None] = [1.0] * 4 if index % 5 == 1 else np.random.default_rng(index).normal(size=4).tolist()
    return [*found[:3], [None, float("inf"), float("nan")][index % 3]] if index % 100 == 7 else found


VECTORS = [{"x": index % 7, "text": embedding(index), "few": [index % 3, 1, 2]} for index in range(9000)]
VECTOR_TYPES = {
    "lists": (pa.list_(pa.float64()), pa.list_(pa.int8())),
    "lists of a fixed size": (pa.list_(pa.float64(), 4), pa.list_(pa.float32(), 3)),
    "large lists": (pa.large_list(pa.float64()), pa.large_list(pa.float16())),
}


@pytest.fixture(scope="module")
def expected_of_vectors(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the profile of the vectors as JSON lines in one file."""
    return content(write(tmp_path_factory.mktemp("vectors") / "a.jsonl", VECTORS))


@pytest.mark.parametrize("kind", VECTOR_TYPES)
def test_vectors_are_the_same_in_every_type_of_parquet(tmp_path: Path, expected_of_vectors: str, kind: str) -> None:
    text, few = VECTOR_TYPES[kind]
    table = pa.table(
        {
            "x": [row["x"] for row in VECTORS],
            "text": pa.array([row["text"] for row in VECTORS], text),
            "few": pa.array(
                np.array([row["few"] for row in VECTORS], np.float16).tolist(), pa.list_(pa.float32())
            ).cast(few)
            if kind != "large lists"
            else pa.array([[np.float16(number) for number in row["few"]] for row in VECTORS], few),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=777)
    assert list(profile_file.load(expected_of_vectors.encode()).vectors) == ["text", "few"]
    assert content(tmp_path / "a.parquet") == expected_of_vectors


def test_vectors_are_the_same_in_every_form_of_json_lines(tmp_path: Path, expected_of_vectors: str) -> None:
    records = [{"features": row, "prediction": None} for row in VECTORS]
    assert content(*parts(tmp_path, VECTORS, ".jsonl")) == expected_of_vectors
    assert content(write(tmp_path / "b.jsonl.gz", records)) == expected_of_vectors


def dictionary_encoded(path: Path, rows: Sequence[Row]) -> Path:
    """Write texts as pandas' categories, with an unused one, and others as large texts."""
    table = pa.Table.from_pylist(list(rows))
    country = pa.array([*table["country"].to_pylist(), "unused"]).dictionary_encode()[:-1]
    table = table.set_column(table.column_names.index("country"), "country", country)
    large = table["city"].cast(pa.large_string())
    pq.write_table(table.set_column(table.column_names.index("city"), "city", large), path)
    return path


def with_blank_lines(path: Path, rows: Sequence[Row]) -> Path:
    lines = [json.dumps(row) for row in rows]
    for at in (10_000, 5000, 5000, 0):
        lines.insert(at, "  ")
    path.write_text("\n".join(lines))  # without a newline at the end
    return path


STORED: dict[str, Callable[[Path, Sequence[Row]], Path | list[Path]]] = {
    "records": lambda folder, rows: write(folder / "a.jsonl", [record(row) for row in rows]),
    "gzipped records": lambda folder, rows: write(folder / "a.ndjson.GZ", [record(row) for row in rows]),
    "blank lines": lambda folder, rows: with_blank_lines(folder / "a.json", rows),
    "JSON lines in parts": lambda folder, rows: parts(folder, rows, ".log"),
    "CSV": lambda folder, rows: write(folder / "a.csv", rows),
    "gzipped CSV": lambda folder, rows: write(folder / "A.CSV.GZ", rows),
    "CSV in parts": lambda folder, rows: parts(folder, rows, ".csv"),
    "Parquet": lambda folder, rows: write(folder / "a.parquet", rows),
    "small row groups": lambda folder, rows: write(folder / "a.parquet", rows, row_group_size=777),
    "other compression": lambda folder, rows: write(folder / "a.parquet", rows, compression="zstd", version="1.0"),
    "records in Parquet": lambda folder, rows: write(folder / "a.parquet", [record(row) for row in rows]),
    "categories of pandas": lambda folder, rows: dictionary_encoded(folder / "a.parquet", rows),
    "a folder of parts": lambda folder, rows: parquet_parts(folder / "train.parquet", rows),
    "formats mixed": lambda folder, rows: [
        write(folder / "a.csv", rows[:3000]),
        write(folder / "b.parquet", rows[3000:11_500]),
        write(folder / "c.jsonl.gz", rows[11_500:]),
    ],
}


@pytest.mark.parametrize("stored", STORED)
def test_the_profile_is_the_same_to_the_byte_in_every_storage(
    tmp_path: Path, rows: Sequence[Row], expected: str, stored: str
) -> None:
    paths = STORED[stored](tmp_path, rows)
    assert expected == content(*(paths if isinstance(paths, list) else [paths]))


def test_the_profile_compared_across_formats_is_not_empty(rows: Sequence[Row], expected: str) -> None:
    made = profile_file.load(expected.encode())
    kept = [row for row in rows if row["error_type"] is None]
    assert len(kept) == made.rows
    assert list(made.numeric) == ["age", "income", "balance", "children"]
    assert list(made.categorical) == ["country", "city", "member"]
    assert made.prediction is not None
    assert made.probability is not None
    assert made.components
    assert made.components.features == ["age", "income", "balance", "children"]
    scores = np.array([row["probability"] for row in kept])
    assert made.probability.mean == pytest.approx(scores.mean(), rel=1e-12)


def test_more_rows_than_fit_the_sample_give_the_same_profile_in_every_format(tmp_path: Path) -> None:
    values = np.random.default_rng(2).normal(size=80_000)
    table = pa.table({"x": values, "y": np.exp(values)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=10_007)
    lines = "".join(f'{{"x":{x!r},"y":{y!r}}}\n' for x, y in zip(*(table[n].to_pylist() for n in "xy"), strict=True))
    (tmp_path / "a.jsonl").write_text(lines)
    cut = lines.index("\n", len(lines) // 3) + 1
    (tmp_path / "b.jsonl").write_text(lines[:cut])
    (tmp_path / "c.jsonl").write_text(lines[cut:])
    expected = content(tmp_path / "a.parquet")
    assert '"loadings"' in expected
    assert expected == content(tmp_path / "a.jsonl")
    assert expected == content(tmp_path / "b.jsonl", tmp_path / "c.jsonl")


def test_reading_what_was_written_gives_the_same_profile(tmp_path: Path, expected: str) -> None:
    before = profile_file.load(expected.encode())
    (tmp_path / "again.json").write_bytes(profile_file.dump(before))
    assert before == profile_file.load((tmp_path / "again.json").read_bytes())
    assert expected.encode() == profile_file.dump(before)


def test_the_time_of_creation_changes_nothing_else(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}])

    def at(moment: datetime) -> Profile:
        return make_profile([source], Options(), now=moment)[0]

    first, second = at(THEN), at(datetime(2027, 3, 1, 12, tzinfo=UTC))
    assert (first.created, second.created) == ("2026-01-05T00:00:00+00:00", "2027-03-01T12:00:00+00:00")
    assert first.reference_id == second.reference_id
    assert first.features == second.features


def test_another_value_gives_another_reference_id(tmp_path: Path) -> None:
    first = made(write(tmp_path / "a.jsonl", [{"x": 1}, {"x": 2}]), output=tmp_path / "a.json")
    second = made(write(tmp_path / "b.jsonl", [{"x": 1}, {"x": 3}]), output=tmp_path / "b.json")
    assert first.reference_id != second.reference_id
