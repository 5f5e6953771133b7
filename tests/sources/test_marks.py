"""Each row after a mark is read once, however rows share marks, pages end, and the exporter is killed."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.database import marks
from exporter.sources.database.marks import Mark, Page, QueryError
from exporter.sources.database.query import ROWS_AT_ONCE, SqliteDatabase

TABLE = "CREATE TABLE labels (request_id INTEGER PRIMARY KEY, actual, updated_at)"
BEHIND = "SELECT * FROM labels WHERE updated_at > :mark"
FROM = "SELECT * FROM labels WHERE updated_at >= :mark ORDER BY request_id DESC; "


class Labels:
    """A table of labels in SQLite, and the rows that were read."""

    def __init__(self, folder: Path, query: str = BEHIND, *, rows: int = 100, lag: float = 0.0) -> None:
        path = folder / "labels.db"
        path.unlink(missing_ok=True)
        self.connection = sqlite3.connect(path)
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute(TABLE)
        self.database = SqliteDatabase(
            str(path), query=query, mark="updated_at", initial=None, lag=lag, timeout=5.0, rows=rows
        )
        self.mark: Mark | None = None
        self.read: list[int] = []
        self.written = 0

    def write(self, *updated_at: float | str) -> None:
        rows = [(self.written + index, "yes", mark) for index, mark in enumerate(updated_at)]
        with self.connection:
            self.connection.executemany("INSERT INTO labels VALUES (?, ?, ?)", rows)
        self.written += len(rows)

    def page(self, parts: int | None = None) -> Page:
        """Read a page, and save the given number of its parts, by default all."""
        page = self.database.page(self.mark)
        for part in page.parts[:parts]:
            self.read += [json.loads(line)["request_id"] for line in part.lines.splitlines()]
            self.mark = part.mark
        return page

    def read_all(self) -> None:
        pages = 0
        while not self.page().is_whole:
            pages += 1
            assert pages <= self.written + 2

    @property
    def is_exact(self) -> bool:
        self.read_all()
        return sorted(self.read) == list(range(self.written))


@contextmanager
def labels(folder: Path, query: str = BEHIND, *, rows: int = 100, lag: float = 0.0) -> Iterator[Labels]:
    table = Labels(folder, query, rows=rows, lag=lag)
    with closing(table.connection):
        yield table


# How far the marks of new rows are from the newest one; or a page, and how many of its parts are saved.
ACTIONS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=9) | st.none(), max_size=12)


@given(ACTIONS, st.integers(1, 5), st.sampled_from([BEHIND, FROM]))
def test_each_row_is_read_once(tmp_path_factory: pytest.TempPathFactory, actions, rows: int, query: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    newest = 0
    with labels(folder, query, rows=rows) as table:
        for steps in actions:
            if steps is None:
                table.page()
                continue
            newest = max(newest, *(new := [newest + step for step in steps]))
            table.write(*new)
        assert table.is_exact
        assert table.is_exact


@given(ACTIONS, st.integers(1, 5), st.sampled_from([BEHIND, FROM]))
def test_rows_late_by_less_than_the_lag_are_read_once(
    tmp_path_factory: pytest.TempPathFactory, actions, rows: int, query: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    newest = 10
    with labels(folder, query, rows=rows, lag=3.0) as table:
        for steps in actions:
            if steps is None:
                table.page()
                continue
            table.write(*(newest - step for step in steps))
            newest += 1
            table.write(newest)
        assert table.is_exact
        assert table.is_exact


@pytest.mark.parametrize("query", [BEHIND, FROM])
@pytest.mark.parametrize("parts", [0, 1, 2, 3])
def test_killed_between_the_parts_of_a_page(tmp_path: Path, query: str, parts: int) -> None:
    with labels(tmp_path, query, rows=5 * ROWS_AT_ONCE) as table:
        table.write(1, *(2 for _ in range(2 * ROWS_AT_ONCE)), 3, *(4 for _ in range(ROWS_AT_ONCE)))
        assert len(table.page(parts).parts) == 4
        assert table.is_exact


@pytest.mark.parametrize("query", [BEHIND, FROM])
def test_the_mark_does_not_grow_while_there_are_more_pages(tmp_path: Path, query: str) -> None:
    with labels(tmp_path, query, rows=50) as table:
        table.write(*(row // 20 for row in range(3000)))
        sizes = []
        while not table.page().is_whole:
            assert table.mark
            assert len(sizes) < 3000
            sizes.append(len(table.mark.digests))
        assert len(sizes) > 40
        assert max(sizes) <= 3 * 20
        assert table.is_exact


def test_a_changed_row_is_read_again_and_a_deleted_one_forgotten(tmp_path: Path) -> None:
    with labels(tmp_path) as table:
        table.write(1, 2, 2)
        table.read_all()
        with table.connection:
            table.connection.execute("UPDATE labels SET updated_at = 3, actual = 'no' WHERE request_id = 0")
            table.connection.execute("DELETE FROM labels WHERE request_id = 1")
        table.read_all()
        assert table.read == [0, 1, 2, 0]
        assert table.mark
        assert len(table.mark.digests) == 2


def test_a_late_row_is_missed_without_a_lag(tmp_path: Path) -> None:
    for lag, expected in ((0.0, 3), (60.0, 4)):
        with labels(tmp_path, lag=lag) as table:
            table.write("2026-01-05 10:00:00", "2026-01-05 10:00:40", "2026-01-05 10:01:00")
            table.read_all()
            table.write("2026-01-05 10:00:20")
            table.read_all()
            assert len(table.read) == expected


def test_a_mark_shared_by_very_many_rows_is_complete_once_no_more_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "MOST_READ_AGAIN", 10)
    with labels(tmp_path) as table:
        table.write(*[7] * 11)
        for remembered in (11, 11, 0):
            table.page()
            assert table.mark
            assert len(table.mark.digests) == remembered
        table.write(8, 8)
        assert table.is_exact


def test_times_as_text_and_numbers_of_any_size_are_marks(tmp_path: Path) -> None:
    for values in (["2026-01-05", "2026-01-06T10:00:00.5"], [-(2**60), 0, 2.5, 2**60], ["", "Z"]):
        with labels(tmp_path, rows=1) as table:
            table.write(*values)
            if values[0] == "":
                # Text that sorts before any time is not the default initial mark.
                table.mark = Mark("")
                table.read_all()
                assert table.read == [1]
            else:
                assert table.is_exact


@pytest.mark.parametrize(
    ("query", "lag", "expected"),
    [
        pytest.param("SELECT 1 AS updated_at, * FROM lables WHERE :mark", 0, "no such table: lables", id="table"),
        pytest.param("SELECT request_id FROM labels WHERE :mark", 0, "no such column: updated_at", id="no mark"),
        pytest.param(
            "SELECT NULL AS updated_at FROM labels WHERE :mark",
            0,
            "updated_at: the mark has to be a time, a number or text in each row, and in one it is null",
            id="null",
        ),
        pytest.param(
            "SELECT 'y' || updated_at AS updated_at FROM labels WHERE updated_at > :mark",
            1,
            "updated_at: `lag` is for marks that are times, or numbers of seconds",
            id="lag",
        ),
        pytest.param(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT count(*) AS updated_at FROM n WHERE i > :mark",
            0,
            "interrupted",
            id="endless",
        ),
    ],
)
def test_an_error_is_one_line(tmp_path: Path, query: str, lag: float, expected: str) -> None:
    with labels(tmp_path, query, lag=lag) as table:
        table.database.timeout = 0.2
        table.write(1, 2)
        with pytest.raises(QueryError, match=f"^{expected}$"):
            table.page()
        assert table.read == []


def test_errors_do_not_contain_values_of_rows(tmp_path: Path) -> None:
    with labels(tmp_path, "SELECT CAST(x'41ff' AS TEXT) AS updated_at FROM labels WHERE :mark") as table:
        table.write(1)
        with pytest.raises(QueryError) as caught:
            table.page()
        assert "A" not in str(caught.value).removeprefix("Could not")


def test_a_missing_database_is_not_created(tmp_path: Path) -> None:
    with labels(tmp_path) as table:
        (tmp_path / "labels.db").unlink()
        with pytest.raises(QueryError, match="unable to open database file"):
            table.page()
        assert not (tmp_path / "labels.db").exists()


def test_values_are_json_of_their_type(tmp_path: Path) -> None:
    with labels(
        tmp_path, "SELECT request_id, 0.5 AS actual, NULL AS timestamp, 1 AS updated_at FROM labels WHERE :mark"
    ) as table:
        table.write(1)
        (part,) = table.page().parts
        assert part.lines == b'{"request_id":0,"actual":0.5,"timestamp":null,"updated_at":1}\n'
