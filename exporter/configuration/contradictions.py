"""Contradictions: mistakes in a configuration that the types of its keys do not show."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from exporter.configuration import schemas, segments
from exporter.configuration.schemas import LABEL_FIELDS
from exporter.configuration.settings import Config
from exporter.configuration.thresholds import MEANINGS, SHARES
from exporter.decoding.schema import RECORD_FIELDS, UNITS
from exporter.reference.profile import Profile
from exporter.units import MAX_WINDOWS_AGO
from exporter.validation import nearest
from exporter.web import loading as web
from exporter.web.loading import WebConfigError

BUSINESS_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Metrics of another figure end with them.
BUSINESS_SUFFIXES = ("_negative", "_rejected")


def contradictions(config: Config, profile: Profile | None) -> Iterator[str]:
    """Yield every mistake, each starting with its key; `profile` is None where the reference cannot be read."""
    yield from _about_sources(config)
    yield from schemas.problems(config, profile)
    yield from segments.problems(config, profile)
    yield from _about_business(config)
    yield from _about_fields(config)
    yield from _about_windows(config)
    yield from _about_thresholds(config)
    yield from _about_files(config)
    # Without the reference that cannot be read, these would be misleading.
    if profile or not config.reference:
        yield from _about_bounds(config, profile)
        yield from _about_exported_bins(config, tuple(profile.features) if profile else ())


def _about_sources(config: Config) -> Iterator[str]:
    places: set[str] = set()
    for key, sources, example in (
        ("sources", config.sources, "file:///var/log/model/*.jsonl"),
        ("ground_truth.sources", config.label_sources, "file:///var/log/model/labels*.jsonl"),
    ):
        if not sources and (key == "sources" or config.ground_truth):
            yield f"{key}: expected at least one source, such as {example}"
        for index, source in enumerate(sources):
            if source.options.url.place in places:
                yield f"{key}[{index}]: duplicate {source.options.url.place}: another source reads it"
            places.add(source.options.url.place)
            yield from (f"{key}[{index}].{problem}" for problem in source.mistakes())
    for index, source in enumerate(config.label_sources):
        if not source.format.carries_labels:
            yield f"ground_truth.sources[{index}].format: `{source.format.name}` is for predictions"


def _about_fields(config: Config) -> Iterator[str]:
    for name in config.fields:
        if name not in RECORD_FIELDS:
            yield f"fields.{name}: no such record field{nearest(name, RECORD_FIELDS, UNITS)}"
    for name in config.ground_truth.fields if config.ground_truth else ():
        if name not in LABEL_FIELDS:
            hint = nearest(name, LABEL_FIELDS, UNITS)
            yield f"ground_truth.fields.{name}: a ground-truth label has no such field{hint}"


def _about_business(config: Config) -> Iterator[str]:
    names = [figure.name for figure in config.business]
    for index, figure in enumerate(config.business):
        at = f"business[{index}]"
        if not BUSINESS_NAME.fullmatch(figure.name):
            yield f"{at}.name: expected small letters, digits and _, such as revenue, got {figure.name!r}"
        if figure.name.endswith(BUSINESS_SUFFIXES):
            yield f"{at}.name: expected a name that does not end with {' or '.join(BUSINESS_SUFFIXES)}"
        if figure.name in names[:index]:
            yield f"{at}.name: duplicate {figure.name}"
        if bool(figure.field) == bool(figure.truth):
            yield f"{at}: expected `field`, a path in a prediction's record, or `truth`, one in a ground truth's"
        if figure.truth and not config.ground_truth:
            yield f"{at}.truth: there is no truth without `ground_truth`"


def _about_bounds(config: Config, profile: Profile | None) -> Iterator[str]:
    for name in config.quality.bounds:
        if not profile:
            yield f"quality.bounds.{name}: bounds are of features of the reference, and there is none"
        elif name in profile.categorical:
            yield f"quality.bounds.{name}: a categorical feature has no bounds"
        elif name not in profile.numeric:
            yield f"quality.bounds.{name}: no such numeric feature of the reference{nearest(name, profile.numeric)}"


def _about_exported_bins(config: Config, features: tuple[str, ...]) -> Iterator[str]:
    if config.exported_bins and not config.reference:
        yield "exported_bins: there are no bins without a `reference`"
    for index, name in enumerate(config.exported_bins or ()):
        if features and name not in features:
            yield f"exported_bins[{index}]: the reference has no feature `{name}`{nearest(name, features)}"


def _about_windows(config: Config) -> Iterator[str]:
    if not config.windows:
        yield "windows: expected at least one duration, such as 5m"
    seconds = [window.seconds for window in config.windows]
    for index, window in enumerate(config.windows):
        if window.seconds in seconds[:index]:
            yield f"windows[{index}]: duplicate {window}"
    for index, before in enumerate(config.drift.before):
        if all(before.of(window) is None for window in config.windows):
            limits = f"less than each window, or more than {MAX_WINDOWS_AGO} times as long"
            yield f"drift.before[{index}]: {before} is {limits}"


def _about_thresholds(config: Config) -> Iterator[str]:
    for name in config.thresholds:
        if name not in MEANINGS:
            yield f"thresholds.{name}: no such threshold{nearest(name, MEANINGS, MEANINGS)}"
    for name in sorted(config.thresholds.keys() & SHARES):
        if config.thresholds[name] > 1:
            yield f"thresholds.{name}: expected a share from 0 to 1, got {config.thresholds[name]:g}"


def _about_files(config: Config) -> Iterator[str]:
    if config.state_dir and (problem := _unwritable(Path(config.state_dir))):
        yield f"state_dir: {problem}"
    if config.web_config:
        try:
            web.load(Path(config.web_config))
        except WebConfigError as error:
            yield from (f"web_config: {problem}" for problem in error.problems)


def _unwritable(folder: Path) -> str | None:
    """Return why a folder cannot hold the state, if it cannot."""
    existing = folder
    try:
        while not existing.exists():
            existing = existing.parent
    except OSError as error:
        return f"{existing}: {error.strerror}"
    if not existing.is_dir():
        return f"{existing} is not a folder"
    return None if os.access(existing, os.W_OK | os.X_OK) else f"{existing} cannot be written to"
