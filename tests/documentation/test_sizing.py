"""The formula of deploy/SIZING.md, against pages of real sidecars."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exporter.configuration import loading
from exporter.sidecar import Sidecar
from tests.benchmarks.log import CLASSES, COUNTRIES, Log, write_log
from tests.in_process import serve
from tests.process import command

PAGE = (Path(__file__).parent.parent.parent / "deploy" / "SIZING.md").read_text()
RECORDS = 3000


def formula() -> Callable[..., int]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # the page's own
    return names["series"]


def served(folder: Path, numeric: int, *lines: str) -> int:
    """Count the series of a sidecar that has read a log of so many numeric features and a category."""
    write_log(folder / "log.jsonl", RECORDS, Log(features=numeric))
    made = command("profile", folder / "log.jsonl", "--output", folder / "reference.json")
    assert not made.returncode, made.stderr
    (folder / "config.yaml").write_text(
        "listen: 127.0.0.1:0\nsources: [log.jsonl]\nreference: reference.json\n"
        + "".join(f"{line}\n" for line in lines)
    )
    pages = []

    async def use(client: aiohttp.ClientSession) -> None:
        while f'records_total{{source="log.jsonl"}} {RECORDS}' not in (pages or [""])[-1]:
            async with client.get("/metrics") as answer:
                pages.append(await answer.text())

    serve(Sidecar(loading.load(folder / "config.yaml")), use)
    return sum(not line.startswith("#") for line in pages[-1].splitlines())


@pytest.mark.parametrize(
    ("numeric", "lines", "more"),
    [
        (4, (), {}),
        (19, (), {}),
        (19, ("windows: [1h]",), {"windows": 1}),
        (19, ("exported_bins: []",), {"exported": False}),
        (9, ("segments: [country]",), {"segment_values": len(COUNTRIES)}),
        (9, ("segments: [country]", "windows: [5m, 24h]"), {"segment_values": len(COUNTRIES), "windows": 2}),
    ],
)
def test_the_formula_is_true_to_5_percent(
    tmp_path: Path, numeric: int, lines: tuple[str, ...], more: dict[str, Any]
) -> None:
    told = formula()(numeric, [len(COUNTRIES)], classes=len(CLASSES), **more)
    assert told == pytest.approx(served(tmp_path, numeric, *lines), rel=0.05)


def test_the_table_is_the_formula_s() -> None:
    table = re.findall(r"^\| (\d+) \| (\d) \| (?:none|(\d+) values) \| ([\d,]+) \| ([\d,]+) \|$", PAGE, re.MULTILINE)
    assert len(table) > 5
    for features, windows, values, *told in table:
        of_all, without_bins = (
            formula()(int(features), [], windows=int(windows), segment_values=int(values or 0), exported=exported)
            for exported in (True, False)
        )
        assert [int(number.replace(",", "")) for number in told] == [round(of_all, -1), round(without_bins, -1)]
