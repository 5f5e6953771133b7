"""Memory grows with the columns of the data, not with its rows."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

# The peak of a child's memory starts at that of its parent, which is large in a test run; so the child prints its own.
CHILD = """
import sys
from exporter.cli import main
try:
    main(["profile", *sys.argv[1:]])
except SystemExit as ended:
    assert not ended.code
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1])
"""


DECLARED: dict[str, list[str]] = {".parquet": [], ".jsonl": ["--categorical", "id"]}


def table(rows: int) -> pa.Table:
    """Return columns of few and of many distinct numbers, and of few distinct texts."""
    random = np.random.default_rng(1)
    columns = {f"number {index}": random.normal(size=rows) for index in range(3)}
    plans = random.choice(["basic", "gold", "none"], size=rows)
    return pa.table(columns | {"age": random.integers(18, 80, size=rows), "plan": plans})


def write(path: Path, rows: int) -> Path:
    data = table(rows)
    if path.suffix == ".parquet":
        pq.write_table(data, path)  # in one row group
    else:
        with path.open("w") as file:
            for index, row in enumerate(data.to_pylist()):
                file.write(json.dumps({"features": row | {"id": f"user {index}"}, "prediction": "a"}) + "\n")
    return path


def peaks(*sources: Path) -> list[float]:
    """Return the peak memory in MiB of profiling each source."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(source), *DECLARED[source.suffix], "--output", f"{source}.out"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for source in sources
    ]
    said = [child.communicate(timeout=120)[0] for child in children]
    assert [child.returncode for child in children] == [0] * len(sources)
    return [int(text.splitlines()[-1]) / 1024 for text in said]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the peak memory of a process")
@pytest.mark.parametrize(
    ("suffix", "rows", "times", "mebibytes"),
    [
        (".parquet", 100_000, 8, 20),  # the additional rows are 28 MiB as arrays
        (".jsonl", 20_000, 4, 16),  # the additional rows are 60 MiB as objects
    ],
)
def test_many_times_the_rows_need_hardly_more_memory(
    tmp_path: Path, suffix: str, rows: int, times: int, mebibytes: int
) -> None:
    small, large = peaks(write(tmp_path / f"small{suffix}", rows), write(tmp_path / f"large{suffix}", times * rows))
    assert large - small < mebibytes
