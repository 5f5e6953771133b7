"""The configuration: one YAML file, read into typed Structs, with every mistake reported at once.

A mistake is one line: the key's path, what was expected, and for an unknown key the nearest known one. Only
`sidecar` and `cli` import this; everyone else takes values.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from exporter.assembly import ground_truth, segments
from exporter.configuration import business, presets, quality, source_settings, validation, yamlfile
from exporter.configuration.settings import Config
from exporter.configuration.thresholds import MEANINGS, SHARES
from exporter.configuration.units import MOST_WINDOWS, UNITS
from exporter.configuration.validation import nearest
from exporter.configuration.yamlfile import YamlError
from exporter.decoding.schema import FEATURES, RECORD_FIELDS, Schema, SchemaError
from exporter.reference import profile, profile_file
from exporter.reference.profile import Profile
from exporter.reference.profile_file import ProfileError
from exporter.web import loading
from exporter.web.loading import WebConfigError

_parse = validation.parser(*UNITS)


class ConfigError(Exception):
    """The configuration cannot be used; `problems` are the mistakes, a line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(path: Path) -> Config:
    """Read and validate a configuration file; raises ConfigError with every mistake."""
    try:
        data = yamlfile.load(path)
    except YamlError as error:
        raise ConfigError([str(error)]) from None
    return _validated(data, path.parent, f"{path}: ")


def load_fields(path: Path) -> Schema:
    """Read only `fields` of a configuration file, whose reference may not be made yet; raises ConfigError."""
    try:
        data = yamlfile.load(path)
    except YamlError as error:
        raise ConfigError([str(error)]) from None
    fields = data.get("fields") if isinstance(data, dict) else None
    config = _validated({"sources": ["-"], "fields": fields or {}}, path.parent, f"{path}: ")
    return Schema(config.fields)


def from_options(source: str, reference: str | None, listen: str | None, web_config: str | None = None) -> Config:
    """Make a configuration from command-line options; raises ConfigError."""
    options = {"sources": [source], "reference": reference, "listen": listen, "web_config": web_config}
    try:
        return _validated({key: value for key, value in options.items() if value is not None}, Path(), "--")
    except ConfigError as error:
        spelt = {"--sources[0].url": "--source", "--web_config": "--web-config"}
        problems = [
            next((option + text.removeprefix(key) for key, option in spelt.items() if text.startswith(key)), text)
            for text in error.problems
        ]
        raise ConfigError(problems) from None


def _validated(data: Any, folder: Path, prefix: str) -> Config:
    data = source_settings.written_out(data)
    if isinstance(data, dict) and "ground_truth" in data:
        data = data | {"ground_truth": source_settings.written_out(data["ground_truth"])}
    if isinstance(data, dict) and isinstance(data.get("segments"), list):
        data = data | {"segments": [{"name": item} if isinstance(item, str) else item for item in data["segments"]]}
    wrong = list(validation.problems(data, Config, _parse))
    problems = list(map(str, wrong))
    config = Config(sources=[])
    if isinstance(data, dict):
        # What is well formed is looked into all the same, so that all mistakes are told at once.
        usable = validation.without(data, wrong)
        config = resolve(msgspec.convert({"sources": []} | usable, Config, dec_hook=_parse), folder)
        problems += [text for text in _contradictions(config) if "sources" in usable or not text.startswith("sources:")]
    if problems:
        raise ConfigError([prefix + problem for problem in problems])
    return config


def resolve(config: Config, folder: Path) -> Config:
    """Make relative paths relative to the configuration's folder, as Prometheus does."""
    truth = config.ground_truth
    return msgspec.structs.replace(
        config,
        sources=source_settings.below(config.sources, folder),
        ground_truth=truth and msgspec.structs.replace(truth, sources=source_settings.below(truth.sources, folder)),
        reference=config.reference and str(folder / config.reference),
        state_dir=config.state_dir and str(folder / config.state_dir),
        web_config=config.web_config and str(folder / config.web_config),
    )


def read_reference(config: Config) -> profile.Profile | None:
    """Read the reference profile, if there is one; raises ProfileError, in one line."""
    if not config.reference:
        return None
    try:
        return profile_file.load(Path(config.reference).read_bytes())
    except OSError as error:
        raise ProfileError(error.strerror or "cannot be read") from None


def notes(config: Config) -> Iterator[str]:
    """What is no mistake, but may not be meant."""
    if not config.reference:
        yield "no reference: there will be no drift; make one with `prediction-exporter profile`"
    if not config.state_dir:
        yield "no state_dir: counters start at zero at each start"
    if config.smoothing.epsilon is not None:
        yield (
            "smoothing.epsilon: it changes the PSI only; its p-value and critical value, and the PSI that alert rules "
            "compute for a fleet, keep 0.5 per bin"
        )
    yield from segments.notes(config, read_reference(config))
    yield from source_settings.notes(config.sources, "sources")
    if config.ground_truth:
        yield from source_settings.notes(config.ground_truth.sources, "ground_truth.sources")
    if config.web_config:
        yield from (f"web_config: {note}" for note in loading.load(Path(config.web_config)).notes())


def _contradictions(config: Config) -> Iterator[str]:
    """Yield mistakes that a key's type does not show."""
    yield from source_settings.problems(config.sources, "sources", "file:///var/log/model/*.jsonl")
    yield from (f"ground_truth.{problem}" for problem in ground_truth.problems(config))
    reference: Profile | None = None
    try:
        reference = read_reference(config)
    except ProfileError as error:
        yield f"reference: {config.reference}: {error}"
    else:
        yield from (f"quality.{problem}" for problem in quality.problems(config.quality, reference))
        yield from segments.problems(config, reference)
    yield from business.problems(config)
    features = tuple(reference.features) if reference else ()
    attributions = tuple(reference.attributions or ()) if reference else ()
    yield from _about_fields(config, features, attributions)
    yield from _about_exported_bins(config, features)
    yield from _about_windows(config)
    for name in config.thresholds.keys() - MEANINGS.keys():
        yield f"thresholds.{name}: no such threshold{nearest(name, MEANINGS)}"
    for name in sorted(config.thresholds.keys() & SHARES):
        if config.thresholds[name] > 1:
            yield f"thresholds.{name}: expected a share from 0 to 1, got {config.thresholds[name]:g}"
    if config.state_dir and (problem := _unwritable(Path(config.state_dir))):
        yield f"state_dir: {problem}"
    if config.web_config:
        try:
            loading.load(Path(config.web_config))
        except WebConfigError as error:
            yield from (f"web_config: {problem}" for problem in error.problems)


def _about_windows(config: Config) -> Iterator[str]:
    if not config.windows:
        yield "windows: expected at least one duration, such as 5m"
    seconds = [window.seconds for window in config.windows]
    for index, window in enumerate(config.windows):
        if window.seconds in seconds[:index]:
            yield f"windows[{index}]: {window} is there twice"
    for index, before in enumerate(config.drift.before):
        if all(before.of(window) is None for window in config.windows):
            yield f"drift.before[{index}]: {before} is less than each window, or over {MOST_WINDOWS} times as long"
    for key in ("latency_seconds", "probability"):
        bounds = getattr(config.buckets, key)
        if not bounds or any(high <= low for low, high in pairwise(bounds)):
            yield f"buckets.{key}: expected ascending bounds"


def _about_fields(config: Config, features: tuple[str, ...], attributions: tuple[str, ...]) -> Iterator[str]:
    """Yield what is wrong with `fields`, and with the reference's features and attributions, which are fields too."""
    for name in config.fields.keys() - set(RECORD_FIELDS):
        yield f"fields.{name}: no such record field{nearest(name, RECORD_FIELDS)}"
    fields = {name: path for name, path in config.fields.items() if name in RECORD_FIELDS}
    empty = [name for name, path in fields.items() if name != FEATURES and not path]
    for name in empty:
        yield f"fields.{name}: expected a path such as timing.total; only `features` can lie at the top level, `.`"
    if not empty:
        try:
            Schema(fields, features, asked_for=config.fields_asked_for, attributions=attributions).tree()
        except SchemaError as error:
            yield f"fields: {error}"
        for index, source in enumerate(config.sources):
            if source.prediction:
                try:
                    read = presets.fields(source, fields)
                    Schema(read, features, asked_for=config.fields_asked_for, attributions=attributions).tree()
                except SchemaError as error:
                    yield f"sources[{index}].prediction: {error}"


def _about_exported_bins(config: Config, features: tuple[str, ...]) -> Iterator[str]:
    """Yield which features are not the reference's; that it cannot be read is told already."""
    if config.exported_bins and not config.reference:
        yield "exported_bins: there are no bins without a `reference`"
    for index, name in enumerate(config.exported_bins or ()):
        if features and name not in features:
            yield f"exported_bins[{index}]: the reference has no feature `{name}`{nearest(name, features)}"


def _unwritable(folder: Path) -> str | None:
    """Say why a folder cannot hold the state, if it cannot."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        return f"{existing} is not a folder"
    return None if os.access(existing, os.W_OK | os.X_OK) else f"{existing} cannot be written to"
