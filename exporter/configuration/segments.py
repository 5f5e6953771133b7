"""Segments: what predictions are split by."""

from collections.abc import Collection, Iterator, Mapping

from exporter.configuration.models import LoadedModel
from exporter.configuration.settings import Config, SegmentConfig
from exporter.decoding.schema import FEATURES, RECORD_FIELDS
from exporter.decoding.segment_values import band_names
from exporter.engine.plan import SegmentDimension
from exporter.reference.profile import Categorical, Feature, Numeric, Profile, Vector
from exporter.units import FieldPath
from exporter.validation import nearest

# How many segments may be combined.
COMBINED = (2, 3)


def resolve(model: LoadedModel) -> list[SegmentDimension]:
    """Return what predictions are split by, without the segments that `problems` are about."""
    found = [_resolve(segment, model) for segment in model.config.segments]
    usable = {segment.name: segment for segment in found if isinstance(segment, SegmentDimension)}
    return [segment for segment in usable.values() if usable.keys() >= {*segment.of}]


def problems(models: Collection[LoadedModel]) -> Iterator[str]:
    """Yield mistakes, each starting with its key; paths that contradict each other are found by `schemas`."""
    compared = {model.segments_at for model in models if model.config.favourable is not None}
    for model in models:
        names = [segment.name for segment in model.config.segments]
        for index, segment in enumerate(model.config.segments):
            key = f"{model.segments_at}[{index}]"
            found = _resolve(segment, model)
            if isinstance(found, str):
                yield f"{key}{found}"
            elif segment.name in names[:index]:
                yield f"{key}: duplicate {segment.name}"
            if segment.protected and model.segments_at not in compared:
                yield f"{key}.protected: needs `favourable`, the class that is good for the person concerned"


def notes(model: LoadedModel) -> Iterator[str]:
    """Yield what is not a mistake, but may be unintended."""
    known = model.profile.features if model.profile else {}
    limit = model.config.limits.segment_values
    for index, segment in enumerate(model.config.segments):
        is_path = segment.path is None and not segment.of and "." not in segment.name
        if is_path and segment.name not in (*known, *RECORD_FIELDS):
            near = nearest(segment.name, known) if known else ""
            text = f"{segment.name} is not a known feature; it is read from the record itself{near}"
            yield f"{model.segments_at}[{index}]: {text}"
        if len(segment.bounds) >= limit:
            text = f"{len(segment.bounds) + 1} bands, but `limits.segment_values` is {limit}; the last count as `other`"
            yield f"{model.segments_at}[{index}].bounds: {text}"


def path_of(segment: SegmentConfig) -> FieldPath | None:
    """Return the path of a segment that is not a feature; None if its name is not a path."""
    if segment.of:
        return None
    try:
        return FieldPath.parse(segment.name) if segment.path is None else segment.path
    except ValueError:
        return None


def features_of(config: Config, profile: Profile) -> dict[str, frozenset[str]]:
    """Return the features that define each segment: its values differ in them by definition."""
    features = (config.fields[FEATURES].path.keys or ()) if FEATURES in config.fields else (FEATURES,)
    paths = {(*features, name): name for name in profile.features}
    own = {}
    for segment in config.segments:
        path = (*features, segment.name) if segment.path is None else segment.path.keys or ()
        own[segment.name] = frozenset({paths[path]} if path in paths else ())
    return {
        segment.name: frozenset().union(*(own[part] for part in segment.of or (segment.name,)))
        for segment in config.segments
    }


def _resolve(segment: SegmentConfig, model: LoadedModel) -> SegmentDimension | str:
    """Return what a segment is, or what is wrong with it, starting with the key within the segment."""
    if segment.of:
        return _combination(segment, model.config)
    features = model.profile.features if model.profile and segment.path is None else {}
    if segment.name in features:
        return _of_feature(segment, features)
    try:
        path = FieldPath.parse(segment.name) if segment.path is None else segment.path
    except ValueError as error:
        return f": {error}"
    if not path:
        return ": expected a path such as request.channel, not the record itself"
    return SegmentDimension(segment.name, path, _bands(segment), segment.bounds)


def _of_feature(segment: SegmentConfig, features: Mapping[str, Feature | Vector]) -> SegmentDimension | str:
    name, feature = segment.name, features[segment.name]
    expected = Numeric if segment.bounds else Categorical
    if not isinstance(feature, expected):
        hint = ", or `bounds` that split it into bands" if isinstance(feature, Numeric) else ""
        alike = nearest(name, [name for name, each in features.items() if isinstance(each, expected)])
        kinds = feature.__struct_config__.tag, expected.__struct_config__.tag
        return f": {name} is a {kinds[0]} feature, expected a {kinds[1]} one{hint}{alike}"
    if isinstance(feature, Categorical):
        categories = feature.categories
        return SegmentDimension(name, None, tuple(sorted(categories, key=categories.__getitem__, reverse=True)))
    return SegmentDimension(name, None, _bands(segment), segment.bounds)


def _bands(segment: SegmentConfig) -> tuple[str, ...]:
    return band_names(segment.bounds) if segment.bounds else ()


def _combination(segment: SegmentConfig, config: Config) -> SegmentDimension | str:
    if segment.path is not None or segment.bounds:
        return ": give `path` and `bounds` to the segments that are combined, not to the combination"
    single = [each.name for each in config.segments if not each.of]
    if unknown := next((name for name in segment.of if name not in single), None):
        if unknown in (each.name for each in config.segments):
            return f".of: {unknown} is a combination itself"
        return f".of: {unknown} is not a segment{nearest(unknown, single)}"
    if len({*segment.of}) != len(segment.of) or len(segment.of) not in COMBINED:
        return f".of: expected {COMBINED[0]} or {COMBINED[-1]} different segments"
    return SegmentDimension(segment.name, None, of=segment.of)
