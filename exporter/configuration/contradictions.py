"""Contradictions: mistakes in a configuration that the types of its keys do not show."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from exporter.configuration import schemas, segments
from exporter.configuration.models import (
    ALL_MODELS,
    LoadedModel,
    LoadedModels,
    is_within,
    owner_of_reference,
    references,
    settings,
)
from exporter.configuration.schemas import LABEL_FIELDS
from exporter.configuration.settings import Config, VersionSettings
from exporter.configuration.thresholds import FEATURE_MEANINGS, MEANINGS, SHARES
from exporter.decoding.schema import ATTRIBUTIONS, FEATURES, RECORD_FIELDS, UNITS
from exporter.model_key import FIRST, OTHERS, ModelKey
from exporter.reference.profile import Profile
from exporter.units import MAX_WINDOWS_AGO
from exporter.validation import nearest
from exporter.web import loading as web
from exporter.web.loading import WebConfigError

BUSINESS_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Metrics of another figure end with them.
BUSINESS_SUFFIXES = ("_negative", "_rejected")


def contradictions(config: Config, models: LoadedModels, profiles: Mapping[str, Profile]) -> Iterator[str]:
    """Yield every mistake, each starting with its key; `profiles` are the references that could be read, by file."""
    yield from _about_sources(config)
    yield from schemas.problems(models)
    yield from dict.fromkeys(segments.problems(models.values()))
    yield from _about_models(config, profiles)
    yield from _about_business(config)
    yield from _about_fields(config)
    yield from _about_windows(config)
    yield from _about_thresholds("", config.thresholds)
    for each in settings(config):
        yield from _about_thresholds(f"{each.path}.", each.own.thresholds)
    yield from _about_files(config)
    # Without a reference that cannot be read, these would be misleading.
    if all(file in profiles for file in references(config).values()):
        yield from dict.fromkeys(_about_predictions(config, models))
        yield from _about_features(config, models)
        yield from _about_exported_bins(config, {name for model in models.values() for name in model.features})


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
    for index, source in enumerate(config.sources):
        if source.format.name == "arrow" and source.records.where:
            yield f"sources[{index}].where: `arrow` has columns, and no lines that could be skipped"
    for index, source in enumerate(config.label_sources):
        if not source.format.carries_labels:
            yield f"ground_truth.sources[{index}].format: `{source.format.name}` is for predictions"


def _about_fields(config: Config) -> Iterator[str]:
    """Yield fields that records or labels do not have, and rules that their fields do not have."""
    of_records = {"": config.fields} | {f"sources[{n}].": each.records.fields for n, each in enumerate(config.sources)}
    of_labels = {"ground_truth.": config.ground_truth.fields if config.ground_truth else {}}
    of_labels |= {f"ground_truth.sources[{n}].": each.records.fields for n, each in enumerate(config.label_sources)}
    for path, rules in of_records.items():
        for name in (name for name in rules if name not in RECORD_FIELDS):
            yield f"{path}fields.{name}: no such record field{nearest(name, RECORD_FIELDS, UNITS)}"
    for path, rules in of_labels.items():
        for name in (name for name in rules if name not in LABEL_FIELDS):
            yield f"{path}fields.{name}: a ground-truth label has no such field{nearest(name, LABEL_FIELDS, UNITS)}"
    for path, rules in (of_records | of_labels).items():
        for name, rule in rules.items():
            if rule.condition and name != "error_type":
                yield f"{path}fields.{name}: only `error_type` has `from`, `below`, `prefix` and `when`"
            if rule.names is not None and name not in (FEATURES, ATTRIBUTIONS):
                yield f"{path}fields.{name}.names: only `features` and `attributions` have names"
            if rule.classes and name not in ("probability", "prediction"):
                yield f"{path}fields.{name}.classes: only `probability` and `prediction` have classes"


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


def _about_models(config: Config, profiles: Mapping[str, Profile]) -> Iterator[str]:
    for name, model in config.models.items():
        if name == ALL_MODELS and model.reference:
            yield f"models.{name}.reference: a reference is for one model; give it as models.NAME.reference"
        if name == ALL_MODELS and model.versions:
            yield f"models.{name}.versions: versions are of one model"
    if not config.reference:
        return
    owner = owner_of_reference(config, profiles.get(config.reference))
    if owner == FIRST and len(config.models.keys() - {ALL_MODELS}) > 1:
        yield "reference: it does not say which of the `models` it is for; give it as models.NAME.reference"
    elif owner.name in config.models and config.models[owner.name].reference:
        yield f"reference: it is for {owner.name}, which has another one at models.{owner.name}.reference"


def _about_predictions(config: Config, models: LoadedModels) -> Iterator[str]:
    """Yield what contradicts a model's reference, with the place of the most specific setting."""
    of_keys = {each.key: each for each in settings(config)}
    for key, model in models.items():
        profile, kind, positive = model.profile, model.config.prediction, model.config.positive_class
        favourable = model.config.favourable

        def at(name: str, key: ModelKey = key) -> str:
            places = [of_keys[each] for each in (key, ModelKey(key.name), OTHERS) if each in of_keys]
            return next((f"{each.path}.{name}" for each in places if getattr(each.own, name) is not None), name)

        if profile and profile.prediction and kind and (kind == "value") != profile.predicts_values:
            described = "values" if profile.predicts_values else "classes"
            yield f"{at('prediction')}: the reference describes {described}; make it with `profile --prediction {kind}`"
        elif positive is not None and model.prediction_kind == "value":
            yield f"{at('positive_class')}: predictions are values, not classes"
        elif positive is not None and profile and profile.classes and str(positive) not in profile.classes:
            yield f"{at('positive_class')}: expected one of {', '.join(sorted(profile.classes))}, got {positive}"
        elif positive is not None and profile and len(profile.classes) > 2:  # noqa: PLR2004  # it and the other one
            yield f"{at('positive_class')}: expected a model of two classes, got {len(profile.classes)}"
        if favourable is not None and model.prediction_kind == "value":
            yield f"{at('favourable')}: predictions are values, not classes"
        elif favourable is not None and profile and profile.classes and str(favourable) not in profile.classes:
            yield f"{at('favourable')}: expected one of {', '.join(sorted(profile.classes))}, got {favourable}"


def _about_features(config: Config, models: LoadedModels) -> Iterator[str]:
    """Yield the features that no reference of the models has that the settings are for, or only with another kind."""
    of_all: tuple[str, Config | VersionSettings, list[LoadedModel]] = ("", config, [*models.values()])
    of_one = [
        (f"{each.path}.", each.own, [model for key, model in models.items() if is_within(key, each.key)])
        for each in settings(config)
    ]
    for path, own, of_models in (of_all, *of_one):
        names = {name for model in of_models for name in model.features}
        numeric = {name for model in of_models if model.profile for name in model.profile.numeric}
        expected = [(f"{path}expected[{place}].feature", change.feature) for place, change in enumerate(own.expected)]
        for at, name in (*((f"{path}features.{name}", name) for name in own.features), *expected):
            if not names:
                yield f"{at}: the features are those of the reference, and there is none"
            elif name not in names:
                yield f"{at}: no such feature of the reference{nearest(name, names)}"
        for name, feature in own.features.items():
            at = f"{path}features.{name}"
            if feature.bounds and not feature.ignore and name in names - numeric:
                yield f"{at}.bounds: only a numeric feature has bounds"
            yield from _about_thresholds(f"{at}.", feature.thresholds, FEATURE_MEANINGS)


def _about_exported_bins(config: Config, features: Collection[str]) -> Iterator[str]:
    if config.exported_bins and not references(config):
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


def _about_thresholds(
    path: str, thresholds: Mapping[str, float], meanings: Mapping[str, str] = MEANINGS
) -> Iterator[str]:
    for name in thresholds:
        if name not in meanings:
            yield f"{path}thresholds.{name}: no such threshold{nearest(name, meanings, meanings)}"
    for name in sorted(thresholds.keys() & SHARES):
        if thresholds[name] > 1:
            yield f"{path}thresholds.{name}: expected a share from 0 to 1, got {thresholds[name]:g}"


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
