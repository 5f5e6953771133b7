"""What is read of each source's records: the one place that makes a schema of a configuration."""

from collections.abc import Iterator
from dataclasses import replace

from exporter.configuration import segments
from exporter.configuration.models import LoadedModel, LoadedModels
from exporter.configuration.settings import Config
from exporter.configuration.source_config import SourceConfig
from exporter.decoding.schema import DEFAULT_FIELDS, Schema, SchemaProblem

# The fields of a ground-truth label, and what each is decoded as: `actual` takes the place of the prediction.
LABEL_FIELDS = {
    "request_id": "request_id",
    "actual": "prediction",
    "timestamp": "timestamp",
    "timestamp_ms": "timestamp_ms",
}


def schema_of(model: LoadedModel, source: SourceConfig) -> Schema:
    """Return what is read of a source's records, predictions of a model or labels."""
    config, profile, *_ = model
    if source in config.label_sources:
        return _label_schema(config)
    amounts = {figure.name: figure.field for figure in config.business if figure.field}
    reads = (*DEFAULT_FIELDS, "request_id") if config.reads_request_ids else DEFAULT_FIELDS
    fields = source.format.fields(config.fields)
    split_by = {segment.name: segment.path for segment in segments.resolve(model)}
    general = Schema(
        fields,
        reads=reads,
        segments=split_by,
        amounts=amounts,
        prediction_kind=model.prediction_kind,
        positive_class=None if config.positive_class is None else str(config.positive_class),
    )
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


def _label_schema(config: Config) -> Schema:
    paths = config.ground_truth.fields if config.ground_truth else {}
    fields = {"prediction": ("actual",)} | {
        LABEL_FIELDS[name]: path for name, path in paths.items() if name in LABEL_FIELDS
    }
    return Schema(
        fields,
        reads=("request_id", "prediction", "timestamp"),
        amounts={figure.name: figure.truth for figure in config.business if figure.truth},
    )


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


def _key(model: LoadedModel, key: str, source: SourceConfig, problem: SchemaProblem) -> str:
    """Return the key of a problem of the source at `key`."""
    config = model.config
    labels = config.ground_truth if source in config.label_sources else None
    if problem.kind == "segment":
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
    return f"{prefix}.{name}" if problem.kind == "field" and name in paths else prefix
