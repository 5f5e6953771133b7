"""Eight sidecars, and the drift that the rules record of their metrics against that of all their records together."""

import asyncio
import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.configuration import loading
from exporter.reference import profile_file
from exporter.sidecar import Sidecar
from tests.alerts.oracle import drift
from tests.alerts.promtool import Scenario
from tests.in_process import serve
from tests.process import DEADLINE_SECONDS, samples_of
from tests.records import categorical, numeric, reference

PODS = 8
# Unequal traffic; the least has few records a bin. Two pods see another world.
SIZES = (90, 90, 120, 150, 300, 600, 900, 1500)
SHIFTED = {2, 6}
EDGES = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
INCOME = [67, 92, 150, 191, 191, 150, 92, 67]
COUNTRY = {"DE": 600, "FR": 300, "AT": 80}
VERSION = {"model_name": "credit", "model_version": "3"}
# Each log grows so many times, and is scraped before and after each.
PARTS = 3
SCRAPES_OF_AN_HOUR = 12
# What the rules of drift read.
READ = ("model_feature_bin_total", "model_feature_reference_bin")


def records(pod: int, rng: random.Random) -> list[dict[str, Any]]:
    shift = 0.8 if pod in SHIFTED else 0.0
    return [
        {
            "timestamp": time.time(),
            "features": {
                "income": None if rng.random() < 0.02 else rng.gauss(shift, 1.0),
                "country": rng.choices(["DE", "FR", "AT", "IT"], [60, 30, 8, 2])[0],
            },
            "prediction": "approve",
        }
        for _ in range(SIZES[pod])
    ]


def bin_of(feature: str, value: Any) -> str:
    """Name a value's bin as the README's and the profile's words have it."""
    if value is None:
        return "missing"
    if feature == "country":
        return value if value in COUNTRY else "other"
    number = sum(value >= edge for edge in EDGES)
    spelt = ["-inf", *(f"{edge:g}" for edge in EDGES), "+inf"]
    return f"{number}: {'[' if number else '('}{spelt[number]}, {spelt[number + 1]})"


def counts(log: list[dict[str, Any]], feature: str) -> Counter[str]:
    return Counter(bin_of(feature, record["features"][feature]) for record in log)


def config(folder: Path, pod: int) -> Path:
    path = folder / f"{pod}.yaml"
    path.write_text(
        f"listen: 127.0.0.1:0\nmodel: {{name: credit, version: '3'}}\nreference: reference.json\nwindows: [1h]\n"
        f"sources: [{pod}.jsonl]\n"
    )
    return path


def scraped(folder: Path, pod: int, log: list[dict[str, Any]]) -> list[str]:
    """Return what a pod exports before its log is written, and after each part of it."""
    pages = []

    async def use(client: aiohttp.ClientSession) -> None:
        expected = 0
        for part in ([], *(log[start::PARTS] for start in range(PARTS))):
            with (folder / f"{pod}.jsonl").open("a") as file:
                file.writelines(json.dumps(record) + "\n" for record in part)
            expected += len(part)
            page = ""
            async with asyncio.timeout(DEADLINE_SECONDS):
                while sum(samples_of(page, "prediction_exporter_source_lines_total").values()) != expected or not page:
                    page = await (await client.get("/metrics")).text()
            pages.append(page)

    serve(Sidecar(loading.load(config(folder, pod))), use)
    return pages


def add(scenario: Scenario, pod: int, pages: list[str]) -> None:
    """Let promtool scrape a pod's pages one after another, and the last one for the rest of an hour."""
    values: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = {}
    for page in pages:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name in READ:
                    values.setdefault((sample.name, tuple(sample.labels.items())), []).append(sample.value)
    for (name, labels), of_pages in values.items():
        assert len(of_pages) == len(pages)
        rest = f"{of_pages[-1]:g}x{SCRAPES_OF_AN_HOUR - len(pages)}"
        scenario.add(name, {**dict(labels), "instance": str(pod)}, " ".join([*(f"{v:g}" for v in of_pages), rest]))


@pytest.mark.servers
def test_the_fleet_s_psi_is_that_of_all_its_records_and_the_mean_of_its_pods_is_not(tmp_path: Path) -> None:
    rng = random.Random(5)
    logs = [records(pod, rng) for pod in range(PODS)]
    together = [record for log in logs for record in log]
    known = {"income": numeric(EDGES, INCOME, missing=20), "country": categorical(COUNTRY, other=20)}
    profile = reference(known)
    (tmp_path / "reference.json").write_bytes(profile_file.dump(profile))
    of_reference = {**VERSION, "reference_id": profile.reference_id}
    pages = [scraped(tmp_path, pod, log) for pod, log in enumerate(logs)]
    scenario = Scenario(tmp_path, ("feature-drift", "feature-drift-instances"))
    for pod, of_pod in enumerate(pages):
        add(scenario, pod, of_pod)

    for feature, expected in {
        "income": drift(counts(together, "income"), dict(counts_of_reference()) | {"missing": 20}),
        "country": drift(counts(together, "country"), COUNTRY | {"other": 20}),
    }.items():
        assert expected.n == len(together)
        labels = {**of_reference, "feature_name": feature}
        level = "model_version_feature:model_feature"
        scenario.expect(1, f"{level}_bin:increase1h", labels, expected.n)
        scenario.expect(1, f"{level}_bin_used:increase1h", labels, expected.used)
        scenario.expect(1, f"{level}_drift_psi:increase1h", labels, expected.psi)
        scenario.expect(1, f"{level}_drift_chi2:increase1h", labels, expected.chi2)
        scenario.expect(1, f"{level}_drift_psi_critical:increase1h", labels, expected.critical, relative=0.003)
        if feature == "income":
            scenario.expect(1, f"{level}_drift_ks:increase1h", labels, expected.ks)
        else:
            scenario.expect_nothing(1, f"{level}_drift_ks:increase1h", labels)
        gauges = [samples_of(of_pod[-1], "model_feature_drift_psi")[feature, "1h"] for of_pod in pages]
        assert sum(gauges) / PODS > 1.3 * expected.psi

    # Each pod against all the others: exact, and above both limits at those that differ.
    level = "instance_model_version_feature:model_feature_drift_psi_other_instances"
    for feature in known:
        for pod, log in enumerate(logs):
            others = [record for other in logs if other is not log for record in other]
            expected = drift(counts(log, feature), counts(others, feature))
            labels = {**of_reference, "feature_name": feature, "instance": str(pod)}
            scenario.expect(1, f"{level}:increase1h", labels, expected.psi)
            scenario.expect(1, f"{level}_critical:increase1h", labels, expected.critical, relative=0.003)
            assert (expected.psi > max(0.25, expected.critical)) == (feature == "income" and pod in SHIFTED)
    scenario.run()


def counts_of_reference() -> dict[str, int]:
    values = [-9.0, *EDGES]
    return {bin_of("income", value): count for value, count in zip(values, INCOME, strict=True)}
