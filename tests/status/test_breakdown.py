"""What the page and the document tell where there are segments, attributions and business figures; and compression."""

import html
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from exporter.configuration import loading
from exporter.reference import profile_file
from exporter.sidecar import Sidecar
from tests.in_process import serve
from tests.records import attribution, categorical, numeric, reference
from tests.status.chromium import chromium
from tests.status.test_page import CONTRAST, HEADINGS, NOW, OVERFLOW, document, page

HOSTILE = "<b>&"
# In the reference, age matters most; in the log, income does.
GAINS = {"age": 3.0, "income": 2.0, "tenure": 1.0}
PROFILE = reference(
    {"age": numeric([30.0, 40.0], [100, 100, 100]), "country": categorical({"DE": 200, "FR": 90, HOSTILE: 10})},
    classes=("approve", "reject"),
    attributions={name: attribution(gain, [0.0], [150, 150]) for name, gain in GAINS.items()},
)
MORE = (
    "segments: [country]",
    "business: [{name: revenue, field: amount, buckets: [10, 100]}, {name: margin, field: margin, buckets: [-5, 5]}]",
    "ground_truth: {sources: [truth.jsonl]}",
)
COUNTRIES = ("DE", "FR", "DE", HOSTILE, "DE")
Use = Callable[[aiohttp.ClientSession], Awaitable[None]]


def records(number: int = 240) -> list[dict[str, Any]]:
    """Return a log of the last four minutes, in which the French are young and every tenth request of theirs fails."""
    found = []
    for second in range(number):
        country = COUNTRIES[second % len(COUNTRIES)]
        record: dict[str, Any] = {
            "request_id": str(second),
            "timestamp": NOW - second,
            "features": {"age": 20 if country == "FR" else (25, 35, 45)[second % 3], "country": country},
            "latency_ms": 5,
        }
        if second % 50 == 1:
            record["error_type"] = "timeout"
        else:
            record |= {
                "prediction": "approve" if second % 3 else "reject",
                "attributions": {"age": -0.25, "income": 0.5, "tenure": 0.25},
                "amount": second,
                "margin": second % 7 - 3,
            }
        found.append(record)
    return found


def truths(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the truth of each prediction: that it should have been approved."""
    return [{"request_id": record["request_id"], "actual": "approve"} for record in log if "prediction" in record]


def served(folder: Path, use: Use, *more: str) -> None:
    log = records()
    for name, lines in (("log", log), ("truth", truths(log))):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "reference.json").write_bytes(profile_file.dump(PROFILE))
    (folder / "config.yaml").write_text(
        "listen: 127.0.0.1:0\nsources: [log.jsonl]\nreference: reference.json\nmodel: {name: credit, version: 3}\n"
        + "".join(line + "\n" for line in more)
    )
    serve(Sidecar(loading.load(folder / "config.yaml"), clock=lambda: NOW), use)


def test_segments_are_told_by_value_the_busiest_first(tmp_path: Path) -> None:
    log = records()

    async def use(client: aiohttp.ClientSession) -> None:
        (segment,) = (await document(client))["model"]["segments"]
        assert segment["name"] == "country"
        counts = Counter(record["features"]["country"] for record in log)
        assert [(each["value"], each["requests"]) for each in segment["values"]] == sorted(
            counts.items(), key=lambda item: (-item[1], item[0])
        )
        for each in segment["values"]:
            of_it = [record for record in log if record["features"]["country"] == each["value"]]
            right = [record["prediction"] == "approve" for record in of_it if "prediction" in record]
            errors = sum("error_type" in record for record in of_it)
            assert each["errors"] == errors
            assert each["error_ratio"] == pytest.approx(errors / len(of_it))
            assert each["accuracy"] == pytest.approx(sum(right) / len(right))
        drifted = {each["value"]: (each["most_drifted"], each["psi"]) for each in segment["values"]}
        assert drifted["FR"][0] == "age"
        assert drifted["FR"][1] > 1 > drifted["DE"][1]
        text = html.unescape(re.sub(r"<.*?>", " ", await page(client)))
        assert re.search(rf"FR\s+{counts['FR']}\s+.*%\s+\d+%\s+age {drifted['FR'][1]:.2g}", text)
        assert HOSTILE not in await page(client)

    served(tmp_path, use, *MORE)


def test_attributions_stand_beside_the_reference_s(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        told = (await document(client))["model"]["attributions"]
        # The greatest gain there is, and that of the order of the log, where two share second and third place.
        discounts = 1 / np.log2([2, 3, 4])
        shared = (discounts[1] + discounts[2]) / 2
        best = np.dot(sorted(GAINS.values(), reverse=True), discounts)
        assert told["ndcg"] == pytest.approx((2 * discounts[0] + (3 + 1) * shared) / best)
        assert told["threshold"] == 0.9
        assert told["features"][0]["name"] == "income"
        by_name = {each["name"]: each for each in told["features"]}
        assert {name: each["share"] for name, each in by_name.items()} == {"age": 0.25, "income": 0.5, "tenure": 0.25}
        assert {name: each["reference_rank"] for name, each in by_name.items()} == {"age": 1, "income": 2, "tenure": 3}
        assert by_name["income"]["rank"] == 1
        assert by_name["age"]["reference_share"] == pytest.approx(0.5)
        text = re.sub(r"\s+", " ", re.sub(r"<.*?>", " ", await page(client)))
        assert re.search(r"income (drifted )?50% reference 33% 1 reference 2 ", text)
        assert f"ranking (NDCG): {told['ndcg']:.3f}; below 0.9 the ranking has changed" in text

    served(tmp_path, use)


def test_business_figures_are_summed_over_the_window_and_by_class(tmp_path: Path) -> None:
    log = [record for record in records() if "prediction" in record]

    async def use(client: aiohttp.ClientSession) -> None:
        told = {each["name"]: each for each in (await document(client))["model"]["business"]}
        assert [*told] == ["revenue", "margin"]
        for name, prediction in (("total", None), ("approve", "approve"), ("reject", "reject")):
            amounts = [record["amount"] for record in log if prediction in (None, record["prediction"])]
            amount = told["revenue"]["total"] if name == "total" else told["revenue"]["classes"][name]
            assert amount == {"count": len(amounts), "sum": sum(amounts), "mean": pytest.approx(np.mean(amounts))}
        margins = [record["margin"] for record in log]
        assert min(margins) < 0 < max(margins)
        assert told["margin"]["total"] == {
            "count": len(log),
            "sum": pytest.approx(sum(margins)),
            "mean": pytest.approx(np.mean(margins)),
        }
        text = re.sub(r"\s+", " ", re.sub(r"<.*?>", " ", await page(client)))
        assert f"revenue all {sum(record['amount'] for record in log):,} " in text

    served(tmp_path, use, *MORE)


def test_what_is_not_there_is_not_shown(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        model = (await document(client))["model"]
        assert (model["business"], model["segments"]) == ([], [])
        shown = await page(client)
        assert "Business figures" not in shown
        assert "segment-1" not in shown
        assert "Feature attributions" in shown

    served(tmp_path, use)


@pytest.mark.parametrize("path", ["/", "/api/v1/status"])
def test_who_asks_for_gzip_gets_it(tmp_path: Path, path: str) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        plain = {"Accept-Encoding": "identity"}
        async with client.get(path, headers=plain) as answer:
            assert "Content-Encoding" not in answer.headers
            assert answer.headers["Vary"] == "Accept-Encoding"
            whole = await answer.read()
        async with client.get(path, headers={"Accept-Encoding": "br, gzip"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert int(answer.headers["Content-Length"]) < len(whole) / 2
            unpacked = await answer.read()
        stamp = rb'"(time|bytes|checkpoint_timestamp)":[\d.]+'
        assert re.sub(stamp, b"", unpacked) == re.sub(stamp, b"", whole)

    served(tmp_path, use, *MORE)


@pytest.mark.servers
def test_in_a_browser_all_of_it_fits_and_is_readable(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        async with chromium(tmp_path) as tab:
            await tab.open(str(client._base_url))
            for width in (390, 1280):
                for scheme in ("light", "dark"):
                    await tab.look(width, scheme=scheme)
                    assert await tab.run(OVERFLOW) <= 0, width
                    assert await tab.run(CONTRAST) == [], scheme
                    assert await tab.violations() == []
            assert set((await tab.run(HEADINGS))[1:]) == {2}
            assert tab.complaints() == []

    served(tmp_path, use, *MORE)
