"""The configuration: one YAML file, read into typed Structs, with every mistake reported at once.

A mistake is one line: the key's path, what was expected, and for an unknown key the nearest known one. What `load`
accepts, the exporter can run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from exporter import validation, yamlfile
from exporter.configuration import business, quality, schemas, segments
from exporter.configuration.schemas import LABEL_FIELDS, schema_of
from exporter.configuration.settings import Config
from exporter.configuration.thresholds import MEANINGS, SHARES
from exporter.decoding.schema import RECORD_FIELDS, Schema
from exporter.reference import profile_file
from exporter.reference.profile import Profile
from exporter.reference.profile_file import ProfileError
from exporter.units import MAX_WINDOWS_AGO
from exporter.validation import nearest
from exporter.web import loading as web
from exporter.web.loading import WebConfigError
from exporter.yamlfile import YamlError


class ConfigError(Exception):
    """The configuration cannot be used; `problems` are the mistakes, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class LoadedConfig(NamedTuple):
    """A configuration, and the reference profile that it names."""

    config: Config
    profile: Profile | None = None


def load(path: Path) -> LoadedConfig:
    """Read and validate a configuration file and its reference; raises ConfigError with every mistake."""
    return _validated(_read(path), path.parent, f"{path}: ")


def load_fields(path: Path) -> Schema:
    """Read only `fields` of a configuration file, whose reference may not exist yet; raises ConfigError."""
    data = _read(path)
    fields = data.get("fields") if isinstance(data, dict) else None
    config, _ = _validated({"sources": ["-"], "fields": fields or {}}, path.parent, f"{path}: ")
    return schema_of(config, config.sources[0], None)


def from_options(source: str, reference: str | None, listen: str | None, web_config: str | None = None) -> LoadedConfig:
    """Make a configuration from command-line options; raises ConfigError."""
    options = {"sources": [source], "reference": reference, "listen": listen, "web_config": web_config}
    try:
        return _validated({key: value for key, value in options.items() if value is not None}, Path(), "--")
    except ConfigError as error:
        renamed = {"--sources[0].url": "--source", "--web_config": "--web-config"}
        problems = [
            next((option + text.removeprefix(key) for key, option in renamed.items() if text.startswith(key)), text)
            for text in error.problems
        ]
        raise ConfigError(problems) from None


def notes(loaded: LoadedConfig) -> Iterator[str]:
    """Yield what is not a mistake, but may be unintended."""
    config, profile = loaded
    if not config.reference:
        yield "no reference: there will be no drift; make one with `prediction-exporter profile`"
    if not config.state_dir:
        yield "no state_dir: counters start at zero at each start"
    if config.smoothing.epsilon is not None:
        yield (
            "smoothing.epsilon: it changes the PSI only; its p-value and critical value, and the PSI that alert rules "
            "compute for a fleet, keep 0.5 per bin"
        )
    yield from segments.notes(config, profile)
    for key, sources in (("sources", config.sources), ("ground_truth.sources", config.label_sources)):
        for index, source in enumerate(sources):
            yield from (f"{key}[{index}].{note}" for note in source.options.notes())
    if config.web_config:
        yield from (f"web_config: {note}" for note in web.load(Path(config.web_config)).notes())


def _read(path: Path) -> Any:
    try:
        return yamlfile.load(path)
    except YamlError as error:
        raise ConfigError([str(error)]) from None


def _validated(data: Any, folder: Path, prefix: str) -> LoadedConfig:
    if isinstance(data, dict) and isinstance(data.get("segments"), list):
        data = data | {"segments": [{"name": item} if isinstance(item, str) else item for item in data["segments"]]}
    wrong = list(validation.problems(data, Config))
    problems = list(map(str, wrong))
    loaded = LoadedConfig(Config(sources=[]))
    if isinstance(data, dict):
        # The rest is checked too, so that all mistakes are reported at once.
        usable = validation.without(data, wrong, Config)
        config = msgspec.convert({"sources": []} | usable, Config, dec_hook=validation.parse)
        loaded, contradictions = _checked(validation.below(config, folder))
        problems += [text for text in contradictions if "sources" in usable or not text.startswith("sources:")]
    if problems:
        raise ConfigError([prefix + problem for problem in problems])
    return loaded


def _checked(config: Config) -> tuple[LoadedConfig, list[str]]:
    """Read the reference, and return all mistakes that types do not show, each starting with its key."""
    profile, problems = None, []
    if config.reference:
        try:
            profile = profile_file.load(Path(config.reference).read_bytes())
        except (OSError, ProfileError) as error:
            reason = (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)
            problems.append(f"reference: {config.reference}: {reason}")
    problems += [
        *_about_sources(config),
        *schemas.problems(config, profile),
        *segments.problems(config, profile),
        *business.problems(config),
        *_about_fields(config),
        *_about_windows(config),
        *_about_thresholds(config),
        *_about_files(config),
    ]
    # Without the reference that cannot be read, these would be misleading.
    if profile or not config.reference:
        problems += [
            *(f"quality.{problem}" for problem in quality.problems(config.quality, profile)),
            *_about_exported_bins(config, tuple(profile.features) if profile else ()),
        ]
    return LoadedConfig(config, profile), problems


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
    for name in config.fields.keys() - set(RECORD_FIELDS):
        yield f"fields.{name}: no such record field{nearest(name, RECORD_FIELDS)}"
    for name in (config.ground_truth.fields if config.ground_truth else {}).keys() - LABEL_FIELDS.keys():
        yield f"ground_truth.fields.{name}: no such field of a label{nearest(name, LABEL_FIELDS)}"


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
    for name in config.thresholds.keys() - MEANINGS.keys():
        yield f"thresholds.{name}: no such threshold{nearest(name, MEANINGS)}"
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
