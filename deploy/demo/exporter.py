"""The exporter in the demo, run and queried as users do: by its commands and over HTTP."""

import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from deploy.demo import DemoError, model, process
from deploy.demo.model import Model
from deploy.demo.process import HOST, Process
from deploy.demo.scenario import Scenario

COMMAND = (sys.executable, "-m", "exporter")
CONFIG = """\
listen: {listen}
state_dir: state
model: {{name: {name}, version: "{version}"}}
reference: reference.json
windows: [{windows}]
buckets: {{latency_seconds: [0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25]}}
thresholds: {{latency_p99_seconds: 0.05}}
features:
  mean texture: {{bounds: [0, 100]}}
  texture error: {{bounds: [0, 100]}}
  worst texture: {{bounds: [0, 100]}}
sources: [predictions.jsonl]
ground_truth: {{sources: [labels.jsonl], wait: 1h}}
"""
# The label that distinguishes the series of each counter of records.
COUNTERS = {"model_predictions_total": "prediction_class", "model_prediction_errors_total": "error_type"}

Status = dict[str, Any]


class Exporter:
    """A running exporter at `url`."""

    def __init__(self, running: Process, http: aiohttp.ClientSession, url: str) -> None:
        self.url = url
        self._process = running
        self._http = http

    async def status(self, window: str) -> Status:
        """Return `/api/v1/status` for a window; raises DemoError."""
        status: Status = json.loads(await self._get(f"/api/v1/status?window={window}"))
        return status

    async def counts(self) -> Counter[str]:
        """Return how many records have been counted, by predicted class or error type; raises DemoError."""
        return Counter(
            {
                sample.labels[COUNTERS[sample.name]]: int(sample.value)
                for family in text_string_to_metric_families(await self._get("/metrics"))
                for sample in family.samples
                if sample.name in COUNTERS
            }
        )

    async def _get(self, path: str) -> str:
        self._process.check()
        try:
            async with self._http.get(self.url + path) as response:
                body = await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            self._process.check()
            raise DemoError(f"{self.url}{path}: {error or 'timeout'}") from None
        if not response.ok:
            raise DemoError(f"{self.url}{path}: status {response.status}: {body.strip()}")
        return body


async def configure(folder: Path, trained: Model, scenario: Scenario, port: int) -> str:
    """Write the reference profile and the configuration into a folder; return the configuration."""
    records = [{"features": trained.named(row)} | trained.predict(row) for row in trained.training]
    (folder / "training.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    command = [*COMMAND, "profile", "training.jsonl", "--output", "reference.json"]
    await process.run("prediction-exporter profile", command, folder / "profile.log", folder)
    windows = ", ".join(scenario.windows.values())
    config = CONFIG.format(listen=f"{HOST}:{port}", name=model.NAME, version=model.VERSION, windows=windows)
    (folder / "config.yaml").write_text(config)
    return config


@asynccontextmanager
async def running(folder: Path, http: aiohttp.ClientSession, port: int) -> AsyncIterator[Exporter]:
    """Run the exporter on the configuration in a folder while the `async with` block lasts; raises DemoError."""
    command = [*COMMAND, "run", "--config", str(folder / "config.yaml")]
    async with process.running("the exporter", command, folder / "exporter.log") as child:
        exporter = Exporter(child, http, f"http://{HOST}:{port}")
        await child.wait_until_ready(http, f"{exporter.url}/-/ready")
        yield exporter
