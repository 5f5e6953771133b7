"""Segments: what predictions are split by."""

from collections.abc import Iterator

from exporter.configuration.models import LoadedModel
from exporter.configuration.settings import SegmentConfig
from exporter.decoding.schema import RECORD_FIELDS
from exporter.engine.plan import SegmentDimension
from exporter.reference.profile import Categorical, Numeric, Profile, Vector
from exporter.units import FieldPath
from exporter.validation import nearest


def resolve(model: LoadedModel) -> list[SegmentDimension]:
    """Return what predictions are split by, without the segments that `problems` are about."""
    found = [_resolve(segment, model.profile) for segment in model.config.segments]
    return [segment for segment in found if isinstance(segment, SegmentDimension)]


def problems(model: LoadedModel) -> Iterator[str]:
    """Yield mistakes, each starting with its key; paths that contradict each other are found by `schemas`."""
    names = [segment.name for segment in model.config.segments]
    for index, segment in enumerate(model.config.segments):
        found = _resolve(segment, model.profile)
        if isinstance(found, str):
            yield f"{model.segments_at}[{index}]: {found}"
        elif segment.name in names[:index]:
            yield f"{model.segments_at}[{index}]: duplicate {segment.name}"


def notes(model: LoadedModel) -> Iterator[str]:
    """Yield what is not a mistake, but may be unintended."""
    known = model.profile.categorical if model.profile else {}
    for index, segment in enumerate(model.config.segments):
        if segment.path is None and segment.name not in (*known, *RECORD_FIELDS) and "." not in segment.name:
            near = nearest(segment.name, known) if known else ""
            text = f"{segment.name} is not a known feature; it is read from the record itself{near}"
            yield f"{model.segments_at}[{index}]: {text}"


def path_of(segment: SegmentConfig) -> FieldPath | None:
    """Return the path of a segment that is not a feature; None if its name is not a path."""
    try:
        return FieldPath.parse(segment.name) if segment.path is None else segment.path
    except ValueError:
        return None


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
