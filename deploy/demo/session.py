"""One demo from start to end: start everything, send requests, show what the exporter reports, compare the counts."""

import asyncio
import itertools
import math
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import aiohttp
from aiohttp import web
from rich.console import Console

from deploy.demo import DemoError, display, exporter, monitoring, on_signal
from deploy.demo.client import Client
from deploy.demo.exporter import Exporter
from deploy.demo.firing import FiringAlerts
from deploy.demo.json_log import JsonLog
from deploy.demo.model import Model, train
from deploy.demo.model_server import ModelServer
from deploy.demo.process import HOST, free_port, listen_error
from deploy.demo.scenario import Scenario, ScenarioClock
from deploy.demo.slack import Slack

EXPORTER_PORT, SLACK_PORT = 9465, 9466
HTTP_SECONDS = 30.0
# On a busy machine, requests that are later than this are skipped rather than sent as fast as possible.
MAX_BEHIND_SECONDS = 1.0
MAX_INTERRUPTION_SECONDS = 0.25
DRAIN_SECONDS, DRAIN_POLL_SECONDS = 60.0, 0.1


@dataclass(frozen=True)
class Session:
    """A running demo. `links` are the URLs of the pages to open, by name; without Prometheus, there are no `alerts`."""

    scenario: Scenario
    rate: int
    exporter: Exporter
    server: ModelServer
    client: Client
    links: Mapping[str, str]
    alerts: FiringAlerts | None

    @classmethod
    async def start(
        cls, stack: AsyncExitStack, folder: Path, model: Model, scenario: Scenario, rate: int, port: int
    ) -> Self:
        """Start everything until the stack is closed. Raises DemoError."""
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(HTTP_SECONDS)))
        running = await stack.enter_async_context(exporter.running(folder, http, port))
        links = {
            "Status page": f"{running.url}/",
            "JSON": f"{running.url}/api/v1/status",
            "Metrics": f"{running.url}/metrics",
        }
        alerts = None
        if not monitoring.missing():
            slack = await _serve(stack, Slack(running.url, scenario.speedup).app(), free_port(SLACK_PORT))
            links["Slack"] = f"{slack}/"
            pages, alerts = await monitoring.start(stack, http, folder, running.url, slack, scenario.speedup)
            links |= pages
        predictions = stack.enter_context(closing(JsonLog(folder / "predictions.jsonl")))
        labels = stack.enter_context(closing(JsonLog(folder / "labels.jsonl")))
        server = ModelServer(model, predictions)
        client = Client(model, http, await _serve(stack, server.app(), 0), labels)
        return cls(scenario, rate, running, server, client, links, alerts)

    async def send(self, limit: float, show: display.Show, stop: asyncio.Event) -> None:
        """Send requests at the rate, or as fast as the model allows, and call `show` every second.

        Ends after `limit` seconds of the scenario or when `stop` is set. During a longer interruption the clock stands
        still, so that even on a busy machine every incident affects some requests.
        """
        start = last = time.monotonic()
        due = shown = before = 0.0
        clock = ScenarioClock(self.scenario)
        for number in itertools.count():
            await asyncio.sleep(max(0.0, start + due - time.monotonic()))
            now = time.monotonic()
            start += max(0.0, now - last - MAX_INTERRUPTION_SECONDS)
            last, seconds = now, now - start
            if self.alerts:
                clock.advance(seconds - before, self.alerts.last)
            else:
                clock.seconds = seconds
            before = seconds
            if stop.is_set() or clock.seconds >= limit:
                return
            if seconds >= shown + 1:
                shown += 1
                if self.alerts:
                    await self.alerts.update(clock.seconds)
                await show(math.floor(clock.seconds))
            self.server.incidents = self.scenario.incidents(clock.seconds)
            await self.client.send(number, seconds, self.server.incidents)
            due = max(due, seconds - MAX_BEHIND_SECONDS) + 1 / self.rate

    async def counts(self) -> tuple[Counter[str], Counter[str]]:
        """Return the counts of logged and of counted records, once they are equal or after DRAIN_SECONDS."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while True:
            counted = await self.exporter.counts()
            if counted == self.server.counts or time.monotonic() > deadline:
                return self.server.counts, counted
            await asyncio.sleep(DRAIN_POLL_SECONDS)


async def run(scenario: Scenario, seconds: float | None, rate: int, port: int | None) -> None:
    """Run a demo for `seconds`, or until a signal; raises DemoError.

    After everything has started, a signal ends the demo with a summary. Before that, the caller handles signals.
    """
    console = Console(highlight=False, soft_wrap=True)
    if port and (error := listen_error(port)):
        raise DemoError(f"--port {port}: {error}")
    model = train()
    console.print(display.description(model))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="prediction-exporter-demo-")))
        port = port or free_port(EXPORTER_PORT)
        config = await exporter.configure(folder, model, scenario, port)
        session = await Session.start(stack, folder, model, scenario, rate, port)
        console.print(display.introduction(session.links, scenario, monitoring.missing(), seconds))
        stop = asyncio.Event()
        on_signal(stop.set)
        with display.live(console, scenario, session.exporter, session.alerts) as show:
            await session.send(math.inf if seconds is None else seconds, show, stop)
        logged, counted = await session.counts()
    if session.alerts:
        console.print("", display.alerts_fired(scenario, session.alerts.last), sep="\n")
    console.print("", display.summary(logged, counted), "", sep="\n")
    if logged != counted:
        raise DemoError("the exporter's counts differ from the model's log")
    console.print(display.NEXT_STEPS.format(config=config), markup=False)


async def _serve(stack: AsyncExitStack, app: web.Application, port: int) -> str:
    """Serve an application until the stack is closed; return its URL."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    return f"http://{HOST}:{runner.addresses[0][1]}"
