"""What is read of each source's records: the one place that makes schemas and mappings of a configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC

import msgspec

from exporter.configuration import segments
from exporter.configuration.models import LoadedModel, LoadedModels, settings
from exporter.configuration.settings import Config, ModelConfig
from exporter.configuration.source_config import SourceConfig
from exporter.decoding.conditions import Where
from exporter.decoding.field_rule import FieldRule
from exporter.decoding.mapping import AMOUNTS, SEGMENTS, RecordMapping
from exporter.decoding.pairs import PairOptions
from exporter.decoding.schema import (
    DEFAULT_FIELDS,
    TIMESTAMP_UNITS,
    Schema,
    SchemaProblem,
    SegmentField,
    merged_fields,
)
from exporter.formats.format import Format
from exporter.units import FieldPath

# The fields of a ground-truth label, and what each is decoded as: `actual` takes the place of the prediction.
LABEL_FIELDS = {"request_id": "request_id", "actual": "prediction", **{name: name for name in TIMESTAMP_UNITS}}
# By the positive class of two, the other one.
OPPOSITES = {"1": "0", "true": "false", "yes": "no", "positive": "negative"}


def where_of(config: Config, source: SourceConfig) -> Where:
    """Return what lines of a source must have to be records."""
    return source.records.where if source in config.label_sources else source.records.where.over(config.where)


def model_of(config: Config, source: SourceConfig) -> ModelConfig:
    """Return the model of a source's records that do not name one."""
    own = {name: value for name, value in msgspec.structs.asdict(source.records.model).items() if value is not None}
    return msgspec.structs.replace(config.model or ModelConfig(), **own)


def pair_of(source: SourceConfig) -> PairOptions | None:
    """Return how requests and responses of a source are joined, if they are lines of their own."""
    return source.records.pair or source.format.pair


def rules_of(config: Config, source: SourceConfig) -> Mapping[str, FieldRule]:
    """Return how fields of a source's records are read, if that is configured, by their names in a schema."""
    if source not in config.label_sources:
        return source.format.fields(merged_fields(source.records.fields, config.fields))
    configured = merged_fields(source.records.fields, config.ground_truth.fields if config.ground_truth else {})
    rules = {LABEL_FIELDS[name]: rule for name, rule in configured.items() if name in LABEL_FIELDS}
    return {"prediction": FieldRule(FieldPath(("actual",)))} | rules


def schema_of(model: LoadedModel, source: SourceConfig) -> Schema:
    """Return what is read of a source's records, predictions of a model or labels."""
    config, profile, *_ = model
    is_labels = source in config.label_sources
    rules = rules_of(config, source)
    is_mapped = needs_mapping(config, source)
    classes = next((rules[name].classes for name in ("probability", "prediction") if name in rules), ())
    reads = (*DEFAULT_FIELDS, "request_id") if config.reads_request_ids else DEFAULT_FIELDS
    zone = source.records.time_zone or config.time_zone
    general = Schema(
        {
            name: (name,) if is_mapped else rule.path.keys or ()
            for name, rule in rules.items()
            if is_mapped or rule.path.keys is not None
        },
        reads=("request_id", "prediction", "timestamp") if is_labels else reads,
        segments={} if is_labels else _segment_fields(model, is_mapped=is_mapped),
        amounts={
            name: (AMOUNTS, name) if is_mapped else path.keys or () for name, path in _amounts(config, source).items()
        },
        score_classes=classes,
        zone=zone.zone if zone else UTC,
    )
    if is_labels:
        return general
    positive, negative = _two_classes(model, classes)
    general = replace(general, prediction_kind=model.prediction_kind, positive_class=positive, negative_class=negative)
    if not profile:
        return general
    return replace(
        general,
        ignored=tuple(name for name in model.features if name not in profile.features),
        numeric=tuple(profile.numeric),
        categorical=tuple(profile.categorical),
        vectors={name: vector.dimension for name, vector in profile.vectors.items()},
        classes=profile.classes if profile.calibration or config.ground_truth else (),
        attributions=tuple(profile.attributions or ()),
    )


def needs_mapping(config: Config, source: SourceConfig) -> bool:
    """Return whether lines become rows of another shape first, which takes longer than reading paths of keys."""
    if type(source.format).rows is not Format.rows or source.format.name == "arrow":
        return False
    paths = [*_amounts(config, source).values()]
    if source not in config.label_sources:
        of_models = (each.own.segments or () for each in settings(config))
        paths += [path for own in (config.segments, *of_models) for path in map(segments.path_of, own) if path]
    return (
        source.format.parse is not None
        or pair_of(source) is not None
        or source.records.path_fields is not None
        or any(path.keys is None for path in paths)
        or not all(rule.is_plain for rule in rules_of(config, source).values())
    )


def mapping_of(models: LoadedModels, source: SourceConfig) -> RecordMapping | None:
    """Return how the rows of a source become records, if they do not lie at paths of keys."""
    config = next(iter(models.values())).config
    if not needs_mapping(config, source):
        return None
    rules = rules_of(config, source)
    read = dict.fromkeys(name for model in models.values() for name in schema_of(model, source).paths)
    split_by = [] if source in config.label_sources else [*models.values()]
    paths = [segment.path for model in split_by for segment in segments.resolve(model) if segment.path is not None]
    return RecordMapping(
        {name: rules.get(name) or FieldRule(FieldPath((name,))) for name in read},
        {str(path): path for path in paths},
        _amounts(config, source),
        source.records.path_fields,
        pair_of(source),
    )


def _amounts(config: Config, source: SourceConfig) -> dict[str, FieldPath]:
    """Return the paths of the amounts in a source's records."""
    is_labels = source in config.label_sources
    paths = {figure.name: figure.truth if is_labels else figure.field for figure in config.business}
    return {name: path for name, path in paths.items() if path}


def _segment_fields(model: LoadedModel, *, is_mapped: bool) -> dict[str, SegmentField]:
    return {
        segment.name: SegmentField((SEGMENTS, str(path)) if is_mapped else path.keys or (), segment.bounds)
        if (path := segment.path) is not None
        else SegmentField(None, segment.bounds, segment.of)
        for segment in segments.resolve(model)
    }


def _two_classes(model: LoadedModel, classes: tuple[str, ...]) -> tuple[str | None, str | None]:
    """Return the class of a single score, and the other one, if they are known."""
    configured, two = model.config.positive_class, 2
    if model.prediction_kind == "value" or (configured is None and len(classes) != two):
        return (None if configured is None else str(configured)), None
    positive = classes[1] if configured is None else str(configured)
    for known in (classes, model.profile.classes if model.profile else ()):
        others = [name for name in known if name != positive]
        if len(known) == two and len(others) == 1:
            return positive, others[0]
    return positive, OPPOSITES.get(positive, f"not {positive}")


def problems(models: LoadedModels) -> Iterator[str]:
    """Yield what cannot be read of some source's records, each starting with its key."""
    yield from dict.fromkeys(text for model in models.values() for text in _problems(model))


def _problems(model: LoadedModel) -> Iterator[str]:
    config = model.config
    sources = {f"sources[{index}]": source for index, source in enumerate(config.sources)}
    sources |= {f"ground_truth.sources[{index}]": source for index, source in enumerate(config.label_sources)}
    for key, source in sources.items():
        for problem in schema_of(model, source).problems:
            yield f"{_key(model, key, source, problem)}: {problem.text}"
        if not needs_mapping(config, source):
            yield from _unreadable(key, source, rules_of(config, source))


def _key(model: LoadedModel, key: str, source: SourceConfig, problem: SchemaProblem) -> str:
    """Return the key of a problem of the source at `key`."""
    config = model.config
    labels = config.ground_truth if source in config.label_sources else None
    if problem.kind in ("segment", "band"):
        return f"{model.segments_at}[{[segment.name for segment in config.segments].index(problem.name)}]"
    if problem.kind == "amount":
        index = [figure.name for figure in config.business].index(problem.name)
        return f"business[{index}].{'truth' if labels else 'field'}"
    if problem.kind == "field" and problem.name in source.format.__struct_fields__:
        return f"{key}.{problem.name}"
    prefix, paths, name = "fields", config.fields, problem.name
    if labels:
        names = {field: label for label, field in LABEL_FIELDS.items()}
        prefix, paths, name = "ground_truth.fields", labels.fields, names.get(name, name)
    if name in source.records.fields:
        prefix, paths = f"{key}.fields", source.records.fields
    return f"{prefix}.{name}" if problem.kind == "field" and name in paths else prefix


def _unreadable(key: str, source: SourceConfig, rules: Mapping[str, FieldRule]) -> Iterator[str]:
    """Yield the rules that a format cannot use which makes rows, or columns, of its own."""
    if source.records.fields and not rules:
        yield f"{key}.fields: the fields of `format: {source.format.name}` are known"
    if source.records.pair:
        yield f"{key}.pair: `format: {source.format.name}` has no pairs of lines"
    for name, rule in rules.items():
        if not rule.is_plain:
            yield f"{key}.fields.{name}: `format: {source.format.name}` reads paths of keys only"
