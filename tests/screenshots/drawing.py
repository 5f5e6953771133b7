"""Documents drawn by the renderer of dashboards/screenshots in a headless Chromium."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.status.chromium import Tab

WIDTH, SCREEN = 1600, 1000
QUALITY = 70
# All panels have been drawn, and nothing has moved for a while.
DRAWN = """
new Promise((resolve, reject) => {
  let before, same = 0, rounds = 0;
  const look = setInterval(() => {
    const page = document.getElementById("dashboard");
    const now = page?.innerHTML.length;
    same = now && now === before ? same + 1 : 0;
    before = now;
    if (same >= 10) { clearInterval(look); resolve(page.offsetHeight); }
    if (++rounds > 300) { clearInterval(look); reject(new Error("nothing is drawn")); }
  }, 100);
})
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; yield the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


async def draw(tab: Tab, address: str, *, form: str = "webp") -> bytes:
    """Return the picture of a page of the renderer; raises RuntimeError of what the page complains about."""
    before = len(tab.events)
    await tab.send("Emulation.setScrollbarsHidden", hidden=True)
    await _resize(tab, SCREEN)
    await tab.open(address)
    height = await tab.run(DRAWN)
    # A table draws no rows that are not on the screen.
    await _resize(tab, height)
    await tab.run(DRAWN)
    thrown = [event["params"] for event in tab.events[before:] if event["method"] == "Runtime.exceptionThrown"]
    if thrown:
        raise RuntimeError(f"{address}: {thrown}")
    whole = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1}
    options = {"quality": QUALITY} if form == "webp" else {}
    taken = await tab.send("Page.captureScreenshot", format=form, clip=whole, **options)
    return base64.b64decode(taken["data"])


async def _resize(tab: Tab, height: int) -> None:
    size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
    await tab.send("Emulation.setDeviceMetricsOverride", **size)
