"""From the configuration to the pipelines of its sources."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from exporter.batch import Series
from exporter.configuration.schemas import schema_of
from exporter.configuration.settings import Config
from exporter.configuration.source_config import SourceConfig
from exporter.decoding.checks import Checks, LabelChecks
from exporter.decoding.pipeline import Pipeline
from exporter.formats.arrow import Arrow
from exporter.formats.json_lines import JsonLines
from exporter.reference.profile import Profile

UNKNOWN = Series("unknown", "unknown")


def model(config: Config) -> Series | None:
    """Return the model that the configuration names, if it does."""
    return Series(config.model.name, str(config.model.version)) if config.model else None


def pipeline(config: Config, source: SourceConfig, profile: Profile | None) -> Pipeline:
    """Return how the bytes of a source become batches."""
    checks = LabelChecks if source in config.label_sources else Checks
    return source.format.pipeline(
        source.formats[0].framer,
        schema_of(config, source, profile),
        model(config) or UNKNOWN,
        checks(config.limits.past.seconds, config.limits.future.seconds),
        tuple(profile.features) if profile else (),
    )


def arrow_pipeline(config: Config, source: SourceConfig, profile: Profile | None) -> Callable[[], Pipeline] | None:
    """Return what makes the pipeline of Arrow, if the clients of a source may send it instead of lines."""
    if source.formats != (JsonLines(),):
        return None
    return cache(lambda: pipeline(config, SourceConfig(source.options, (Arrow(),)), profile))
