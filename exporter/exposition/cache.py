"""Expositions for scrapers: each commit is rendered once per format, off the event loop."""

import asyncio

from exporter.exposition.births import RESTORED, Births, RegistryView, ScraperView
from exporter.exposition.collector import Collector
from exporter.exposition.exposition import Accept, Exposition, Writer, complete
from exporter.state.snapshot import Snapshot
from exporter.telemetry import Telemetry


class ExpositionCache:
    """Renders snapshots; scrapers that share a commit share its exposition, unless a series is new to only some."""

    def __init__(self, collector: Collector, telemetry: Telemetry, births: Births) -> None:
        self.collector = collector
        self._telemetry = telemetry
        self._births = births
        self._writer = Writer()
        self._snapshot: Snapshot | None = None
        self._exposed = RESTORED
        self._rendered: dict[tuple[Accept, int], asyncio.Task[Exposition]] = {}

    async def exposition(self, snapshot: Snapshot, accept: Accept, scraper: str | None = None) -> Exposition:
        """Return the exposition of a snapshot for the scraper with an address; for None, no value is held back."""
        if snapshot is not self._snapshot:
            self._snapshot, self._rendered = snapshot, {}
            self._exposed = self._births.begin(snapshot.time)
        seen = self._exposed.number if scraper is None else self._births.seen_by(scraper)
        if (accept, seen) not in self._rendered:
            view = ScraperView(self._births, self._exposed, seen, accept.is_openmetrics)
            rendering = asyncio.create_task(asyncio.to_thread(self._render, snapshot, accept, view))
            self._rendered[accept, seen] = rendering
        # Shielded, so that a scraper that disconnects does not cancel the rendering for the others.
        return await asyncio.shield(self._rendered[accept, seen])

    def _render(self, snapshot: Snapshot, accept: Accept, view: ScraperView) -> Exposition:
        with self._telemetry.render_seconds.time():
            pieces = self._writer.write(map(view.of, self.collector.collect(snapshot)), accept)
        return complete(pieces, RegistryView(self._telemetry.registry, view), accept, view.exposed.number)
