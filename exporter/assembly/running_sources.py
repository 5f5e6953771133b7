"""The sources that run: started, watched, replaced by others, drained and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.configuration import source_options
from exporter.sources import Source, SourceError
from exporter.sources.http import HttpSource


@dataclass(frozen=True)
class _Running:
    source: Source
    task: asyncio.Task[None]


class RunningSources:
    """By their settings. `make` makes a source; `release` is told the name of one that is stopped."""

    def __init__(self, make: Callable[[source_options.Source], Source], release: Callable[[str], None]) -> None:
        self._make = make
        self._release = release
        self._running: dict[source_options.Source, _Running] = {}
        self._failed = asyncio.Event()

    @property
    def posts(self) -> Mapping[str, HttpSource]:
        """The sources that take what is POSTed, by path."""
        sources = (running.source for running in self._running.values())
        return {source.path: source for source in sources if isinstance(source, HttpSource)}

    async def start(self, wanted: Sequence[source_options.Source]) -> None:
        """Start those that do not run yet, all or none; raises SourceError."""
        started: list[source_options.Source] = []
        try:
            for options in wanted:
                if options not in self._running:
                    await self._start(options)
                    started.append(options)
        except SourceError:
            for options in started:
                self._stop(options)
            raise

    def stop_others(self, wanted: Sequence[source_options.Source]) -> list[source_options.Source]:
        """Stop the sources that are not wanted, and return them."""
        others = [options for options in self._running if options not in wanted]
        for options in others:
            self._stop(options)
        return others

    async def failure(self) -> None:
        """Wait until a source fails; raises what it failed with."""
        await self._failed.wait()
        for running in self._running.values():
            if running.task.done():
                running.task.result()

    async def drain(self, deadline: float) -> None:
        """Take what was written or sent before now."""
        for running in self._running.values():
            running.task.cancel()
        await asyncio.gather(*(running.source.drain(deadline) for running in self._running.values()))

    def close(self) -> None:
        """Let go of files and connections."""
        for running in self._running.values():
            running.task.cancel()
            running.source.close()
        self._running.clear()

    async def _start(self, options: source_options.Source) -> None:
        source = self._make(options)
        await source.start()
        task = asyncio.create_task(source.run())
        task.add_done_callback(self._ended)
        self._running[options] = _Running(source, task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._failed.set()

    def _stop(self, options: source_options.Source) -> None:
        running = self._running.pop(options)
        running.task.cancel()
        running.source.close()
        self._release(str(options.url))
