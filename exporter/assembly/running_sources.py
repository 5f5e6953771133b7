"""The running sources: started, watched, replaced, drained and closed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.configuration.source_config import SourceConfig
from exporter.sources.http import HttpSource
from exporter.sources.source import EndingSource, Source, SourceError


@dataclass(frozen=True)
class _Running:
    source: Source
    task: asyncio.Task[None]


class RunningSources:
    """Running sources by their configuration. `make` makes a source; `release` gets the name of one that stops."""

    def __init__(self, make: Callable[[SourceConfig], Source], release: Callable[[str], None]) -> None:
        self._make = make
        self._release = release
        self._running: dict[SourceConfig, _Running] = {}
        self._failed = asyncio.Event()

    @property
    def posts(self) -> Mapping[str, HttpSource]:
        """The sources that take POST requests, by path."""
        sources = (running.source for running in self._running.values())
        return {source.options.url.path: source for source in sources if isinstance(source, HttpSource)}

    async def start(self, wanted: Sequence[SourceConfig]) -> None:
        """Start the sources that are not running yet, all or none; raises SourceError."""
        started: list[SourceConfig] = []
        try:
            for config in wanted:
                if config not in self._running:
                    await self._start(config)
                    started.append(config)
        except SourceError:
            for config in started:
                self._stop(config)
            raise

    async def read_all(self, wanted: Sequence[SourceConfig]) -> None:
        """Start the sources, and deliver what is there now. Raises SourceError, also of a source that has no end."""
        sources = {config: self._make(config) for config in wanted}
        for config, source in sources.items():
            if not isinstance(source, EndingSource):
                raise SourceError(f"{config.name} has no end; with --once, expected files and databases only")
        for config, source in sources.items():
            await source.start()
            if isinstance(source, EndingSource):
                self._running[config] = _Running(source, asyncio.create_task(source.read_all()))
        await asyncio.gather(*(running.task for running in self._running.values()))

    def stop_others(self, wanted: Sequence[SourceConfig]) -> list[SourceConfig]:
        """Stop the sources that are not wanted, and return them."""
        others = [config for config in self._running if config not in wanted]
        for config in others:
            self._stop(config)
        return others

    async def failure(self) -> None:
        """Wait until a source fails; raises its exception."""
        await self._failed.wait()
        for running in self._running.values():
            if running.task.done():
                running.task.result()

    async def drain(self, deadline: float) -> None:
        """Deliver what was written or sent before now, and nothing later."""
        for running in self._running.values():
            running.task.cancel()
        await asyncio.gather(*(running.source.drain(deadline) for running in self._running.values()))
        for config in self._running:
            self._release(config.name)

    def close(self) -> None:
        """Close files and connections."""
        for running in self._running.values():
            running.task.cancel()
            running.source.close()
        self._running.clear()

    async def _start(self, config: SourceConfig) -> None:
        source = self._make(config)
        await source.start()
        task = asyncio.create_task(source.run())
        task.add_done_callback(self._ended)
        self._running[config] = _Running(source, task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._failed.set()

    def _stop(self, config: SourceConfig) -> None:
        running = self._running.pop(config)
        running.task.cancel()
        running.source.close()
        self._release(config.name)
