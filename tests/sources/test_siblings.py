"""Which of a folder's files were rotated away from a log after another one."""

import os
from pathlib import Path

import pytest

from exporter.sources.file.handle import key_of
from exporter.sources.file.names import is_rotated
from exporter.sources.file.siblings import Siblings, rotated_between


@pytest.mark.parametrize(
    ("oldest_to_newest", "first", "found"),
    [
        pytest.param("x.log.3 x.log.2 x.log.1", "x.log.3", "x.log.2 x.log.1", id="numbers"),
        pytest.param("x.log.3 x.log.2 x.log.1", "x.log.1", "", id="none after the newest"),
        pytest.param("x.log.10 x.log.9 x.log.2", "x.log.10", "x.log.9 x.log.2", id="ten comes before nine"),
        pytest.param("x-20231231.log x-20240101.log", "x-20231231.log", "x-20240101.log", id="dates"),
        pytest.param("x.log-2023-12-31 x.log-2024-01-01", "x.log-2023-12-31", "x.log-2024-01-01", id="days"),
        pytest.param("x.log.20240102-030405 x.log.20240102-030500", "x.log.20240102-030405", "x.log.20240102-030500"),
        pytest.param("x.1.log x.2.log", "x.1.log", "", id="numbers that count up are not understood"),
        pytest.param("x.log.2 x.log.1.gz", "x.log.2", "x.log.1.gz", id="a compressed one"),
        pytest.param("x-20231231.log.gz x-20240101.log.gz", "x-20231231.log.gz", "x-20240101.log.gz", id="both are"),
        pytest.param("x.log.2 x.log.1.gz x.log.1", "x.log.2", "x.log.1+x.log.1.gz", id="one that is there as both"),
        pytest.param("x.log.2.gz x.log.2 x.log.1", "x.log.2", "x.log.1", id="the first is there as both"),
        pytest.param("x-20240101.log x-20231231.log.gz", "x-20231231.log.gz", "x-20240101.log", id="compressed late"),
        pytest.param("x.log.1 x.log.2.gz", "x.log.2.gz", "", id="compressed late, with numbers"),
        pytest.param("x.log.2 x.log.1.xz", "x.log.2", "", id="one that we cannot unpack"),
        pytest.param("x.log.2 y.log.1 xx.log.1 x2.log.1", "x.log.2", "", id="other logs"),
        pytest.param("x.log.1 x.log.2", "x.log.2", "", id="later by its name and older by its time"),
        pytest.param("x.log-2024.backup x.log.1 x.log-2025.backup", "x.log.1", "x.log-2025.backup", id="a backup"),
        pytest.param("x-2024.log x.log-2025.backup", "x-2024.log", "x.log-2025.backup", id="a backup beside dates"),
        pytest.param("x.log.2 x.log-2024.backup x.log.1", "x.log.2", "x.log.1 x.log-2024.backup", id="a backup within"),
        pytest.param("x.log-2024.backup x.log-2025.backup", "x.log-2024.backup", "x.log-2025.backup", id="backups"),
        pytest.param("x.log.old x.log.1", "x.log.old", "", id="no number"),
        pytest.param("x.log.1", "x.log", "", id="still at its path"),
    ],
)
def test_rotated_between(tmp_path: Path, oldest_to_newest: str, first: str, found: str) -> None:
    for age, name in enumerate([*oldest_to_newest.split(), "x.log"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    key = key_of((tmp_path / first).stat())
    between = rotated_between(Siblings(), str(tmp_path / "x.log"), key, None)
    assert ["+".join(Path(other.path).name for other in names) for names in between] == found.split()


def test_names_order_files_with_the_same_time(tmp_path: Path) -> None:
    """Two that were copied or compressed at once."""
    for name in ("x.log.3.gz", "x.log.2.gz", "x.log.1.gz"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (9, 9))
    between = rotated_between(Siblings(), str(tmp_path / "x.log"), key_of((tmp_path / "x.log.2.gz").stat()), None)
    assert [Path(other.path).name for [other] in between] == ["x.log.1.gz"]


def test_files_after_the_last_are_left_out(tmp_path: Path) -> None:
    for number in (4, 3, 2, 1):
        (tmp_path / f"x.log.{number}").touch()
        os.utime(tmp_path / f"x.log.{number}", (9 - number, 9 - number))
    first, last = (key_of((tmp_path / f"x.log.{number}").stat()) for number in (4, 2))
    between = rotated_between(Siblings(), str(tmp_path / "x.log"), first, last)
    assert [Path(other.path).name for [other] in between] == ["x.log.3"]


@pytest.mark.parametrize(
    ("log", "other", "rotated"),
    [
        ("x.log", "x.log.1", True),
        ("x.log", "x-20240101.log", True),
        ("x.log.1", "x.log.2", True),
        ("x.log", "x.log.1.gz", True),
        ("x.log", "x.log.gz", True),
        ("x.log.1", "x.log.2.gz", True),
        ("x.log", "x.err", False),
        ("x.log", "stderr", False),
        ("x.log", "y.log.1", False),
    ],
)
def test_rotated_names(log: str, other: str, *, rotated: bool) -> None:
    assert is_rotated(f"/a/{log}", f"/a/{other}") is rotated


def test_siblings_are_regular_files_newest_first(tmp_path: Path) -> None:
    for age, name in enumerate(["x.log", "x.log.1", "x-2024.log", "other"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    (tmp_path / "x.log.folder").mkdir()
    (tmp_path / "x.log.link").symlink_to("x.log")
    os.mkfifo(tmp_path / "x.log.fifo")
    log = str(tmp_path / "x.log")
    assert [Path(other.path).name for other in Siblings().named_like(log)] == ["x-2024.log", "x.log.1"]
    assert Siblings().named_like(str(tmp_path / "absent" / "x")) == []


def test_siblings_are_found_in_folders_below(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "x.log.1").touch()
    (tmp_path / "x.log").touch()
    assert [Path(other.path).name for other in Siblings().named_like(str(tmp_path / "x.log"))] == ["x.log.1"]


def test_siblings_of_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "a.1"):
        Path(name).touch()
    assert [other.path for other in Siblings().named_like("a")] == ["a.1"]
