"""A history that sidecars have written: their own pages of each minute, by a clock that is set and not waited for."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TextIO
from unittest import mock

import aiohttp
import numpy as np
import yaml

from exporter.configuration import loading
from exporter.sidecar import Sidecar
from exporter.sources.file import source as file_source
from tests.process import command
from tests.screenshots.story import TRUTH_MINUTES, Model, Record
from tests.servers import require

SCRAPE_SECONDS = 60
REFERENCE_RECORDS = 5000
# Before the story, and before anything in it goes wrong.
LONG_BEFORE = -1e6
# A block of Prometheus's, which promtool reads a file for; of one file, it would read all of it for each.
BLOCK_SECONDS = 7200
JOB = "prediction-exporter"
# Where a pod would have its logs.
LOGS = "/var/log/model"
# All sidecars are one process here, whose memory and uptime say nothing.
LEFT_OUT = ("#", "process_", "python_")
# How often a page is looked at until it has all.
PATIENCE = 1000


class Clock:
    """What time it is for sidecars: what was set last."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Pod:
    """A model's sidecar, the log and the truth that it reads, and what it has to have read by now."""

    instance: str
    folder: Path
    records: int = 0
    client: aiohttp.ClientSession | None = None

    def write(self, log: Sequence[Record], truth: Sequence[Record]) -> None:
        for name, records in (("log", log), ("truth", truth)):
            if records:
                with (self.folder / f"{name}.jsonl").open("a") as written:
                    written.write("".join(json.dumps(record) + "\n" for record in records))
        self.records += len(log) + len(truth)

    async def page(self) -> str:
        """Return the sidecar's page, once it has read all."""
        assert self.client is not None
        for _ in range(PATIENCE):
            async with self.client.get("/metrics") as answer:
                page = await answer.text()
            if _read(page) == self.records:
                return page
            await asyncio.sleep(file_source.POLL_SECONDS)
        raise TimeoutError(f"{self.instance} has not read all of its log: {_read(page)} of {self.records}")


def _read(page: str) -> float:
    name = "prediction_exporter_source_records_total{"
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))


@dataclass
class Told:
    """A model of the story with its pods: minute by minute, its requests and the truth of those before."""

    model: Model
    folder: Path
    rng: np.random.Generator
    pods: Sequence[Pod] = ()
    requests: int = 0
    # By the minute in which it is known.
    truth: dict[int, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        folders = [self.folder / f"{self.model.name}-{number}" for number in range(self.model.pods)]
        for made in folders:
            made.mkdir(parents=True)
        self.pods = [Pod(f"{made.name}:9108", made) for made in folders]
        training = self.folder / f"{self.model.name}.jsonl"
        made = self.model.make(self.rng, REFERENCE_RECORDS, LONG_BEFORE)
        training.write_text("".join(json.dumps(record) + "\n" for record in made))
        done = command("profile", training, "--output", self.folder / f"{self.model.name}.json")
        assert not done.returncode, done.stderr

    def configuration(self, pod: Pod) -> Path:
        written = pod.folder / "config.yaml"
        truth = "actual" in next(self.model.make(self.rng, 1, LONG_BEFORE))
        settings: dict[str, Any] = {
            "listen": "127.0.0.1:0",
            "state_dir": str(pod.folder / "state"),
            "model": {"name": self.model.name, "version": self.model.version},
            "reference": str(self.folder / f"{self.model.name}.json"),
            "windows": ["5m", "1h", "24h"],
            "sources": [str(pod.folder / "log.jsonl")],
            **({"ground_truth": {"sources": [str(pod.folder / "truth.jsonl")]}} if truth else {}),
            **self.model.config,
        }
        written.write_text(yaml.safe_dump(settings))
        return written

    def tell(self, end: float, minute: int, story_minute: float) -> None:
        """Write a minute's requests, which began in the minute before, and the truth that is known by now."""
        count = int(self.rng.poisson(self.model.requests * (1 + 0.2 * np.sin(minute / 200))))
        log = []
        for record in self.model.make(self.rng, count, story_minute):
            request = {"request_id": f"{self.model.name}-{self.requests}"}
            self.requests += 1
            if "actual" in record and self.rng.random() < 0.8:
                self.truth[minute + TRUTH_MINUTES].append(request | {"actual": record.pop("actual")})
            else:
                record.pop("actual", None)
            log.append(record | request | {"timestamp": end + 60 * (minute - self.rng.random())})
        truth = self.truth.pop(minute, [])
        for number, pod in enumerate(self.pods):
            pod.write(_of_pod(log, number, len(self.pods)), _of_pod(truth, number, len(self.pods)))


def _of_pod(records: list[Record], number: int, pods: int) -> list[Record]:
    return [record for record in records if int(record["request_id"].rpartition("-")[2]) % pods == number]


def tell(models: Sequence[Model], folder: Path, end: int, parts: Sequence[range]) -> None:
    """Write what Prometheus would have kept of the story into `folder`/tsdb.

    `parts` are minutes, counted from `end`; the story happens in the last of them.
    """
    told = [Told(model, folder / "models", np.random.default_rng(number)) for number, model in enumerate(models)]
    # Time is not waited for, nor is a log looked at five times a second only.
    with mock.patch.object(file_source, "POLL_SECONDS", 0.01), Blocks(folder, "pages") as blocks:
        asyncio.run(_tell(told, end, parts, blocks))


async def _tell(told: Sequence[Told], end: int, parts: Sequence[range], blocks: Blocks) -> None:
    clock = Clock()
    clock.now = end + 60.0 * (parts[0][0] - 1)
    pods = [pod for model in told for pod in model.pods]
    running = []
    for model in told:
        for pod in model.pods:
            sidecar = Sidecar(loading.load(model.configuration(pod)), clock=clock)
            port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            running.append(asyncio.create_task(sidecar.run(port.set_result)))
            pod.client = aiohttp.ClientSession(f"http://127.0.0.1:{await port}")
    try:
        for minute in (minute for part in parts for minute in part):
            for model in told:
                model.tell(end, minute, minute if minute in parts[-1] else LONG_BEFORE)
            clock.now = end + 60.0 * minute
            for pod in pods:
                lines = (await pod.page()).replace(str(pod.folder), LOGS).splitlines()
                _add(blocks, lines, f'instance="{pod.instance}",job="{JOB}"', int(clock.now))
    finally:
        for pod in pods:
            if pod.client:
                await pod.client.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _add(blocks: Blocks, lines: Iterable[str], target: str, time: int) -> None:
    """Add a page as a scrape does, with the target's labels."""
    blocks.add(f"up{{{target}}}", "1", time)
    for line in lines:
        if line.startswith(LEFT_OUT):
            continue
        series, _, value = line.rpartition(" ")
        blocks.add(f"{series[:-1]},{target}}}" if series.endswith("}") else f"{series}{{{target}}}", value, time)


class Blocks:
    """Samples as OpenMetrics, a file for each block, which Prometheus is given at the end."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._files: dict[int, TextIO] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for written in self._files.values():
            with written:
                written.write("# EOF\n")
            if error is None:
                _into_blocks(Path(written.name), self._folder / "tsdb")

    def add(self, series: str, value: str, time: int) -> None:
        number = time // BLOCK_SECONDS
        if number not in self._files:
            self._files[number] = (self._folder / f"{self._name}-{number}.txt").open("w")
        self._files[number].write(f"{series} {value} {time}\n")


def _into_blocks(written: Path, tsdb: Path) -> None:
    done = subprocess.run(
        [require("promtool"), "tsdb", "create-blocks-from", "openmetrics", written, tsdb],
        check=False,
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
