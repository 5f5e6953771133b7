"""The page of a report in a browser: complete without its script, accessible, and searchable with it."""

import asyncio
import re
from pathlib import Path

import pytest

from exporter.reporting import report
from tests.reporting.tables import MOVED, table, written
from tests.status.chromium import chromium

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    current = written(folder, "current.parquet", table(2000, 2, drifted=True, features=20))
    reference = written(folder, "reference.parquet", table(3000, 1, features=20))
    made = report(str(current), str(reference), segments=["country"])
    made.save(folder / "report.html")
    return folder / "report.html"


def test_it_needs_nothing_else_and_says_everything_without_a_script(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', text) == []
    assert "@import" not in text
    rows = text.split('<table class="variables">')[1].split("</table>")[0].count("<tr data-level")
    assert rows == 20 + 1 + 2
    for name in ("accuracy", "auc", "Predicted and actual classes", "By country", "About"):
        assert name in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_accessible_and_nothing_is_cut_off(page: Path, tmp_path: Path, width: int, scheme: str) -> None:
    async def look() -> None:
        async with chromium(tmp_path) as tab:
            await tab.look(width, scheme=scheme)
            await tab.open(page.as_uri())
            await tab.run("document.querySelectorAll('details').forEach(each => each.open = true)")
            assert await tab.violations() == []
            assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
            assert tab.complaints() == []
            assert {address for address in tab.requested() if not address.startswith(("file:", "data:"))} == set()

    asyncio.run(look())


def test_features_can_be_searched_filtered_and_sorted(page: Path, tmp_path: Path) -> None:
    async def look() -> None:
        async with chromium(tmp_path) as tab:
            await tab.look(1280)
            await tab.open(page.as_uri())
            shown = (
                "[...document.querySelectorAll('.variables tbody tr')].filter(row => !row.hidden)"
                ".map(row => row.cells[0].firstChild.textContent.trim())"
            )
            names = await tab.run(shown)
            assert {*names[:3]} == MOVED
            await tab.run("document.querySelector('.tools input[type=checkbox]').click()")
            assert {*await tab.run(shown)} >= MOVED
            assert len(await tab.run(shown)) < 8
            await tab.run("document.querySelector('.tools input[type=checkbox]').click()")
            search = "document.querySelector('.tools input[type=search]')"
            await tab.run(f"{search}.value = 'Other 1'; {search}.dispatchEvent(new Event('input'))")
            assert {name[:7] for name in await tab.run(shown)} == {"other 1"}
            await tab.run(f"{search}.value = ''; {search}.dispatchEvent(new Event('input'))")
            await tab.run("document.querySelector('.variables th button').click()")
            assert await tab.run(shown) == sorted(names, key=str.lower)

    asyncio.run(look())
