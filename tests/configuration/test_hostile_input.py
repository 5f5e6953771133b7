"""A configuration file that is damaged or hostile is one line, in bounded time and memory."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

MEMORY = 1024**3

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


def check(config: Path) -> str:
    """Return what `check` prints on standard error, with 1 GiB of memory for it."""
    done = subprocess.run(
        [sys.executable, "-m", "exporter", "check", "--config", config],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY)),
    )
    assert done.returncode == 2, done
    return done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(BOMB + "sources: *a9\n", ":6:5: more than 200,000 values, with aliases", id="alias bomb"),
        pytest.param("sources: &a [*a]\n", ":1:10: an alias within its own anchor", id="recursive alias"),
        pytest.param("limits: {models: " + "9" * 5000 + "}\n", ":1:18: this number is too long", id="5,000 digits"),
        pytest.param("sources: " + "[" * 50_000, ": lists and mappings are nested too deeply", id="50,000 brackets"),
        pytest.param("sources: [" + "x, " * 400_000 + "]", ": larger than 1 MiB", id="1.2 MB"),
        pytest.param(
            "sources: [x]\nlimits: {models: 1000000000000}\n",
            ": limits.models: expected a whole number <= 10000, got 1000000000000",
            id="more models than memory",
        ),
        pytest.param(
            "sources: [x]\nlimits: {line_bytes: 5000GiB}\n",
            ": limits.line_bytes: expected a size such as 64KiB or 1MiB, at most 1024MiB, got '5000GiB'",
            id="longer lines than memory",
        ),
        pytest.param(
            "sources: [y]\nground_truth: {sources: [x], waiting: 99999999999}\n",
            ": ground_truth.waiting: expected a whole number <= 100000000, got 99999999999",
            id="more predictions than memory",
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    assert check(config) == f"prediction-exporter: {config}{expected}\n"


def test_a_long_value_is_cut_off(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("sources: [x]\nwindows: " + "y" * 100_000)
    (line,) = check(config).splitlines()
    assert len(line) < 2000
    assert "windows: expected a list, got 'yyy" in line


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    os.mkfifo(config)
    assert check(config) == f"prediction-exporter: {config}: expected a regular file\n"


def test_aliases_and_merge_keys_are_read(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("sources: [{url: 'unix://a', <<: &limits {connections: 2}}, {url: 'unix://b', <<: *limits}]\n")
    done = subprocess.run(
        [sys.executable, "-m", "exporter", "check", "--config", config], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done
