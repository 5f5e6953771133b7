"""The settings of each model and version: the general ones, with the more specific ones in their place."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from exporter.configuration.settings import Config, VersionSettings
from exporter.decoding.columns import PredictionKind
from exporter.model_key import FIRST, OTHERS, ModelKey
from exporter.reference.profile import Profile

ALL_MODELS = "*"


class LoadedModel(NamedTuple):
    """The configuration as it is for one model, and its reference without the features that are ignored.

    `features` are the names of all features of the reference, in order. `segments_at` is the path of its segments in
    the configuration.
    """

    config: Config
    profile: Profile | None = None
    features: tuple[str, ...] = ()
    segments_at: str = "segments"

    @property
    def prediction_kind(self) -> PredictionKind | None:
        """What predictions are; None if each one shows it, as a reference with classes may not know them all."""
        return self.config.prediction or ("value" if self.profile and self.profile.predicts_values else None)


LoadedModels = Mapping[ModelKey, LoadedModel]


class Settings(NamedTuple):
    """The settings that the configuration has for a key, and their place in it; OTHERS has those of `"*"`."""

    key: ModelKey
    path: str
    own: VersionSettings


def settings(config: Config) -> Iterator[Settings]:
    """Yield the settings in `models`, each model's before those of its versions."""
    for name, model in config.models.items():
        path = f"models.{name}"
        yield Settings(OTHERS if name == ALL_MODELS else ModelKey(name), path, model)
        for version, own in model.versions.items():
            yield Settings(ModelKey(name, version), f"{path}.versions.{version}", own)


def references(config: Config) -> dict[str, str]:
    """Return the files of all references, by their places in the configuration."""
    files = {"reference": config.reference}
    files |= {f"{each.path}.reference": each.own.reference for each in settings(config)}
    return {path: file for path, file in files.items() if file is not None}


def is_within(key: ModelKey, wider: ModelKey) -> bool:
    """Return whether the settings of `wider` are also for the records of a key."""
    return wider in (OTHERS, key, ModelKey(key.name))


def resolve(config: Config, profiles: Mapping[str, Profile]) -> LoadedModels:
    """Return what each key is run with; `profiles` are the references by file."""
    given = {each.key: each for each in settings(config)}
    main = profiles.get(config.reference) if config.reference else None
    owner = owner_of_reference(config, main)
    general = LoadedModel(config)
    models = {OTHERS: _with(general, given[OTHERS]) if OTHERS in given else general}
    # Models come before their versions.
    for key in sorted({*given, *([owner] if main else [])}, key=lambda key: key.version is not None):
        model = models.get(ModelKey(key.name), models[OTHERS])
        model = _with(model, given[key]) if key in given else model
        file = given[key].own.reference if key in given else None
        profile = profiles.get(file) if file else main if key == owner else model.profile
        models[key] = model._replace(profile=profile)
    return {key: _monitored(model) for key, model in models.items()}


def owner_of_reference(config: Config, profile: Profile | None) -> ModelKey:
    """Return which records the general reference is for."""
    name = (profile and profile.model_name) or (config.model and config.model.name)
    if name:
        return ModelKey(name)
    without = [name for name, model in config.models.items() if name != ALL_MODELS and not model.reference]
    return ModelKey(without[0]) if len(without) == 1 else FIRST


def _with(model: LoadedModel, settings: Settings) -> LoadedModel:
    """Return what a model is run with, with more specific settings."""
    config, own = model.config, settings.own
    return LoadedModel(
        msgspec.structs.replace(
            config,
            thresholds=config.thresholds | own.thresholds,
            segments=config.segments if own.segments is None else own.segments,
            features=config.features | own.features,
            expected=(*config.expected, *own.expected),
            prediction=config.prediction if own.prediction is None else own.prediction,
            positive_class=config.positive_class if own.positive_class is None else own.positive_class,
            favourable=config.favourable if own.favourable is None else own.favourable,
        ),
        model.profile,
        segments_at=model.segments_at if own.segments is None else f"{settings.path}.segments",
    )


def _monitored(model: LoadedModel) -> LoadedModel:
    if model.profile is None:
        return model
    features = model.config.features
    ignored = [name for name in model.profile.features if name in features and features[name].ignore]
    profile = model.profile.without(ignored) if ignored else model.profile
    return model._replace(profile=profile, features=tuple(model.profile.features))
