"""Whether the rules count every record of pods that respond slowly: `python -m tests.benchmarks.fleet_counts`.

A real Prometheus scrapes 80 simulated pods, which take 0.01 to 3 s to respond, every 10, 15 or 30 s, and records the
hour by the shipped rule. `--speedup` divides all durations. `--prometheus` is another program, such as a newer release.
"""

import asyncio
import json
import tempfile
import time
from pathlib import Path

import click
from aiohttp import web

from alerts.rule_files import load
from alerts.speedup import divide
from exporter.exposition.births import Births, ScraperView
from exporter.exposition.exposition import Accept, Writer
from exporter.families import CounterFamily
from tests.servers import Prometheus, free_port, require

PODS = 80
INTERVALS = (10.0, 15.0, 30.0)
RATE = 20.0
COUNTED = "model_version_feature_bin:model_feature_bin:increase1h"


class Pod:
    """A pod that counts RATE records per second (of which `speedup` are one) and responds after some seconds."""

    def __init__(self, number: int, speedup: float) -> None:
        self.name = f"pod {number}"
        self.interval = INTERVALS[number % len(INTERVALS)] / speedup
        self.seconds = (0.01 + 2.99 * number / (PODS - 1)) / speedup
        self.rate = RATE * speedup
        self._births = Births()
        self._writer = Writer()
        self._began = time.monotonic()

    async def respond(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.seconds)
        family = CounterFamily("model_feature_bin_total", "Help.", ("model_name", "reference_id", "bin"))
        family.add((self.name, "r", "a"), int((time.monotonic() - self._began) * self.rate))
        exposed = self._births.begin(time.time())
        scraper = str(request.query_string or request.remote)
        view = ScraperView(self._births, exposed, self._births.seen_by(scraper), has_created=False)
        body = b"".join(self._writer.write([view.of(family)], Accept()))
        self._births.sent(scraper, exposed.number)
        return web.Response(body=body, content_type="text/plain")


def _config(folder: Path, pods: list[Pod], port: int, speedup: int) -> Path:
    (rule,) = (
        rule for file in load() for group in file.groups for rule in group["rules"] if rule.get("record") == COUNTED
    )
    rule = {**rule, "expr": divide(rule["expr"], speedup)}
    group = {"name": "fleet", "interval": f"{60_000 // speedup}ms", "rules": [rule]}
    (folder / "rules.json").write_text(json.dumps({"groups": [group]}))
    jobs = [
        {
            "job_name": pod.name,
            "metrics_path": f"/{number}",
            "scrape_interval": f"{pod.interval * 1000:.0f}ms",
            "scrape_timeout": f"{pod.interval * 1000:.0f}ms",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }
        for number, pod in enumerate(pods)
    ]
    (folder / "prometheus.json").write_text(
        json.dumps({"rule_files": [str(folder / "rules.json")], "scrape_configs": jobs})
    )
    return folder / "prometheus.json"


async def measure(folder: Path, program: str, speedup: int) -> dict[str, float]:
    """Return the recorded hour of each pod, divided by the records that it counts in an hour."""
    pods = [Pod(number, speedup) for number in range(PODS)]
    app = web.Application()
    app.add_routes([web.get(f"/{number}", pod.respond) for number, pod in enumerate(pods)])
    runner = web.AppRunner(app)
    await runner.setup()
    port, own = free_port(), free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    options = [f"--config.file={_config(folder, pods, port, speedup)}", f"--storage.tsdb.path={folder}/tsdb"]
    options.append(f"--web.listen-address=127.0.0.1:{own}")
    process = await asyncio.create_subprocess_exec(program, *options, stderr=asyncio.subprocess.DEVNULL)
    try:
        # Until the hour is full.
        await asyncio.sleep(3900 / speedup)
        found = await asyncio.to_thread(Prometheus(f"http://127.0.0.1:{own}").labelled, COUNTED)
    finally:
        process.terminate()
        await process.wait()
        await runner.cleanup()
    return {labels["model_name"]: value / (RATE * 3600) for labels, value in found}


@click.command()
@click.option("--speedup", default=1, show_default=True)
@click.option("--prometheus", default="prometheus", show_default=True)
def main(speedup: int, prometheus: str) -> None:
    """Print the share of its records that is counted of each pod: the smallest and the largest."""
    with tempfile.TemporaryDirectory(prefix="prediction-exporter-fleet-") as name:
        shares = asyncio.run(measure(Path(name), require(prometheus), speedup))
    print(f"{len(shares)} of {PODS} pods: {min(shares.values()):.4f} to {max(shares.values()):.4f} of the records")


if __name__ == "__main__":
    main()
