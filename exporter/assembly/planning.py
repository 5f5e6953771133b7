"""From the configuration to what the engine does, and how its results are shown."""

from __future__ import annotations

from exporter.assembly.measures import known_classes, measures
from exporter.assembly.pipelines import arrow_pipeline, model, pipeline
from exporter.configuration import segments
from exporter.configuration.settings import Config
from exporter.engine.plan import Limits, Plan
from exporter.exposition.collector import Collector
from exporter.reference.profile import Profile
from exporter.tallies.windows import Window
from exporter.units import Duration


def plan(config: Config, profile: Profile | None) -> tuple[Plan, Collector]:
    """Return what the engine does, and how its results are shown."""
    chosen = measures(config, profile)
    windows = [Window(str(window), window.seconds, _before(config, window)) for window in config.windows]
    split_by = segments.resolve(config, profile)
    labels, named = config.ground_truth, model(config)
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
                source.name: make for source in config.all_sources if (make := arrow_pipeline(config, source, profile))
            },
            known_series=(named,) if named else (),
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


def _before(config: Config, window: Duration) -> tuple[tuple[str, float], ...]:
    ago = ((str(before), before.of(window)) for before in config.drift.before)
    return tuple((label, seconds) for label, seconds in ago if seconds is not None)
