"""The pages that scrapers get: each commit rendered once in each format that is asked for, off the event loop."""

from __future__ import annotations

import asyncio

from exporter.exposition.collector import Collector
from exporter.exposition.exposition import Exposition, Format, Writer, complete
from exporter.state.snapshot import Snapshot
from exporter.telemetry import Telemetry


class Pages:
    """Renders snapshots; scrapers that share a commit share its pages."""

    def __init__(self, collector: Collector, telemetry: Telemetry) -> None:
        self.collector = collector
        self._telemetry = telemetry
        self._writer = Writer()
        self._snapshot: Snapshot | None = None
        self._pages: dict[Format, asyncio.Task[Exposition]] = {}

    async def page(self, snapshot: Snapshot, wanted: Format) -> Exposition:
        """Return the page of a snapshot."""
        if snapshot is not self._snapshot:
            self._snapshot, self._pages = snapshot, {}
        if wanted not in self._pages:
            self._pages[wanted] = asyncio.create_task(asyncio.to_thread(self._render, snapshot, wanted))
        # Shielded, so that a scraper that hangs up does not cancel the page of the others.
        return await asyncio.shield(self._pages[wanted])

    def _render(self, snapshot: Snapshot, wanted: Format) -> Exposition:
        with self._telemetry.render_seconds.time():
            pieces = self._writer.write(self.collector.collect(snapshot), wanted)
        return complete(pieces, self._telemetry.registry, wanted)
