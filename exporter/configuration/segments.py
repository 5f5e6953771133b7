"""Segments: what predictions are split by."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.configuration.settings import Config, SegmentConfig
from exporter.decoding.schema import RECORD_FIELDS
from exporter.engine.plan import SegmentDimension
from exporter.reference.profile import Categorical, Numeric, Profile, Vector
from exporter.units import FieldPath
from exporter.validation import nearest


def resolve(config: Config, profile: Profile | None) -> list[SegmentDimension]:
    """Return what predictions are split by, without the segments that `problems` are about."""
    found = [_resolve(segment, profile) for segment in config.segments]
    return [segment for segment in found if isinstance(segment, SegmentDimension)]


def problems(config: Config, profile: Profile | None) -> Iterator[str]:
    """Yield mistakes, each starting with its key; paths that contradict each other are found by `schemas`."""
    names = [segment.name for segment in config.segments]
    for index, segment in enumerate(config.segments):
        found = _resolve(segment, profile)
        if isinstance(found, str):
            yield f"segments[{index}]: {found}"
        elif segment.name in names[:index]:
            yield f"segments[{index}]: duplicate {segment.name}"


def notes(config: Config, profile: Profile | None) -> Iterator[str]:
    """Yield what is not a mistake, but may be unintended."""
    known = profile.categorical if profile else {}
    for index, segment in enumerate(config.segments):
        if segment.path is None and segment.name not in (*known, *RECORD_FIELDS) and "." not in segment.name:
            near = nearest(segment.name, known) if known else ""
            yield f"segments[{index}]: {segment.name} is not a known feature; it is read from the record itself{near}"


def _resolve(segment: SegmentConfig, profile: Profile | None) -> SegmentDimension | str:
    """Return what a segment is, or what is wrong with it."""
    features = profile.features if profile and segment.path is None else {}
    match features.get(segment.name):
        case Categorical(categories=known):
            return SegmentDimension(segment.name, None, tuple(sorted(known, key=known.__getitem__, reverse=True)))
        case Numeric() | Vector() as feature:
            kind = "numeric" if isinstance(feature, Numeric) else "vector"
            categorical = [name for name, each in features.items() if isinstance(each, Categorical)]
            return f"{segment.name} is a {kind} feature, expected a categorical one{nearest(segment.name, categorical)}"
    try:
        path = FieldPath.parse(segment.name) if segment.path is None else segment.path
    except ValueError as error:
        return str(error)
    return (
        SegmentDimension(segment.name, path)
        if path
        else "expected a path such as request.channel, not the record itself"
    )
