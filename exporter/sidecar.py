"""The running exporter: creates all parts, and starts, reloads and stops them in order."""

import asyncio
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from exporter import memory
from exporter.assembly import planning
from exporter.assembly.running_sources import RunningSources
from exporter.configuration.loading import ConfigError, LoadedConfig
from exporter.configuration.source_config import SourceConfig
from exporter.engine.engine import Engine
from exporter.engine.plan import Plan
from exporter.exposition.births import Births
from exporter.exposition.cache import ExpositionCache
from exporter.exposition.collector import Collector
from exporter.exposition.exposition import Accept, Exposition
from exporter.joins.join import NAME as JOINS
from exporter.joins.stores import open_store
from exporter.logs import RejectedLineLog, SchemaLog
from exporter.serving import server
from exporter.sources.source import FULL_SECONDS, Source, SourceContext, SourceError
from exporter.state.commit import Committer
from exporter.state.durable_state import DurableState
from exporter.state.snapshot import Snapshot
from exporter.status.handlers import StatusHandlers
from exporter.store_error import StoreError
from exporter.tallies.tally import AnyTallies
from exporter.tallies.unseen import unseen, without
from exporter.telemetry import Telemetry
from exporter.web.middleware import AuthMiddleware

# After the last commit. A second more than most scrape intervals, so that scrapes commit, and nothing else does.
COMMIT_SECONDS = 16.0
DRAIN_SECONDS = 20.0
# Keys whose changes need a restart.
FIXED = ("listen", "state_dir", "reload_endpoint", "web_config")

log = structlog.get_logger()


class Sidecar:
    """One running exporter.

    `load` reads the configuration again for a reload. If it `is_delivered`, the exposition is not served, because what
    is scraped and delivered would count twice. Raises StoreError if the state folder cannot be used, and WebConfigError
    if the web configuration is invalid.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        clock: Callable[[], float] = time.time,
        load: Callable[[], LoadedConfig] | None = None,
        *,
        is_delivered: bool = False,
    ) -> None:
        self._loaded = loaded
        self._is_delivered = is_delivered
        # The last one of a run, for delivery.
        self.final: Exposition | None = None
        config = loaded.config
        self._clock = clock
        self._load = load
        self._telemetry = Telemetry()
        plan, collector = planning.plan(*loaded)
        self._state_dir = str(config.state_dir) if config.state_dir else None
        self._state = DurableState(self._state_dir, self._telemetry)
        store = self._state.open(JOINS, open_store) if config.ground_truth else None
        outlets = {name: self._state.open(name, options.open) for name, options in config.outlets.items()}
        restored = self._state.restored and self._state.restored.kept(plan.identities)
        self._engine = Engine(plan, restored, RejectedLineLog(time.monotonic), store, outlets)
        self._births = Births()
        # The newest totals that a scraper has been shown. None if it may have been shown all that are committed.
        self._seen: AnyTallies | None = AnyTallies()
        if restored:
            self._seen = without(restored.totals, restored.unseen)
            self._births.restore(collector.totals(msgspec.structs.replace(restored, totals=self._seen)))
        self._expositions = ExpositionCache(collector, self._telemetry, self._births)
        self._schema_log = SchemaLog(collector, restored)
        self._committer = Committer(
            self._engine, self._state, self._telemetry, clock, self._judged, on_commit=self._schema_log
        )
        self._sources = RunningSources(self._make, self._engine.release)
        on_reload = self._telemetry.web_config_successful.set
        self._auth = (
            AuthMiddleware(Path(config.web_config), on_reload, self._has_own_token) if config.web_config else None
        )
        self._reloading = asyncio.Lock()
        self._succeeded()
        self._ready = False
        self._stopping = False

    async def run(self, started: Callable[[int], None] = lambda _: None) -> None:
        """Serve until SIGTERM or SIGINT; `started` is called with the port.

        Raises OSError if the address cannot be listened on, and SourceError if a source cannot start.
        """
        _tune()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        reloads: set[asyncio.Task[list[str]]] = set()

        def reload_soon() -> None:
            task = asyncio.create_task(self.reload())
            # The event loop does not keep a task alive.
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, reload_soon)
        listen = self._loaded.config.listen
        reload = self.reload if self._loaded.config.reload_endpoint else None
        closed = self._telemetry.http_refused_connections
        status = StatusHandlers(self._committer, lambda: self._expositions.collector, self._telemetry, self._state_dir)
        site = server.Site(
            scrape=None if self._is_delivered else self.scrape,
            sent=self._births.sent,
            pages={"/": status.page, "/api/v1/status": status.document},
            is_ready=lambda: self._ready,
            receivers=lambda: self._sources.posts,
            reload=reload,
            auth=self._auth,
            on_closed=lambda reason: closed.labels(reason).inc(),
        )
        tls = self._auth.context if self._auth else None
        serving = await site.start(listen.host, listen.port, tls)
        self._telemetry.http_open_connections.set_function(lambda: serving.connections)
        try:
            await self._sources.start(self._loaded.config.all_sources)
            self._ready = True
            address = f"{'https' if tls else 'http'}://{listen.host}:{serving.port}"
            log.info("listening", address=address, state=self._state_dir or "memory")
            for note in self._auth.notes if self._auth else ():
                log.warning("web configuration", note=note)
            if not self._loaded.has_references:
                log.warning("no reference profile; drift is disabled")
            started(serving.port)
            await self._serve(stop)
            self._stopping = True
            log.info("stopping")
            await self._drain()
            if self._is_delivered:
                self.final = await self.scrape()
        finally:
            await serving.close()
            self.close()

    async def run_once(self) -> None:
        """Read what is there now, and commit it; raises SourceError and StoreError."""
        _tune()
        committing = asyncio.create_task(self._commit_regularly())
        try:
            await self._sources.read_all(self._loaded.config.all_sources)
            self._stopping = True
            self.final = await self.scrape()
        finally:
            committing.cancel()
            self.close()

    async def scrape(self, accept: Accept = Accept(), scraper: str | None = None) -> Exposition:  # noqa: B008  # it is frozen
        """Commit, and return the exposition of what was committed; raises StoreError.

        `scraper` is the address of a Prometheus, which is shown new counters at 0 first.
        """
        # Before the commit, during which a reload may replace the cache.
        expositions = self._expositions
        if self._stopping:
            # This scrape may be the last one, so no value is held back. After a restart, none may be held back either.
            self._seen = None
            return await expositions.exposition(await self._committer.commit_all(), accept)
        snapshot = await self._committer.commit()
        exposition = await expositions.exposition(snapshot, accept, scraper)
        if scraper is not None and self._seen is not None:
            self._seen = snapshot.totals
        return exposition

    async def reload(self) -> list[str]:
        """Reload the configuration. Return its mistakes; if there are any, nothing has changed."""
        async with self._reloading:
            problems = ["internal error"]
            try:
                problems = await self._reload()
            finally:
                for problem in problems:
                    log.error("configuration not loaded", problem=problem)
                if problems:
                    self._telemetry.config_successful.set(0)
                else:
                    self._succeeded()
                    log.info("configuration loaded")
            return problems

    async def _reload(self) -> list[str]:
        if self._load is None:
            return ["there is no configuration file to reload"]
        try:
            loaded = await asyncio.to_thread(self._load)
        except ConfigError as error:
            return error.problems
        before, config = self._loaded.config, loaded.config
        fixed = [key for key in FIXED if getattr(config, key) != getattr(before, key)]
        fixed += sorted({name for name, _ in config.outlets.items() ^ before.outlets.items()})
        if bool(config.ground_truth) != bool(before.ground_truth):
            fixed.append("ground_truth")
        if fixed:
            return [f"{key}: changing this key needs a restart" for key in fixed]
        plan, collector = planning.plan(*loaded)
        await self._committer.settle()
        # Nothing else runs until the next await, so sources, engine and expositions change together.
        stopped = self._sources.stop_others(config.all_sources)
        self._adopt(plan, collector)
        try:
            await self._sources.start(config.all_sources)
        except SourceError as error:
            await self._committer.settle()
            self._adopt(*planning.plan(*self._loaded))
            await self._sources.start(stopped)
            return [f"sources: {error}"]
        self._loaded = loaded
        return []

    def _adopt(self, plan: Plan, collector: Collector) -> None:
        self._engine.adopt(plan)
        if self._committer.last and self._births.has_begun:
            # What the new configuration exports for the first time may have been counted long before.
            self._births.restore(collector.totals(self._committer.last.kept(plan.identities)))
        self._expositions = ExpositionCache(collector, self._telemetry, self._births)
        self._schema_log.collector = collector

    def _judged(self, snapshot: Snapshot, before: Snapshot | None) -> Snapshot:
        judged = self._expositions.collector.judged(snapshot, before)
        if self._seen is None:
            return judged
        return msgspec.structs.replace(judged, unseen=unseen(judged.totals, self._seen))

    def _succeeded(self) -> None:
        self._telemetry.config_successful.set(1)
        self._telemetry.config_timestamp.set(self._clock())

    def _has_own_token(self, path: str) -> bool:
        """Return whether the source at a path checks a token, so that its clients need no password."""
        source = self._sources.posts.get(path)
        return source is not None and source.options.token_file is not None

    def _make(self, source: SourceConfig) -> Source:
        return source.options.make(
            SourceContext(
                source.name,
                source.format,
                self._engine,
                self._committer.commit_all,
                self._committer.between_commits,
                self._telemetry,
                self._clock,
            )
        )

    def close(self) -> None:
        """Close all files, and unlock the state folder."""
        self._sources.close()
        self._state.close()

    async def _serve(self, stop: asyncio.Event) -> None:
        """Wait for `stop`, or for a source or the regular commits to fail."""
        tasks = [
            asyncio.create_task(stop.wait()),
            asyncio.create_task(self._sources.failure()),
            asyncio.create_task(self._commit_regularly()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _commit_regularly(self) -> None:
        """Commit at once, and regularly if nobody scrapes, so that a log is known before it is rotated."""
        while True:
            with suppress(StoreError):
                await self._committer.commit()
            await self._until_due()

    async def _until_due(self) -> None:
        while (rest := self._committer.attempted_at + COMMIT_SECONDS - time.monotonic()) > 0:
            # Without stores, nothing can fail or fill up before then.
            await asyncio.sleep(FULL_SECONDS if self._state.has_stores else rest)
            if self._state.failure:
                raise self._state.failure
            if self._engine.is_full:
                return

    async def _drain(self) -> None:
        """Read what has been written before now, and commit."""
        await self._sources.drain(time.monotonic() + DRAIN_SECONDS)
        try:
            await self._committer.commit_all()
        except StoreError as error:
            log.error("final checkpoint failed; the next start resumes from the previous one", error=str(error))


def _tune() -> None:
    """Set how the process uses memory and files."""
    memory.tune_allocator()
    memory.tune_collection()
    _raise_descriptor_limit()


def _raise_descriptor_limit() -> None:
    """Allow as many open files as the process may have: a source may match thousands of files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
