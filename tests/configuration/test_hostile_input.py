"""A configuration file that is damaged or hostile is one line, in bounded time and memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.configuration.loading import ConfigError, load

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


CHECK = """
import resource, sys
from click.testing import CliRunner
from exporter.cli import main
resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
for config in sys.argv[1:]:
    done = CliRunner().invoke(main, ["check", "--config", config])
    assert done.exit_code == 2, (config, done.output)
    print(done.output, end="")
""".replace("MEMORY", str(1024**3))


def check(*configs: Path) -> str:
    """Return what `check` prints about files in which it finds mistakes, with 1 GiB of memory."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK, *map(str, configs)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done
    return done.stdout


MISTAKES = [
    (BOMB + "sources: *a9", ":6:5: more than 200,000 values, with aliases"),
    ("sources: &a [*a]", ":1:10: an alias within its own anchor"),
    ("limits: {models: " + "9" * 5000 + "}", ":1:18: this number is too long"),
    ("sources: " + "[" * 50_000, ": lists and mappings are nested too deeply"),
    ("sources: [" + "x, " * 400_000 + "]", ": larger than 1 MiB"),
    ("sources: [x]\nlimits: {models: 99999999}", ": limits.models: expected a whole number <= 10000, got 99999999"),
    (
        "sources: [x]\nlimits: {line_bytes: 5000GiB}",
        ": limits.line_bytes: expected a size such as 64KiB or 1MiB, at most 1024MiB, got '5000GiB'",
    ),
    (
        "sources: [y]\nground_truth: {sources: [x], waiting: 99999999999}",
        ": ground_truth.waiting: expected a whole number <= 100000000, got 99999999999",
    ),
]


def test_mistakes_are_one_line_each(tmp_path: Path) -> None:
    expected = []
    for number, (text, mistake) in enumerate(MISTAKES):
        (tmp_path / f"{number}.yaml").write_text(text)
        expected.append(f"prediction-exporter: {tmp_path / f'{number}.yaml'}{mistake}")
    assert check(*sorted(tmp_path.iterdir())).splitlines() == expected


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


def test_files_that_are_no_regular_files_or_too_large_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "zero").symlink_to("/dev/zero")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(10 * 1024**3)
    (tmp_path / "web.yaml").write_text("tls_server_config: {cert_file: pipe, key_file: zero}\n")
    mistakes = {
        "reference: pipe": "reference: pipe: expected a regular file",
        "reference: zero": "reference: zero: expected a regular file",
        "reference: huge": "reference: huge: larger than 32 MiB",
        "reference: folder": "reference: folder: Is a directory",
        "web_config: pipe": "web_config: pipe: expected a regular file",
        "web_config: huge": "web_config: huge: larger than 1 MiB",
        "web_config: web.yaml": "web_config: web.yaml: tls_server_config.cert_file: pipe: expected a regular file\n"
        "web_config: web.yaml: tls_server_config.key_file: zero: expected a regular file",
        "ground_truth: {sources: [{url: 'http:///x', token_file: pipe}]}": "ground_truth.sources[0].token_file: pipe: "
        "expected a regular file",
        "ground_truth: {sources: [{url: 'http:///x', token_file: huge}]}": "ground_truth.sources[0].token_file: huge: "
        "larger than 1 MiB",
    }
    configs, expected = [], []
    for number, (key, lines) in enumerate(mistakes.items()):
        configs.append(tmp_path / f"{number}.yaml")
        configs[-1].write_text(f"sources: [x]\n{key}\n")
        expected += [f"prediction-exporter: {number}.yaml: {line}" for line in lines.splitlines()]
    assert check(*configs).replace(f"{tmp_path}/", "").splitlines() == expected


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/api/v1/status", "/api/v1/status is a path of the exporter's own"),
        ("/metrics", "/metrics is a path of the exporter's own"),
        ("/-", "/- is a path of the exporter's own"),
        *(
            (path, "expected http:///PATH, such as http:///v1/predictions, got ")
            for path in ("/-/../metrics", "/v1/../metrics", "/./metrics", "/v1/..", "/api//v1/status", "//metrics")
        ),
        *(
            (path, "expected http:///PATH, such as http:///v1/predictions, got ")
            for path in ("/metrics/", "/%6detrics", "/metrics?x", "/metrics#x", "/v1/", "/")
        ),
    ],
)
def test_a_source_cannot_take_the_place_of_an_endpoint(tmp_path: Path, path: str, problem: str) -> None:
    (tmp_path / "config.yaml").write_text(f"sources: ['http://{path}']\n")
    with pytest.raises(ConfigError) as raised:
        load(tmp_path / "config.yaml")
    assert str(raised.value).startswith(f"{tmp_path / 'config.yaml'}: sources[0].url: {problem}")


def test_aliases_and_merge_keys_are_read(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("sources: [{url: 'unix://a', <<: &limits {connections: 2}}, {url: 'unix://b', <<: *limits}]\n")
    done = subprocess.run(
        [sys.executable, "-m", "exporter", "check", "--config", config], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done
