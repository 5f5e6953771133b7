"""The progress bar goes from zero to the total once; and the printed summary."""

import gzip
import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from exporter.offline import OfflineError
from exporter.offline.output import progress_bar
from exporter.offline.profiling import Options, make_profile
from exporter.offline.tables.data_set import BLOCK_ROWS
from exporter.reference.profile import Numeric
from tests.offline.profiling.training import run, write

ROWS = [{"x": index, "y": f"text {index % 7}"} for index in range(3 * BLOCK_ROWS)]  # the last block ends with the file


def empty(path: Path) -> Path:
    path.write_bytes(gzip.compress(b"") if path.suffix == ".gz" else b"x,y\n" if path.suffix == ".csv" else b"\n")
    return path


DATA: dict[str, Callable[[Path], Sequence[Path]]] = {
    "JSON lines": lambda folder: [write(folder / "a.jsonl", ROWS)],
    "gzipped JSON lines": lambda folder: [write(folder / "a.jsonl.gz", ROWS)],
    "CSV": lambda folder: [write(folder / "a.csv", ROWS)],
    "gzipped CSV": lambda folder: [write(folder / "a.csv.gz", ROWS)],
    "Parquet": lambda folder: [write(folder / "a.parquet", ROWS)],
    "all of them": lambda folder: [write(folder / name, ROWS[:100]) for name in ("a.csv", "b.jsonl", "c.parquet")],
    "empty ones among them": lambda folder: [
        write(folder / "a.jsonl", ROWS[:9]),
        *(empty(folder / name) for name in ("b.csv", "c.jsonl", "d.jsonl.gz", "e.csv.gz")),
        write(folder / "f.parquet", ROWS[:9]),
    ],
}


@pytest.mark.parametrize("data", DATA)
def test_progress_never_decreases_and_ends_at_the_total(tmp_path: Path, data: str) -> None:
    reports: list[tuple[int, int]] = []
    paths = DATA[data](tmp_path)
    make_profile(paths, Options(), progress=lambda done, total: reports.append((done, total)))
    (total,) = {total for _, total in reports}
    done = [done for done, _ in reports]
    assert done[-1] == total
    assert total >= 2 * sum(path.stat().st_size for path in paths)
    assert all(earlier <= later for earlier, later in pairwise([0, *done]))
    assert sum(0 < some < total for some in done) >= min(len(paths), 5)


def test_a_growing_log_is_read_up_to_its_size_at_the_start(tmp_path: Path) -> None:
    log = write(tmp_path / "a.jsonl", ROWS)
    reports: list[int] = []

    def grow(done: int, total: int) -> None:
        reports.append(done / total)
        with log.open("a") as file:
            file.write('{"x": 1e9, "y": "new"}\n')

    profile, _ = make_profile([log], Options(), progress=grow)
    x = profile.features["x"]
    assert isinstance(x, Numeric)
    assert (profile.rows, x.max, x.missing, sum(x.counts)) == (len(ROWS), len(ROWS) - 1, 0, len(ROWS))
    assert reports[-1] == 1.0
    assert max(reports) == 1.0


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_data_that_is_replaced_while_it_is_read_is_reported(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / name, ROWS)
    other = write(tmp_path / f"other-{name}", ROWS[:100])

    def replace(done: int, total: int) -> None:
        if done >= total / 2 and other.exists():
            other.replace(source)

    with pytest.raises(OfflineError, match="the data changed while it was read"):
        make_profile([source], Options(), progress=replace)


def test_without_a_terminal_only_the_summary_is_printed(tmp_path: Path) -> None:
    log = write(
        tmp_path / "log.jsonl",
        [
            {"features": {"age": 41, "plan": "a", "id": [1]}, "prediction": "yes", "probability": 0.75},
            {"features": {"age": 42, "plan": "b", "id": [2]}, "prediction": "no", "probability": 0.25},
            {"error_type": "timeout"},
        ],
    )
    result = run(log, "--output", tmp_path / "out.json")
    size = round((tmp_path / "out.json").stat().st_size / 1024)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "2 predictions: 1 numeric and 1 categorical features",
        "prediction: 2 classes; probability: 0.25 to 0.75, mean 0.5",
        "skipped: 1 record with an error_type",
        "feature age: numeric, 4 bins, 0.0% missing",
        "feature plan: categorical, 2 categories, 0.0% missing",
        "left out: id: contains only lists",
        f"{tmp_path / 'out.json'}: {size} KiB",
    ]


def test_a_terminal_shows_a_bar_and_erases_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar() as progress:
        progress(250_000, 1_000_000)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "reading" in captured.err
    assert "0.2/1.0 MB" in captured.err
    assert captured.err.endswith("\x1b[2K")  # the line is erased


def test_a_profile_is_readable_by_people(tmp_path: Path) -> None:
    run(write(tmp_path / "a.jsonl", ROWS), "--output", tmp_path / "out.json")
    text = (tmp_path / "out.json").read_text()
    lists = [line for line in text.splitlines() if "[" in line]
    assert all(line.rstrip(",").endswith("]") for line in lists)
    assert len(lists) == 5  # edges, counts, cuts, their counts, and tail_means
    assert json.loads(text)["made_by"].startswith("prediction-exporter ")
