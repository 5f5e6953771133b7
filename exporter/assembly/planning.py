"""From the configuration to what the engine does, and how its results are shown."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import msgspec

from exporter.assembly.measures import known_classes, measures
from exporter.batch import Series
from exporter.configuration import segments
from exporter.configuration.models import LoadedModels
from exporter.configuration.schemas import mapping_of, model_of, schema_of, where_of
from exporter.configuration.settings import Config, ModelConfig
from exporter.configuration.source_config import SourceConfig, SourceModel
from exporter.decoding.checks import Checks, LabelChecks
from exporter.decoding.pipeline import Pipeline
from exporter.engine.plan import Limits, ModelPlan, Plan
from exporter.exposition.collector import Collector
from exporter.formats.arrow import Arrow
from exporter.formats.json_lines import JsonLines
from exporter.model_key import OTHERS
from exporter.tallies.windows import Window
from exporter.units import Duration


def plan(config: Config, models: LoadedModels) -> tuple[Plan, Collector]:
    """Return what the engine does, and how its results are shown."""
    chosen = {key: measures(model.config, model.profile) for key, model in models.items()}
    windows = [Window(str(window), window.seconds, _before(config, window)) for window in config.windows]
    labels = config.ground_truth
    by_half_days = frozenset(name for each in chosen.values() for name in each.by_half_days)
    outcome_windows = [Window.of_outcomes(labels.view_seconds, by_half_days)] if labels else []
    limits = Limits(
        line_bytes=config.limits.line_bytes,
        models=config.limits.models,
        prediction_classes=config.limits.prediction_classes,
        error_types=config.limits.error_types,
        request_ids=config.quality.duplicate_ids,
        segment_values=config.limits.segment_values,
        waiting=labels.waiting if labels else 0,
        idle_seconds=config.limits.idle.seconds,
    )
    plans = {
        key: ModelPlan(
            chosen[key].statistics,
            known_classes(model.profile),
            model.features,
            segments.resolve(model),
            chosen[key].segmented,
            frozenset(segment.name for segment in model.config.segments if segment.protected),
        )
        for key, model in models.items()
    }
    return (
        Plan(
            plans,
            [*windows, *outcome_windows],
            {source.name: pipeline(config, source, models) for source in config.all_sources},
            limits,
            arrow={
                source.name: make for source in config.all_sources if (make := _arrow_pipeline(config, source, models))
            },
            known_series=tuple(dict.fromkeys(_known_series(config, models))),
            remembered=frozenset().union(*(each.remembered for each in chosen.values())),
            truths=frozenset(source.name for source in config.label_sources),
            wait_seconds=labels.wait.seconds if labels else 0.0,
            settled_seconds=labels.settled_seconds if labels else 0.0,
            view_seconds=labels.view_seconds if labels else math.inf,
        ),
        Collector(chosen, windows, *outcome_windows),
    )


def pipeline(config: Config, source: SourceConfig, models: LoadedModels, *, reads_actual: bool = False) -> Pipeline:
    """Return how the bytes of a source become batches, with the ground truth of each record if `reads_actual`."""
    is_labels = source in config.label_sources
    # Ground truth belongs to a request, not to a model.
    of_models = {OTHERS: models[OTHERS]} if is_labels else models
    checks = LabelChecks if is_labels else Checks
    schemas = {key: schema_of(model, source) for key, model in of_models.items()}
    if reads_actual:
        schemas = {key: replace(schema, reads=(*schema.reads, "actual")) for key, schema in schemas.items()}
    return source.format.pipeline(
        source.formats[0].framer,
        schemas,
        _series(model_of(config, source)),
        checks(config.limits.past.seconds, config.limits.future.seconds),
        {key: model.features for key, model in of_models.items()},
        where_of(config, source),
        mapping_of(of_models, source),
    )


def _arrow_pipeline(config: Config, source: SourceConfig, models: LoadedModels) -> Callable[[], Pipeline] | None:
    """Return what makes the pipeline of Arrow, if the clients of a source may send it instead of lines."""
    if source.formats != (JsonLines(),) or where_of(config, source) or mapping_of(models, source):
        return None
    return cache(lambda: pipeline(config, SourceConfig(source.options, (Arrow(),), source.records), models))


def _known_series(config: Config, models: LoadedModels) -> Iterator[Series]:
    """Yield the series that are exported from the start: those whose model and version are known."""
    if config.model:
        yield _series(config.model)
    for source in config.sources:
        if source.records.model != SourceModel():
            yield _series(model_of(config, source))
    for key, model in models.items():
        if key.name is not None and key.version is not None:
            yield Series(key.name, key.version)
        elif model.profile and model.profile.model_name and model.profile.model_version:
            yield Series(model.profile.model_name, model.profile.model_version)


def _series(model: ModelConfig) -> Series:
    return Series(*map(str, msgspec.structs.astuple(model)))


def _before(config: Config, window: Duration) -> tuple[tuple[str, float], ...]:
    ago = ((str(before), before.of(window)) for before in config.drift.before)
    return tuple((label, seconds) for label, seconds in ago if seconds is not None)
