"""Segments as the configuration has them: what each is split by, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from exporter.configuration import presets
from exporter.configuration.settings import Config
from exporter.configuration.units import FieldPath
from exporter.configuration.validation import nearest
from exporter.decoding.schema import FEATURES, RECORD_FIELDS, Path, Schema, SchemaError
from exporter.engine.plan import SegmentDimension
from exporter.reference.profile import Categorical, Numeric, Profile, Vector


def resolve(config: Config, profile: Profile | None) -> list[SegmentDimension]:
    """Return what each segment is split by; raises ValueError where it can be split by no such thing."""
    return [_resolve(segment.name, segment.path, profile) for segment in config.segments]


def _resolve(name: str, path: Path | None, profile: Profile | None) -> SegmentDimension:
    features = profile.features if profile and path is None else {}
    match features.get(name):
        case Categorical(categories=known):
            return SegmentDimension(name, None, tuple(sorted(known, key=known.__getitem__, reverse=True)))
        case Numeric() | Vector() as other:
            kind = "numeric" if isinstance(other, Numeric) else "vector"
            categorical = [name for name, feature in features.items() if isinstance(feature, Categorical)]
            raise ValueError(f"{name} is a {kind} feature, expected a categorical one{nearest(name, categorical)}")
    path = FieldPath.parse(name) if path is None else path
    if not path:
        raise ValueError("expected a path such as request.channel, and not that of the record itself")
    return SegmentDimension(name, path)


def paths(segments: Sequence[SegmentDimension]) -> dict[str, Path | None]:
    """Return where each segment's values lie, as a Schema has it."""
    return {segment.name: segment.path for segment in segments}


def problems(config: Config, profile: Profile | None) -> Iterator[str]:
    """Yield mistakes, each beginning with its key; those of `fields` are told elsewhere."""
    schemas = [schema for schema in _schemas(config, profile) if _is_sound(schema)]
    good: dict[str, Path | None] = {}
    for index, segment in enumerate(config.segments):
        try:
            tried = good | paths([_resolve(segment.name, segment.path, profile)])
            for schema in schemas:
                replace(schema, segments=tried).tree()
        except ValueError as error:
            yield f"segments[{index}]: {error}"
        else:
            if segment.name in good:
                yield f"segments[{index}]: {segment.name} is there twice"
            good = tried


def _schemas(config: Config, profile: Profile | None) -> Iterator[Schema]:
    """Yield what is read of each source besides segments."""
    fields: dict[str, Path] = {
        name: path for name, path in config.fields.items() if name in RECORD_FIELDS and (path or name == FEATURES)
    }
    vectors = {name: vector.dimension for name, vector in profile.vectors.items()} if profile else {}
    features = (tuple(profile.numeric), tuple(profile.categorical)) if profile else ((), ())
    attributed = tuple(profile.attributions or ()) if profile else ()
    for source in config.sources:
        read = presets.fields(source, fields)
        yield Schema(read, *features, vectors, config.fields_asked_for, attributions=attributed)


def _is_sound(schema: Schema) -> bool:
    try:
        schema.tree()
    except SchemaError:
        return False
    return True


def notes(config: Config, profile: Profile | None) -> Iterator[str]:
    """What is no mistake, but may not be meant."""
    known = profile.categorical if profile else {}
    for index, segment in enumerate(config.segments):
        if segment.path is None and segment.name not in (*known, *RECORD_FIELDS) and "." not in segment.name:
            near = nearest(segment.name, known) if known else ""
            yield f"segments[{index}]: {segment.name} is no known feature, and read from the record itself{near}"
