"""From the configuration to what the engine does, and how its results are shown."""

from collections.abc import Callable
from functools import cache

import msgspec

from exporter.assembly.measures import known_classes, measures
from exporter.batch import Series
from exporter.configuration import segments
from exporter.configuration.schemas import schema_of
from exporter.configuration.settings import Config, ModelConfig
from exporter.configuration.source_config import SourceConfig
from exporter.decoding.checks import Checks, LabelChecks
from exporter.decoding.pipeline import Pipeline
from exporter.engine.plan import Limits, Plan
from exporter.exposition.collector import Collector
from exporter.formats.arrow import Arrow
from exporter.formats.json_lines import JsonLines
from exporter.reference.profile import Profile
from exporter.tallies.windows import Window
from exporter.units import Duration


def plan(config: Config, profile: Profile | None) -> tuple[Plan, Collector]:
    """Return what the engine does, and how its results are shown."""
    chosen = measures(config, profile)
    windows = [Window(str(window), window.seconds, _before(config, window)) for window in config.windows]
    split_by = segments.resolve(config, profile)
    labels = config.ground_truth
    limits = Limits(
        line_bytes=config.limits.line_bytes,
        models=config.limits.models,
        prediction_classes=config.limits.prediction_classes,
        error_types=config.limits.error_types,
        request_ids=config.quality.duplicate_ids,
        segment_values=config.limits.segment_values,
        waiting=labels.waiting if labels else 0,
    )
    return (
        Plan(
            chosen.statistics,
            windows,
            {source.name: pipeline(config, source, profile) for source in config.all_sources},
            limits,
            arrow={
                source.name: make for source in config.all_sources if (make := _arrow_pipeline(config, source, profile))
            },
            known_series=(_series(config.model),) if config.model else (),
            known_classes=known_classes(profile),
            features=tuple(profile.features) if profile else (),
            remembered=chosen.remembered,
            segments=split_by,
            segmented=chosen.segmented,
            truths=frozenset(source.name for source in config.label_sources),
            wait_seconds=labels.wait.seconds if labels else 0.0,
        ),
        Collector(chosen, windows),
    )


def pipeline(config: Config, source: SourceConfig, profile: Profile | None) -> Pipeline:
    """Return how the bytes of a source become batches."""
    checks = LabelChecks if source in config.label_sources else Checks
    return source.format.pipeline(
        source.formats[0].framer,
        schema_of(config, source, profile),
        _series(config.model or ModelConfig()),
        checks(config.limits.past.seconds, config.limits.future.seconds),
        tuple(profile.features) if profile else (),
    )


def _arrow_pipeline(config: Config, source: SourceConfig, profile: Profile | None) -> Callable[[], Pipeline] | None:
    """Return what makes the pipeline of Arrow, if the clients of a source may send it instead of lines."""
    if source.formats != (JsonLines(),):
        return None
    return cache(lambda: pipeline(config, SourceConfig(source.options, (Arrow(),)), profile))


def _series(model: ModelConfig) -> Series:
    return Series(*map(str, msgspec.structs.astuple(model)))


def _before(config: Config, window: Duration) -> tuple[tuple[str, float], ...]:
    ago = ((str(before), before.of(window)) for before in config.drift.before)
    return tuple((label, seconds) for label, seconds in ago if seconds is not None)
