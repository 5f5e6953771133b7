"""The configuration: one YAML file, read into typed Structs, with every mistake reported at once.

A mistake is one line: the key's path, what was expected, and for an unknown key the nearest known one. What `load`
accepts, the exporter can run.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from exporter import validation, yamlfile
from exporter.configuration import segments
from exporter.configuration.contradictions import contradictions
from exporter.configuration.models import LoadedModels, references, resolve
from exporter.configuration.settings import Config
from exporter.reference import profile_file
from exporter.reference.profile import Profile
from exporter.reference.profile_file import ProfileError
from exporter.web import loading as web
from exporter.yamlfile import YamlError

# The keys that say how records are read.
READING = ("sources", "where", "fields", "model", "time_zone", "positive_class")


class ConfigError(Exception):
    """The configuration cannot be used; `problems` are the mistakes, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class LoadedConfig(NamedTuple):
    """A configuration, and what it is for each model that has settings or a reference, and for OTHERS."""

    config: Config
    models: LoadedModels

    @property
    def has_references(self) -> bool:
        """Whether any model has a reference."""
        return any(model.profile for model in self.models.values())


def load(path: Path) -> LoadedConfig:
    """Read and validate a configuration file and its reference; raises ConfigError with every mistake."""
    return _validated(_read(path), path.parent, f"{path}: ")


def from_data(data: Any) -> LoadedConfig:
    """Validate a configuration that is data already; raises ConfigError with every mistake."""
    return _validated(data, Path(), "")


def load_reading(path: Path) -> LoadedConfig:
    """Read only how records are read; the reference of the file may not exist yet. Raises ConfigError."""
    data = _read(path)
    keys = {key: data[key] for key in READING if key in data} if isinstance(data, dict) else {}
    return _validated({"sources": ["-"]} | keys, path.parent, f"{path}: ")


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


def from_keys(keys: Mapping[str, Any]) -> LoadedConfig:
    """Make a configuration from its keys, as YAML has them; raises ConfigError."""
    return _validated(dict(keys), Path(), "")


def notes(loaded: LoadedConfig) -> Iterator[str]:
    """Yield what is not a mistake, but may be unintended."""
    config, models = loaded
    if not loaded.has_references:
        yield "no reference: there will be no drift; make one with `prediction-exporter profile`"
    for name in dict.fromkeys(key.name for key, model in models.items() if not model.profile):
        if loaded.has_references and name is not None:
            yield f"models.{name}: no reference: its drift is not computed"
    if not config.state_dir:
        yield "no state_dir: counters start at zero at each start"
    if config.smoothing.epsilon is not None:
        yield (
            "smoothing.epsilon: it changes the PSI only; its p-value and critical value, and the PSI that alert rules "
            "compute for a fleet, keep 0.5 per bin"
        )
    described = [model for model in models.values() if model.profile or not loaded.has_references]
    yield from dict.fromkeys(note for model in described for note in segments.notes(model))
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
    data = _normalised(data)
    wrong = list(validation.problems(data, Config))
    problems = list(map(str, wrong))
    loaded = LoadedConfig(Config(sources=[]), {})
    if isinstance(data, dict):
        # The rest is checked too, so that all mistakes are reported at once.
        usable = validation.without(data, wrong, Config)
        config = msgspec.convert({"sources": []} | usable, Config, dec_hook=validation.parse)
        loaded, others = _checked(validation.below(config, folder))
        problems += [text for text in others if "sources" in usable or not text.startswith("sources:")]
    if problems:
        raise ConfigError([prefix + problem for problem in problems])
    return loaded


def _normalised(data: Any) -> Any:
    """Return the data with the long form of what may be shortened: segments, and versions that are whole numbers."""
    if not isinstance(data, dict):
        return data
    if isinstance(segments := data.get("segments"), list):
        data = data | {"segments": [{"name": item} if isinstance(item, str) else item for item in segments]}
    for key in ("models", "versions"):
        if isinstance(inner := data.get(key), dict):
            names = {name: str(name) if type(name) is int else name for name in inner}
            data = data | {key: {names[name]: _normalised(value) for name, value in inner.items()}}
    return data


def _checked(config: Config) -> tuple[LoadedConfig, list[str]]:
    """Read the references, and return all mistakes that types do not show, each starting with its key."""
    profiles: dict[str, Profile] = {}
    problems = []
    for key, file in references(config).items():
        try:
            profiles[file] = profiles[file] if file in profiles else profile_file.read(Path(file))
        except (OSError, ProfileError) as error:
            reason = (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)
            problems.append(f"{key}: {file}: {reason}")
    models = resolve(config, profiles)
    return LoadedConfig(config, models), [*problems, *contradictions(config, models, profiles)]
