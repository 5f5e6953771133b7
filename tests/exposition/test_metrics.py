"""The whole of /metrics for a small log, as committed files, and over HTTP as a scraper asks for it.

A change to the files is a change to what users' rules and dashboards see. `UPDATE_GOLDEN=1` writes them anew.
"""

import asyncio
import gzip
import json
import os
import re
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.configuration import loading
from exporter.exposition.exposition import Accept, Exposition
from exporter.reference import profile_file
from exporter.reference.calibration import Calibration, ScoredClass
from exporter.reference.components import Components
from exporter.sidecar import Sidecar
from tests.in_process import serve
from tests.records import attribution, categorical, numeric, reference, vector
from tests.servers import require

GOLDEN = Path(__file__).parent.parent / "golden"
NOW = 1_700_000_000.0
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def scores(predicted: str, score: float) -> dict[str, float]:
    """Return the score of each class, of which the predicted one has this."""
    return dict.fromkeys(("approve", "deny", "review"), (1 - score) / 2) | {predicted: score}


LOG = [
    *(
        {
            "timestamp": NOW - second,
            "features": {
                "age": 20 + second % 50,
                "country": "DE" if second % 3 else None,
                "income": second % 40,
                "text": [second / 64, 1.0],
            },
            "prediction": "deny" if second % 4 == 0 else "approve",
            "probability": scores("approve" if second % 4 else "deny", round(second / 120, 3)),
            "latency_ms": 5.0 * (second % 7),
            "request_id": f"r{second}",
            "attributions": {"age": (second % 8 - 4) / 16, "country": (second % 4) / 2},
        }
        for second in range(120)
    ),
    {"timestamp": NOW, "error_type": "timeout"},
    {"timestamp": NOW, "model_version": "4", "prediction": "approve", "features": {"age": "old", "country": "XX"}},
    {"timestamp": NOW - 365 * 86400, "prediction": "approve"},
    {"timestamp": NOW},
]

REFERENCE = msgspec.structs.replace(
    reference(
        {
            "age": numeric([30.0, 40.0, 50.0], [250, 250, 250, 240], least=18.0, greatest=65.0, missing=10),
            "country": categorical({"DE": 700, "FR": 290}, missing=10),
            "income": numeric([20.0], [500, 500]),
            "text": vector([0.5, 1.0], [[0.3]], [[500, 500]]),
        },
        classes=("approve", "deny", "review"),
        # Whose errors have the same last digit on every machine.
        components=Components(
            ["age", "income"], [[1.0, 0.0]], explained=0.7, rows=500, error_mean=0.5, error_stddev=0.25
        ),
        calibration=Calibration(
            500,
            {
                "approve": ScoredClass([0.25, 0.5], [100, 50, 150], [25, 30, 140], [70, 80, 50], [10, 20, 25]),
                "deny": ScoredClass([0.5], [50, 100], [10, 75], [250, 100], [25, 50]),
                "review": ScoredClass([0.5], [0, 50], [0, 40], [450, 0], [50, 0]),
            },
        ),
        attributions={
            "age": attribution(0.5, [-0.125, 0.0], [400, 200, 400]),
            "country": attribution(0.25, [0.5], [500, 490], missing=10),
        },
    ),
    probability=numeric([0.25, 0.5, 0.75], [250, 250, 250, 250], least=0.0, greatest=1.0),
)


def scraped(folder: Path, use: Callable[[aiohttp.ClientSession], Awaitable[None]], *more: str) -> None:
    """Run a sidecar on LOG, with time standing still at NOW, and call `use` with a client of it.

    `more` are further lines of its configuration.
    """
    lines = [json.dumps({"model_name": "credit", "model_version": "3"} | record) for record in LOG]
    (folder / "log.jsonl").write_text("\n".join([*lines, "not json", ""]))
    (folder / "reference.json").write_bytes(profile_file.dump(REFERENCE))
    (folder / "config.yaml").write_text(
        "listen: 127.0.0.1:0\nsources: [log.jsonl]\nreference: reference.json\nwindows: [1m, 1h]\n"
        "model: {name: credit, version: 3}\n" + "".join(line + "\n" for line in more)
    )
    sidecar = Sidecar(loading.load(folder / "config.yaml"), clock=lambda: NOW)

    serve(sidecar, use, auto_decompress=False)


def ours(page: str) -> str:
    """Leave out what depends on the machine: what the process says of itself."""
    durable = (
        "model_",
        "prediction_exporter_source_",
        "prediction_exporter_capped_labels",
        "prediction_exporter_joins",
    )
    process = (
        "_open_",
        "_lag_",
        "_rotations",
        "_gaps",
        "_failing_files",
        "_closed_files",
        "_connections",
        "_datagrams",
        "_requests",
        "source_errors",
    )
    lines = []
    for line in page.splitlines():
        name = (line.split()[2] if line.startswith("#") and line != "# EOF" else line).split("{")[0]
        if name == "# EOF" or (name.startswith(durable) and not any(word in name for word in process)):
            lines.append(line)
    return "\n".join(lines) + "\n"


def rounded(page: str) -> str:
    """Round each value to 12 digits: the last ones depend on the processor and the build of numpy."""
    return re.sub(r"(?m)^([^#\n].*) (\S+)$", lambda line: f"{line[1]} {float(line[2]):.12g}", page)


def committed(golden: str) -> str:
    return rounded((GOLDEN / golden).read_text())


@pytest.mark.parametrize(("accept", "golden"), [("", "metrics.txt"), (OPENMETRICS, "metrics.openmetrics.txt")])
def test_the_page_is_the_committed_one(tmp_path: Path, accept: str, golden: str) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        async with client.get("/metrics", headers={"Accept": accept, "Accept-Encoding": "identity"}) as answer:
            page = ours(await answer.text())
        if os.environ.get("UPDATE_GOLDEN"):
            (GOLDEN / golden).write_text(page)
        assert rounded(page) == committed(golden)

    scraped(tmp_path, use)


def test_the_page_has_what_ground_truth_tells(tmp_path: Path) -> None:
    truths = [{"request_id": f"r{second}", "actual": "deny" if second % 5 == 0 else "approve"} for second in range(120)]
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(truth) + "\n" for truth in truths))

    async def use(client: aiohttp.ClientSession) -> None:
        # What waits is counted as of the last commit.
        async with client.get("/metrics", headers={"Accept-Encoding": "identity"}) as answer:
            lines = rounded(ours(await answer.text())).splitlines(keepends=True)
        before = committed("metrics.txt").splitlines(keepends=True)
        page = "".join(line for line in lines if line not in before and "truth.jsonl" not in line)
        if os.environ.get("UPDATE_GOLDEN"):
            (GOLDEN / "metrics.truth.txt").write_text(page)
        assert page == committed("metrics.truth.txt")

    truth = "ground_truth: {sources: [truth.jsonl]}"
    scraped(tmp_path, use, truth, "business: [{name: latency, field: latency_ms}]", "segments: [country]")


def test_the_page_has_segments_where_they_are_asked_for(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        async with client.get("/metrics", headers={"Accept-Encoding": "identity"}) as answer:
            lines = rounded(ours(await answer.text())).splitlines(keepends=True)
        page = "".join(line for line in lines if "segment" in line)
        if os.environ.get("UPDATE_GOLDEN"):
            (GOLDEN / "metrics.segments.txt").write_text(page)
        assert page == committed("metrics.segments.txt")
        assert "".join(line for line in lines if "segment" not in line) == committed("metrics.txt")

    scraped(tmp_path, use, "segments: [country]", "limits: {segment_values: 2}")


def test_the_page_comes_in_the_format_and_encoding_that_is_asked_for(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        async with client.get("/metrics", headers={"Accept": "*/*", "Accept-Encoding": "identity"}) as answer:
            text = await answer.read()
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            assert "Content-Encoding" not in answer.headers
            families = {family.name for family in parse_text(text.decode())}
        async with client.get("/metrics", headers={"Accept": OPENMETRICS, "Accept-Encoding": "gzip"}) as answer:
            body = await answer.read()
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            assert answer.headers["Content-Encoding"] == "gzip"
            assert {family.name for family in parse_openmetrics(gzip.decompress(body).decode())} == families
            assert len(body) < len(text) / 5

    scraped(tmp_path, use)


def test_scrapers_at_the_same_time_share_a_commit_and_its_page(tmp_path: Path) -> None:
    sidecar = Sidecar(loading.from_options(str(tmp_path / "log.jsonl"), None, None), clock=lambda: NOW)

    async def main() -> tuple[list[Exposition], Exposition]:
        together = await asyncio.gather(*(sidecar.scrape() for _ in range(5)), sidecar.scrape(Accept(is_gzip=True)))
        return together, await sidecar.scrape()

    (first, *others, zipped), later = asyncio.run(main())
    assert all(page is first for page in others)
    assert zipped.content_encoding == "gzip"
    assert later is not first
    assert b'prediction_exporter_commits_total{result="success"} 2.0' in later.body


@pytest.mark.servers
def test_promtool_finds_nothing_wrong(tmp_path: Path) -> None:
    promtool = require("promtool")  # reads the text format only
    pages = []

    async def use(client: aiohttp.ClientSession) -> None:
        async with client.get("/metrics", headers={"Accept-Encoding": "identity"}) as answer:
            pages.append(await answer.read())

    scraped(tmp_path, use)
    checked = subprocess.run([promtool, "check", "metrics"], input=pages[0], capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_health_readiness_and_the_landing_page(tmp_path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        for path in ("/-/healthy", "/-/ready", "/"):
            async with client.get(path) as answer:
                assert answer.status == 200
        async with client.get("/nowhere") as answer:
            assert answer.status == 404

    scraped(tmp_path, use)
