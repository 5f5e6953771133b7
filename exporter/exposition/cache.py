"""Expositions for scrapers: each commit is rendered once per format, off the event loop."""

from __future__ import annotations

import asyncio

from exporter.exposition.collector import Collector
from exporter.exposition.exposition import Accept, Exposition, Writer, complete
from exporter.state.snapshot import Snapshot
from exporter.telemetry import Telemetry


class ExpositionCache:
    """Renders snapshots; scrapers that share a commit share its exposition."""

    def __init__(self, collector: Collector, telemetry: Telemetry) -> None:
        self.collector = collector
        self._telemetry = telemetry
        self._writer = Writer()
        self._snapshot: Snapshot | None = None
        self._rendered: dict[Accept, asyncio.Task[Exposition]] = {}

    async def exposition(self, snapshot: Snapshot, accept: Accept) -> Exposition:
        """Return the exposition of a snapshot."""
        if snapshot is not self._snapshot:
            self._snapshot, self._rendered = snapshot, {}
        if accept not in self._rendered:
            self._rendered[accept] = asyncio.create_task(asyncio.to_thread(self._render, snapshot, accept))
        # Shielded, so that a scraper that disconnects does not cancel the rendering for the others.
        return await asyncio.shield(self._rendered[accept])

    def _render(self, snapshot: Snapshot, accept: Accept) -> Exposition:
        with self._telemetry.render_seconds.time():
            pieces = self._writer.write(self.collector.collect(snapshot), accept)
        return complete(pieces, self._telemetry.registry, accept)
