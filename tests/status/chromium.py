"""A headless Chromium, driven over its own protocol."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp

from tests.process import DEADLINE_SECONDS
from tests.servers import require

# As root in a sandbox of its own, and without a word to the network.
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    "--remote-debugging-port=0",
)

AXE = files("axe_core_python") / "axe.min.js"


class Tab:
    """One tab. `events` are all that it has told of its network, its console and its log."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[dict[str, Any]] = []

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command, and return its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._receive()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    async def open(self, address: str) -> None:
        """Go to a page, and wait until it is there."""
        before = len(self.events)
        await self.send("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events[before:]):
            await self._receive()

    async def run(self, program: str) -> Any:
        """Return what an expression comes to in the page, once it has come to it."""
        result = await self.send("Runtime.evaluate", expression=program, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def look(self, width: int, *, scheme: str = "light") -> None:
        """Make the window that wide, in light or dark."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        await self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def violations(self) -> list[str]:
        """Return the accessibility rules that the page violates, according to axe-core, each with elements."""
        await self.send("Runtime.evaluate", expression=AXE.read_text())
        found = await self.run("axe.run().then(found => found.violations)")
        return [f"{each['id']}: {', '.join(node['html'] for node in each['nodes'])}" for each in found]

    def requested(self) -> set[str]:
        """Return the addresses that were asked for."""
        return {
            event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"
        }

    def complaints(self) -> list[Any]:
        """Return what the console and the log said, and what the policy forbade."""
        told = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Audits.issueAdded")
        return [event["params"] for event in self.events if event["method"] in told]

    async def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = await asyncio.wait_for(self._socket.receive_json(), DEADLINE_SECONDS)
        if "method" in message:
            self.events.append(message)
        return message


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Tab]:
    """Run a browser with a new profile in the folder, and yield its tab."""
    command = [require("chromium"), *OPTIONS, f"--user-data-dir={folder / 'browser'}", "about:blank"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ports = folder / "browser" / "DevToolsActivePort"
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not (ports.exists() and "\n" in ports.read_text()):
                assert process.returncode is None
                await asyncio.sleep(0.05)
        port = ports.read_text().splitlines()[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                tabs = json.loads(await answer.text())
            address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                tab = Tab(socket)
                for domain in ("Page", "Network", "Runtime", "Log", "Audits"):
                    await tab.send(f"{domain}.enable")
                yield tab
    finally:
        process.kill()
        await process.wait()
