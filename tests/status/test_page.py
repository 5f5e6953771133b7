"""The page at `/` and the document at `/api/v1/status`, over HTTP and in a real browser."""

import asyncio
import html
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exporter.configuration import loading
from exporter.reference import profile_file
from exporter.sidecar import Sidecar
from exporter.status import rendering
from tests.in_process import serve
from tests.process import DEADLINE_SECONDS
from tests.records import categorical, numeric, reference
from tests.status.chromium import Tab, chromium

NOW = 1_700_000_000.0
HOSTILE = "<script>alert(1)</script>&"
PROFILE = reference(
    {
        "age": numeric([30.0, 40.0], [400, 300, 300]),
        "country": categorical({"DE": 700, "FR": 300}),
        HOSTILE: numeric([0.5], [500, 500]),
        **{f"feature_{number}": numeric([0.5], [500, 500]) for number in range(30)},
    },
    classes=("approve", HOSTILE),
)
Use = Callable[[aiohttp.ClientSession, Path], Awaitable[None]]


def records() -> str:
    return "".join(
        json.dumps(
            {
                "timestamp": NOW - second,
                "features": {"age": 20 + second % 5, "country": "FR", HOSTILE: second % 2} | {"feature_0": second % 2},
                "prediction": HOSTILE if second % 4 == 0 else "approve",
                "latency_ms": 5 * (second % 7),
            }
        )
        + "\n"
        for second in range(250)
    )


def served(folder: Path, use: Use, log: str | None = None, *more: str) -> None:
    """Run a sidecar on a log, with time standing still at NOW, and call `use` with a client of it and its log."""
    (folder / "log.jsonl").write_text(records() if log is None else log)
    (folder / "reference.json").write_bytes(profile_file.dump(PROFILE))
    (folder / "config.yaml").write_text(
        "listen: 127.0.0.1:0\nsources: [log.jsonl]\nreference: reference.json\nstate_dir: state\n"
        "model: {name: credit, version: 3}\n" + "".join(line + "\n" for line in more)
    )
    sidecar = Sidecar(loading.load(folder / "config.yaml"), clock=lambda: NOW)

    serve(sidecar, lambda client: use(client, folder / "log.jsonl"))


async def document(client: aiohttp.ClientSession, query: str = "") -> Any:
    async with client.get(f"/api/v1/status{query}") as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        return await answer.json()


async def page(client: aiohttp.ClientSession, query: str = "") -> str:
    async with client.get(f"/{query}") as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        return await answer.text()


def test_the_page_shows_what_the_document_and_the_metrics_say(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession, _: Path) -> None:
        shown, told = html.unescape(await page(client)), await document(client)
        model = told["model"]
        assert (model["name"], model["version"]) == ("credit", "3")
        assert model["serving"]["predictions"] == 250
        async with client.get("/metrics") as answer:
            metrics = await answer.text()
        psi = re.search(r'^model_feature_drift_psi\{feature_name="age".*window="5m"\} (\S+)', metrics, re.MULTILINE)
        assert psi is not None
        age = next(feature for feature in model["features"] if feature["name"] == "age")
        assert age["psi"] == float(psi[1])
        for text in ("credit", "250 in 4.2 min", *(finding["text"] for finding in told["findings"])):
            assert text in shown
        for feature in model["features"]:
            assert feature["name"] in shown
        assert len(shown) < 200 * 1024
        assert shown.count('class="bars"') == rendering.CHARTED + len(model["outputs"])
        assert "9 more features" in shown

    served(tmp_path, use)


def test_what_comes_from_a_log_is_text_and_nothing_else(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession, _: Path) -> None:
        raw = await page(client)
        assert HOSTILE not in raw
        assert "<script>alert" not in raw
        assert html.escape(HOSTILE, quote=False)[:20] in raw

    served(tmp_path, use)


def test_its_policy_allows_nothing_but_its_own_style_and_script(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession, _: Path) -> None:
        async with client.get("/") as answer:
            policy, raw = answer.headers["Content-Security-Policy"], await answer.text()
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert " style=" not in raw
        assert not re.search(r"\bon\w+=", raw.replace(rendering.SCRIPT, ""))
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", raw)

    served(tmp_path, use)


@pytest.mark.parametrize("path", ["/?window=7m", "/api/v1/status?window=7m", "/?model=fraud"])
def test_what_there_is_not_is_not_found(tmp_path: Path, path: str) -> None:
    async def use(client: aiohttp.ClientSession, _: Path) -> None:
        async with client.get(path) as answer:
            assert answer.status == 404
            assert "expected one of" in await answer.text()

    served(tmp_path, use)


def test_before_the_first_record_it_waits(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession, _: Path) -> None:
        assert "No records received yet." in await page(client)
        # A model that the configuration names is there from the start.
        assert (await document(client))["model"]["serving"]["predictions"] == 0

    served(tmp_path, use, "")


def test_while_the_state_cannot_be_saved_it_shows_what_was_saved_last(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession, log: Path) -> None:
        assert (await document(client))["model"]["serving"]["predictions"] == 250
        # Nothing can be written where a folder is in the way.
        state = tmp_path / "state"
        for name in [file.name for file in state.iterdir() if file.suffix != ".lock"]:
            (state / name).rename(state / f"{name}.aside")
            (state / name).mkdir()
            (state / name / "full").touch()
        with log.open("a") as file:
            file.write(records())
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not (told := await document(client))["checkpoint"]["problem"]:
                assert told["model"]["serving"]["predictions"] == 250
                await asyncio.sleep(0.01)
        assert told["model"]["serving"]["predictions"] == 250
        assert told["checkpoint"]["problem"].startswith("cannot save the state")
        assert told["findings"][0]["check"] == "checkpoint"
        async with client.get("/metrics") as answer:
            assert answer.status == 503
        assert "This page shows the last saved state." in await page(client)

    served(tmp_path, use)


# What is too wide, what cannot be read on its background (WCAG AA), and what has no name.
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
CUT = """
[...document.querySelectorAll("section, .scroll, table")]
  .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.outerHTML.slice(0, 80))
"""
CONTRAST = """
(() => {
  const rgb = color => color.match(/[\\d.]+/g).map(Number);
  const light = color => rgb(color).slice(0, 3).map(c => c / 255)
    .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const back = getComputedStyle(element).backgroundColor;
      if (rgb(back)[3] !== 0) return back;
    }
  };
  const faint = [];
  for (const element of document.body.querySelectorAll("*")) {
    const hasText = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!hasText || element.closest("svg, script")) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) faint.push(element.outerHTML.slice(0, 80));
  }
  return faint;
})()
"""
NAMELESS = """
[...document.querySelectorAll("svg:not([aria-label]), nav:not([aria-label]), input")]
  .filter(each => !each.labels || !each.labels.length).map(each => each.outerHTML.slice(0, 80))
"""
HEADINGS = "[...document.querySelectorAll('h1, h2, h3')].map(each => Number(each.tagName[1]))"


@pytest.mark.servers
def test_in_a_browser_it_fits_is_readable_and_refreshes_itself(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession, log: Path) -> None:
        address = str(client._base_url).rstrip("/") + "/"
        async with chromium(tmp_path) as tab:
            await tab.open(address)
            for width in (360, 390, 768, 1280):
                for scheme in ("light", "dark"):
                    await tab.look(width, scheme=scheme)
                    assert await tab.run(OVERFLOW) <= 0, width
                    # On a phone, nobody scrolls a table sideways.
                    assert width > 390 or await tab.run(CUT) == [], width
                    assert await tab.run(CONTRAST) == [], scheme
            assert await tab.run(NAMELESS) == []
            headings = await tab.run(HEADINGS)
            assert headings[0] == 1
            assert set(headings[1:]) == {2}
            await refreshes(tab, log)
            await tab.open(address + "?window=1h")
            assert await tab.run("document.querySelector('[aria-current]').textContent") == "Last 1h"
            assert tab.complaints() == []
            assert {url.split("?")[0] for url in tab.requested()} <= {address, "data:,"}

    served(tmp_path, use)


async def refreshes(tab: Tab, log: Path) -> None:
    """See new records come in without a reload, and what was opened stay open."""
    served_now = "document.querySelector('.tile .dim').textContent"
    assert await tab.run(served_now) == "250 in 4.2 min"
    await tab.run("document.getElementById('other-features').open = true")
    await tab.run("window.same = true")
    with log.open("a") as file:
        file.write(records())
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (await tab.run(served_now)).startswith("500 in"):
            await asyncio.sleep(0.05)
            await tab.run("refresh()")
    assert await tab.run(served_now) == "500 in 4.2 min"
    assert await tab.run("document.getElementById('other-features').open")
    assert await tab.run("window.same")
    await tab.run("document.getElementById('refresh').checked = false")
    with log.open("a") as file:
        file.write(records())
    await asyncio.sleep(0.5)
    await tab.run("refresh()")
    assert await tab.run(served_now) == "500 in 4.2 min"
    await tab.run("document.getElementById('refresh').checked = true")


@pytest.mark.servers
def test_a_browser_says_when_the_sidecar_is_gone(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession, _: Path) -> None:
        async with chromium(tmp_path) as tab:
            await tab.open(str(client._base_url))
            assert await tab.run("document.getElementById('stale').hidden")
            await tab.send(
                "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
            )
            await tab.run("refresh()")
            assert await tab.run("document.getElementById('stale').offsetHeight > 0")

    served(tmp_path, use)
