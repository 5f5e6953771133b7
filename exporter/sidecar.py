"""The running whole: the one place that knows every part, and their order of starting and stopping."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from exporter import server, source_list
from exporter.batch import Series
from exporter.checkpoint import Checkpoint
from exporter.collector import Collector
from exporter.commit import CommitError, Committer
from exporter.config import read_reference
from exporter.decode import Decoder
from exporter.engine import CLASS_LABEL, ERROR_LABEL, Engine, Limits
from exporter.exposition import Exposition, Format
from exporter.logs import BadLineLog
from exporter.pages import Pages
from exporter.profile import Categorical, Profile
from exporter.schema import Schema
from exporter.settings import DEFAULT_THRESHOLDS, Config
from exporter.sources.http import HttpSource
from exporter.stats import Derived, Statistic
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.histogram import Histogram
from exporter.stats.label_counts import LabelCounts
from exporter.stats.psi import FeaturePsi
from exporter.stats.window_samples import WindowSamples
from exporter.telemetry import Telemetry
from exporter.windows import Window

COMMIT_SECONDS = 15.0
DRAIN_SECONDS = 20.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Measures:
    """What is computed: the statistics, and what is derived from them."""

    statistics: Sequence[Statistic]
    derived: Sequence[Derived]


def measures(config: Config, profile: Profile | None) -> Measures:
    """Choose the statistics; the one list to add a line to."""
    classes = profile.prediction if profile else None
    known = frozenset(classes.categories) if isinstance(classes, Categorical) else frozenset()
    predictions = LabelCounts(
        "model_predictions_total", "Predictions served.", "prediction", CLASS_LABEL, "predictions", known
    )
    statistics: list[Statistic] = [
        Histogram(
            "model_prediction_latency_seconds",
            "How long a prediction took.",
            "latency_seconds",
            config.buckets.latency_seconds,
        ),
        predictions,
        LabelCounts("model_prediction_errors_total", "Requests that failed.", "error", ERROR_LABEL, "errors"),
        Histogram(
            "model_prediction_probability",
            "Score of the prediction, 0 to 1.",
            "probability",
            config.buckets.probability,
        ),
    ]
    derived: list[Derived] = [WindowSamples(predictions.name)]
    if profile:
        bins = FeatureBins(profile)
        statistics += [bins, FeatureQuality(profile)]
        derived.append(FeaturePsi(bins, config.smoothing.epsilon))
    return Measures(statistics, derived)


class Sidecar:
    """One running exporter. Raises checkpoint.LockedError and OSError where the state folder cannot be used."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock
        self._telemetry = Telemetry()
        profile = read_reference(config.reference) if config.reference else None
        chosen = measures(config, profile)
        windows = [Window(str(window), window.seconds) for window in config.windows]
        model = Series(config.model.name, str(config.model.version)) if config.model else None
        decoder = Decoder(
            Schema(config.fields, *((tuple(profile.numeric), tuple(profile.categorical)) if profile else ())),
            model or Series("unknown", "unknown"),
            past_seconds=config.limits.past.seconds,
            future_seconds=config.limits.future.seconds,
        )
        self._checkpoint = None
        restored = None
        if config.state_dir:
            identities = {statistic.name: repr(statistic) for statistic in chosen.statistics}
            self._checkpoint = Checkpoint(Path(config.state_dir), identities)
            loaded = self._checkpoint.load()
            restored = loaded.snapshot
            self._telemetry.recoveries.labels(loaded.generation).inc()
            for problem in loaded.problems:
                log.error("damaged checkpoint", problem=problem, using=loaded.generation)
        known = profile.prediction if profile else None
        self._engine = Engine(
            chosen.statistics,
            windows,
            {str(source.url): decoder for source in config.sources},
            Limits(
                line_bytes=config.limits.line_bytes,
                models=config.limits.models,
                prediction_classes=config.limits.prediction_classes,
                error_types=config.limits.error_types,
            ),
            known_series=(model,) if model else (),
            known_classes=tuple(known.categories) if isinstance(known, Categorical) else (),
            restored=restored,
            framers={str(source.url): source_list.framer(source) for source in config.sources},
            report=BadLineLog(clock),
        )
        collector = Collector(chosen.statistics, chosen.derived, windows, DEFAULT_THRESHOLDS | config.thresholds)
        self._pages = Pages(collector, self._telemetry)
        self._committer = Committer(self._engine, self._checkpoint, self._telemetry, clock)
        self._sources = [
            source_list.make(source, self._engine, self._committer.commit_all, self._telemetry, clock)
            for source in config.sources
        ]
        self._telemetry.config_successful.set(1)
        self._telemetry.config_timestamp.set(clock())
        self._ready = False

    async def run(self, started: Callable[[int], None] = lambda _: None) -> None:
        """Serve until SIGTERM or SIGINT; `started` is told the port.

        Raises OSError where it cannot listen, and SourceError where a source cannot.
        """
        _tune_garbage_collection()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        listen = self._config.listen
        posts = {source.path: source.handle for source in self._sources if isinstance(source, HttpSource)}
        app = server.application(self.scrape, lambda: self._ready, posts)
        runner, port = await server.start(app, listen.host, listen.port)
        try:
            for source in self._sources:
                await source.start()
            self._ready = True
            log.info("listening", address=f"http://{listen.host}:{port}", state=self._config.state_dir or "memory")
            if not self._config.reference:
                log.warning("no reference profile: there is no drift; make one with `prediction-exporter profile`")
            started(port)
            await self._serve(stop)
            log.info("stopping")
            await self._drain()
        finally:
            await runner.cleanup()
            self.close()

    async def scrape(self, wanted: Format = Format()) -> Exposition:  # noqa: B008  # it is frozen
        """Commit, and render what was committed; raises CommitError."""
        return await self._pages.page(await self._committer.commit(), wanted)

    def close(self) -> None:
        """Let go of files and of the state folder."""
        for source in self._sources:
            source.close()
        if self._checkpoint:
            self._checkpoint.close()

    async def _serve(self, stop: asyncio.Event) -> None:
        """Run the sources and the timed commits until `stop`, or until one of them fails."""
        tasks = [asyncio.create_task(source.run()) for source in self._sources]
        tasks.append(asyncio.create_task(self._commit_now_and_then()))
        stopped = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (stopped, *tasks):
                task.cancel()
            await asyncio.gather(stopped, *tasks, return_exceptions=True)

    async def _commit_now_and_then(self) -> None:
        """Commit when nobody scrapes too, so that a log that is rotated away has been counted."""
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            try:
                await self._committer.commit()
            except CommitError:
                continue

    async def _drain(self) -> None:
        """Read what is written already, and commit."""
        deadline = self._clock() + DRAIN_SECONDS
        for source in self._sources:
            await source.drain(deadline)
        try:
            await self._committer.commit_all()
        except CommitError as error:
            log.error("the last state was not saved; the next start reads on from the one before", error=str(error))


def _tune_garbage_collection() -> None:
    """Decoded rows are freed by their reference counts; a rarer collection saves a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
