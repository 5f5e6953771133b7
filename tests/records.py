"""Records to test with: a reference profile, strategies that draw log lines good and bad, and builders of the core.

Numbers are drawn as multiples of 1/64, whose sums are exact, so that equal means equal whatever was added first.
"""

import json
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import numpy as np
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from exporter.assembly import planning
from exporter.assembly.measures import measures
from exporter.batch import NON_FINITE, WRONG_TYPE, Batch, Series
from exporter.configuration.models import LoadedModel, LoadedModels
from exporter.configuration.settings import Config, QualityConfig, SegmentConfig
from exporter.decoding.checks import Checks
from exporter.decoding.decode import Decoder, DecodeResult
from exporter.decoding.model_decoders import ModelDecoders
from exporter.decoding.pipeline import Pipeline
from exporter.decoding.schema import DEFAULT_FIELDS, Schema, SegmentField
from exporter.derived import Measures
from exporter.encoded import Encoded
from exporter.engine.engine import Engine
from exporter.engine.plan import Limits, ModelPlan, Plan, SegmentDimension
from exporter.exposition.collector import Collector
from exporter.lines.buffer import BadLine, Chunk, PendingLines, framed
from exporter.lines.framing import Framer, Lines
from exporter.lines.stream import Stream
from exporter.model_key import OTHERS
from exporter.reference.calibration import Calibration, ScoredClass
from exporter.reference.components import Components
from exporter.reference.profile import VERSION, Attribution, Categorical, Feature, Numeric, Profile, Vector
from exporter.reference.profile import records as records_of
from exporter.state.snapshot import Snapshot
from exporter.tallies.windows import Window
from exporter.units import Tails

T = TypeVar("T")

NOW = 1_700_000_000.0
PAST_SECONDS = 30 * 86400.0
FUTURE_SECONDS = 300.0
DEFAULT = Series("credit", "3")
WINDOWS = (Window("1m", 60.0), Window("1h", 3600.0))
SOURCE = "file:///log"
STREAM = Stream(SOURCE, "/log", 1, 2, 3)
# Latency in seconds, so that multiples of 1/64 stay what they are.
FIELDS = {"latency_seconds": ("latency_seconds",)}


def numeric(
    edges: Sequence[float],
    counts: Sequence[int] = (),
    *,
    least: float = 0.0,
    greatest: float = 100.0,
    missing: int = 0,
    other: int = 0,
) -> Numeric:
    """Make a numeric feature of a reference, with 100 values a bin where not told."""
    edges, counts = list(edges), list(counts) or [100] * (len(edges) + 1)
    return Numeric(
        edges=edges,
        counts=counts,
        missing=missing,
        other=other,
        mean=50.0,
        stddev=10.0,
        min=least,
        max=greatest,
        cuts=edges,
        cut_counts=counts,
        tail_means=(least, greatest),
    )


def attribution(mean_abs: float, edges: Sequence[float], counts: Sequence[int], *, missing: int = 0) -> Attribution:
    """Make what the predictions of a reference were attributed to a feature."""
    feature = numeric(edges, counts, least=-4.0, greatest=4.0, missing=missing)
    return Attribution(**msgspec.structs.asdict(feature), mean_abs=mean_abs)


def categorical(counts: Mapping[str, int], *, missing: int = 0, other: int = 0) -> Categorical:
    """Make a categorical feature of a reference."""
    return Categorical(categories=dict(counts), missing=missing, other=other, distinct=len(counts))


def vector(mean: Sequence[float], edges: Sequence[Sequence[float]], counts: Sequence[Sequence[int]]) -> Vector:
    """Make a vector feature of a reference, whose spread is 2."""
    return Vector(
        dimension=len(mean),
        mean=list(mean),
        spread=2.0,
        missing=0,
        other=0,
        edges=list(map(list, edges)),
        counts=list(map(list, counts)),
    )


def reference(
    features: Mapping[str, Feature | Vector],
    classes: Iterable[str] = (),
    components: Components | UnsetType = UNSET,
    calibration: Calibration | UnsetType = UNSET,
    attributions: dict[str, Attribution] | UnsetType = UNSET,
) -> Profile:
    """Make a reference profile."""
    known = dict.fromkeys(classes, 100)
    return Profile(
        version=VERSION,
        rows=max(1000, 0, *map(records_of, features.values())),
        features=dict(features),
        prediction=categorical(known) if known else None,
        components=components,
        calibration=calibration,
        attributions=attributions,
    )


PROFILE = reference(
    {
        "age": numeric([30.0, 40.0, 50.0], [250, 250, 250, 240], least=18.0, greatest=65.0, missing=10),
        "plan": categorical({"basic": 600, "missing": 100, "other": 200}, missing=50, other=50),
        "income": numeric([0.5], [500, 500], least=-8.0, greatest=8.0),
        "text": vector([0.5, -1.25, 0.0], [[-0.7113, 0.4142], [0.1618]], [[300, 300, 400], [600, 400]]),
        "country": categorical({"DE": 700, "FR": 290, "1": 10}),
    },
    classes=("approve", "deny"),
    components=Components(["income", "age"], [[0.6, 0.8]], explained=0.7, rows=500, error_mean=0.5, error_stddev=0.25),
    calibration=Calibration(
        rows=300,
        classes={
            "approve": ScoredClass([0.5, 0.75], [0, 40, 80], [0, 20, 72], [160, 20, 0], [8, 9, 0]),
            "deny": ScoredClass([0.375], [10, 170], [5, 165], [110, 10], [20, 4]),
        },
    ),
    attributions={
        "age": attribution(1.5, [-0.5, 0.25], [300, 300, 390], missing=10),
        "country=DE": attribution(0.25, [0.0], [700, 300]),
    },
)
# Limits that the few bins of PROFILE have.
CONFIG = Config(sources=[], quality=QualityConfig(outliers=Tails((0.3, 0.7))))
CHOSEN = measures(CONFIG, PROFILE)
SEGMENTED = measures(msgspec.structs.replace(CONFIG, segments=(SegmentConfig("country"),)), PROFILE)


def schema(
    profile: Profile | None = PROFILE,
    fields: Mapping[str, tuple[str, ...]] | None = None,
    asked_for: tuple[str, ...] = (),
    segments: Sequence[SegmentDimension] = (),
    classes: tuple[str, ...] | None = None,
    amounts: Mapping[str, tuple[str, ...]] | None = None,
) -> Schema:
    """Return the schema of a log; the default's latencies are in seconds, and its scores the profile says."""
    fields = FIELDS if fields is None else fields
    split_by = {segment.name: SegmentField(segment.path, segment.bounds, segment.of) for segment in segments}
    reads = (*DEFAULT_FIELDS, *asked_for)
    if classes is None:
        classes = tuple(profile.calibration.classes) if profile and profile.calibration else ()
    if not profile:
        return Schema(fields, reads=reads, segments=split_by, amounts=amounts or {}, classes=classes)
    vectors = {name: feature.dimension for name, feature in profile.vectors.items()}
    attributions = tuple(profile.attributions or ())
    return Schema(
        fields,
        tuple(profile.numeric),
        tuple(profile.categorical),
        vectors,
        reads,
        split_by,
        classes,
        attributions,
        amounts or {},
    )


def decoder(
    profile: Profile | None = PROFILE,
    fields: Mapping[str, tuple[str, ...]] | None = None,
    asked_for: tuple[str, ...] = (),
    segments: Sequence[SegmentDimension] = (),
    classes: tuple[str, ...] | None = None,
    amounts: Mapping[str, tuple[str, ...]] | None = None,
) -> Decoder:
    """Return a decoder of logs."""
    read = schema(profile, fields, asked_for, segments, classes, amounts)
    return Decoder(read, DEFAULT, Checks(PAST_SECONDS, FUTURE_SECONDS))


def pipeline(decoder: Decoder, framer: Framer = Lines) -> Pipeline:
    """Return a pipeline of lines that are decoded in the same way for all models."""
    return Pipeline(framer, ModelDecoders({OTHERS: decoder}, decoder))


def loaded_models(config: Config, profile: Profile | None) -> LoadedModels:
    """Return what a configuration is, with one reference for all models."""
    return {OTHERS: LoadedModel(config, profile, tuple(profile.features) if profile else ())}


def plan(config: Config, profile: Profile | None) -> tuple[Plan, Collector]:
    """Return the plan of a configuration, with one reference for all models, and what shows its results."""
    return planning.plan(config, loaded_models(config, profile))


def decoded_block(decoder: Decoder, block: bytes, now: float = NOW) -> DecodeResult:
    """Return what a block of lines is decoded to."""
    results = list(decoder.read(PendingLines([Chunk(STREAM, 0, block)]), now))
    (only,) = results or [DecodeResult(None, (), 0)]
    return only


def engine(
    *,
    chosen: Measures | None = None,
    profile: Profile | None = PROFILE,
    windows: Sequence[Window] = WINDOWS,
    sources: Iterable[str] = (SOURCE,),
    line_bytes: int = 4096,
    models: int = 20,
    classes: int = 100,
    errors: int = 100,
    known_series: Sequence[Series] = (),
    known_classes: Sequence[str] = (),
    request_ids: int = 0,
    segments: Sequence[SegmentDimension] = (),
    segment_values: int = 20,
    restored: Snapshot | None = None,
    report: Callable[[BadLine], None] = lambda _: None,
) -> Engine:
    """Return an engine of all statistics."""
    chosen = chosen or (SEGMENTED if segments else CHOSEN)
    of_model = decoder(profile, asked_for=("request_id",) if request_ids else (), segments=segments)
    features = tuple(profile.features) if profile else ()
    plan = Plan(
        {OTHERS: ModelPlan(chosen.statistics, known_classes, features, segments, chosen.segmented)},
        windows,
        dict.fromkeys(sources, pipeline(of_model)),
        Limits(
            line_bytes=line_bytes,
            models=models,
            prediction_classes=classes,
            error_types=errors,
            request_ids=request_ids,
            segment_values=segment_values,
        ),
        known_series=known_series,
    )
    return Engine(plan, restored, report)


def line(record: Any) -> bytes:
    """Spell a record as a line of a log; NaN and Infinity as Python's encoder writes them."""
    return json.dumps(record).encode() + b"\n"


def block(records: Iterable[Any]) -> bytes:
    return b"".join(map(line, records))


def good(**fields: Any) -> dict[str, Any]:
    """Return a record that is as it should be, with some fields of one's own."""
    return {"timestamp": NOW, "prediction": "approve"} | fields


dyadic = st.integers(-640, 64 * 80).map(lambda n: n / 64)
ages = st.one_of(st.sampled_from([17.0, 18, 30, 30.0, 40, 50.0, 65, 65.015625, None]), dyadic)
incomes = st.one_of(st.sampled_from([-8, 0.5, 8, 1e300, -1e300, 2**70, None]), dyadic)
countries = st.sampled_from(["DE", "FR", "XX", "", 1, 1.0, True, 2**70, None])
plans = st.sampled_from(["basic", "missing", "other", "gold", None])
texts = st.one_of(
    st.sampled_from([None, [1e300, -1.7e308, 0], [2**70, 0, 1]]), st.tuples(dyadic, dyadic, dyadic).map(list)
)
weird_texts = st.sampled_from(
    [[1, 2], [1, 2, 3, 4], [], "old", 3, [1, None, 2], [1, True, 2], [1, "2", 3], [[1, 2, 3]], {"a": 1}]
    + [[1, 2, bad] for bad in (float("nan"), float("inf"), -float("inf"), 10**400)]
)
weird = st.sampled_from([float("nan"), float("inf"), -float("inf"), True, "old", [1, 2], {"a": 1}])
sound_features = st.fixed_dictionaries(
    {}, optional={"age": ages, "income": incomes, "country": countries, "plan": plans, "text": texts}
)
features = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(values, values, weird)
        for name, values in {"age": ages, "income": incomes, "country": countries, "plan": plans}.items()
    }
    | {"text": st.one_of(texts, texts, weird_texts)},
)
attributed = st.one_of(st.sampled_from([-0.5, 0.25, 0, 1e300, 2**70, None]), dyadic)
sound_attributions = st.one_of(
    st.none(), st.fixed_dictionaries({}, optional={"age": attributed, "country=DE": attributed, "unknown": attributed})
)
attributions = st.one_of(
    sound_attributions,
    st.fixed_dictionaries({}, optional=dict.fromkeys(("age", "country=DE"), st.one_of(attributed, weird))),
    weird,
)
# Few distinct ones, so that records share their panes.
times = st.one_of(
    st.sampled_from([NOW, NOW, NOW - 0.5, NOW - 70, NOW - 70.5, NOW + 200, NOW - 29 * 86400, None]),
    st.sampled_from(["2023-11-14T22:13:20Z", "2023-11-14T23:12:20+01:00", "2023-11-14T22:10:20"]),
    st.integers(0, 8000).map(lambda second: NOW - second),
)
series_fields = st.sampled_from(
    [
        {},
        {},
        {"model_version": "4"},
        {"model_version": 4},
        {"model_name": "fraud"},
        {"model_name": "fraud\n", "model_version": 1.5},
    ]
)
outcomes = st.sampled_from(
    [
        {"prediction": "approve"},
        {"prediction": "deny"},
        {"prediction": 1},
        {"prediction": True},
        {"prediction": 0.25},
        {"prediction": "x" * 300},
        {"prediction": "new"},
        {"error_type": "timeout"},
        {"error_type": "oom", "prediction": "deny"},
        {"prediction": "approve", "error_type": ""},
    ]
)
latencies = st.one_of(
    st.sampled_from([0.25, 0.5, 1.0, 0, 1000, -1]), st.integers(0, 200).map(lambda n: n / 64), st.none()
)
probabilities = st.one_of(
    st.integers(0, 64).map(lambda n: n / 64),
    st.sampled_from([None, {"approve": 0.5, "deny": 0.25}, {"other": 0.125}, {}]),
)


def _records(
    features: st.SearchStrategy[dict[str, Any]], attributions: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    optional = {"features": features, "latency_seconds": latencies, "probability": probabilities}
    rest = st.fixed_dictionaries({}, optional=optional | {"attributions": attributions})
    parts = st.tuples(times.map(lambda time: {"timestamp": time}), series_fields, outcomes, rest)
    return parts.map(lambda drawn: drawn[0] | drawn[1] | drawn[2] | drawn[3])


# All is as it should be; a feature may be wrong; the record is refused.
sound_records = _records(sound_features, sound_attributions)
good_records = _records(features, attributions)
bad_records = st.sampled_from(
    [
        {},
        [],
        None,
        {"prediction": None},
        {"prediction": [["refused", "refused"]], "model_version": "refused"},
        {"prediction": "refused", "timestamp": NOW + 301},
        {"error_type": "refused", "timestamp": NOW - 31 * 86400},
        {"prediction": {"class": "refused"}},
        {"prediction": float("nan"), "probability": 1.5},
    ]
)
records = st.one_of(good_records, good_records, good_records, bad_records)
# Some records come several times, so that counts are more than 0 or 1.
logs = st.lists(st.tuples(records, st.integers(1, 3)), max_size=6).map(
    lambda drawn: [record for record, times in drawn for _ in range(times)]
)
# A log that has everything in it, for laws to be tried on first.
RICH: list[Any] = [
    *[good()] * 4,
    *(good(timestamp=NOW - 70, prediction="deny", features={"age": age}) for age in (17, 30, 41.5, 70, "old", 1e400)),
    *[
        good(model_version=4, features={"country": country})
        for country in ("DE", "XX", None, ["DE", "FR"], float("nan"))
    ]
    * 3,
    *[{"timestamp": NOW, "error_type": error, "latency_seconds": 2} for error in ("timeout", "oom", "timeout")] * 2,
    {"timestamp": NOW, "prediction": {"class": "refused"}, "latency_seconds": 1},
    *(good(prediction=1, latency_seconds=n / 4, probability=n / 8, features={"plan": "gold"}) for n in range(6)),
    *[good(prediction="new", model_name="fraud", features={"age": 30, "income": 9, "plan": "other"})] * 5,
    *[good(features={"text": text}) for text in ([1, 2, 3], [0.5, 1.25, -3], [1, 2], [1, float("nan"), 2], None)] * 3,
    *[good(attributions=given) for given in ({"age": 1}, {"age": -0.25, "country=DE": 2}, [1, 2], None)] * 3,
    *[good(attributions={"age": bad, "country=DE": 0.5}) for bad in (float("nan"), float("inf"), "high", 1e300)],
    {},
    *[good(prediction="last")] * 3,
]


@dataclass
class Meaning:
    """What a record says, in plain values; None is absent."""

    time: float
    series: tuple[str, str]
    prediction: str | None = None
    error: str | None = None
    latency_seconds: float | None = None
    probability: float | None = None
    features: dict[str, float | str | list[float] | None] = field(default_factory=dict)
    flaws: dict[str, str] = field(default_factory=dict)
    attributions: dict[str, float | None] = field(default_factory=dict)


def spelt(value: Any) -> str:
    """Spell a JSON value as a label."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:.0f}" if value == math.floor(value) else str(value)


def meaning(record: Any, now: float = NOW) -> Meaning | str:  # noqa: C901, PLR0911, PLR0912, PLR0915  # the README, read aloud
    """Read a record as the README says, or say why it is refused; shares no code with the decoder."""
    if not isinstance(record, dict):
        return "wrong_type"
    score = record.get("probability")
    prediction, time = record.get("prediction"), record.get("timestamp")
    if isinstance(prediction, list) and len(prediction) == 1:
        prediction = prediction[0]
    if isinstance(prediction, (list, dict)):
        return "wrong_type"
    if isinstance(prediction, float) and not math.isfinite(prediction):
        return "non_finite"
    latency = record.get("latency_seconds")
    if latency is not None and not 0 <= latency <= 1e7:
        latency = None
    error = record.get("error_type") or None
    if prediction is None and isinstance(score, dict):
        prediction = max(score, key=score.__getitem__, default=None)
    if prediction is None and error is None:
        return "missing_field"
    if isinstance(time, str):
        moment = datetime.fromisoformat(time)
        time = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if prediction is not None:
        fractional = isinstance(prediction, float) and prediction != math.floor(prediction)
        prediction = "value" if fractional else spelt(prediction)
    if isinstance(score, dict):
        score = score[prediction] if prediction in score else max(score.values(), default=None)
    read = Meaning(
        time=now if time is None else float(time),
        series=(spelt(record.get("model_name", "credit")), spelt(record.get("model_version", "3"))),
        prediction=prediction,
        error=None if error is None else spelt(error),
        latency_seconds=latency,
        probability=score if score is not None and 0 <= score <= 1 else None,
    )
    if read.time > now + FUTURE_SECONDS:
        return "timestamp_future"
    if read.time < now - PAST_SECONDS:
        return "timestamp_past"
    given = record.get("features", {})
    for name, feature in PROFILE.features.items():
        value = given.get(name)
        if isinstance(value, list) and len(value) == 1 and not isinstance(feature, Vector):
            value = value[0]
        if isinstance(feature, Numeric) and isinstance(value, str) and value[:1].isdigit():
            value = float(value)
        read.features[name] = None
        if isinstance(feature, Vector):
            if (flaw := _flaw_of_vector(value, feature.dimension)) is not None:
                read.flaws[name] = flaw
            elif value is not None:
                read.features[name] = list(map(float, value))
            continue
        if isinstance(value, (list, dict)) or (isinstance(feature, Numeric) and isinstance(value, (str, bool))):
            read.flaws[name] = "wrong_type"
            continue
        if isinstance(value, float) and not math.isfinite(value):
            read.flaws[name] = "non_finite"
        if value is not None and not (isinstance(value, float) and math.isnan(value)):
            infinite = isinstance(value, float) and math.isinf(value)
            read.features[name] = (
                float(value) if isinstance(feature, Numeric) else str(value) if infinite else spelt(value)
            )
    explained = record.get("attributions")
    for name in PROFILE.attributions or ():
        value = explained.get(name) if isinstance(explained, dict) else None
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)
        read.attributions[name] = float(value) if is_number else None
    return read


def _flaw_of_vector(value: Any, dimension: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != dimension:
        return "wrong_type"
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in value):
        return "wrong_type"
    return None if all(abs(number) < 2**1024 for number in value) else "non_finite"


def rows(batch: Batch | None, profile: Profile = PROFILE) -> Iterator[Meaning]:
    """Read a batch's rows one by one."""
    if batch is None:
        return
    names = (*profile.numeric, *profile.categorical, *profile.vectors)
    reasons = {WRONG_TYPE: "wrong_type", NON_FINITE: "non_finite"}

    none_read = np.empty((0, len(batch)))
    read = none_read if batch.attributions is None else batch.attributions
    attributions = list(zip(profile.attributions or (), read, strict=True))

    def number(value: float) -> float | None:
        return None if math.isnan(value) else float(value)

    for i in range(len(batch)):
        series, prediction, error = (
            column.names[column.codes[i]] if column.codes[i] >= 0 else None
            for column in (batch.series, batch.prediction, batch.error)
        )
        values = [number(row[i]) for row in batch.numbers]
        values += [column.names[column.codes[i]] if column.codes[i] >= 0 else None for column in batch.categories]
        values += [None if np.isnan(vectors[i]).any() else vectors[i].tolist() for vectors in batch.vectors]
        marks = [0] * len(names) if batch.marks is None else batch.marks[:, i].tolist()
        yield Meaning(
            time=float(batch.time[i]),
            series=tuple(series),
            prediction=prediction,
            error=error,
            latency_seconds=number(batch.latency_seconds[i]),
            probability=number(batch.probability[i]),
            features=dict(zip(names, values, strict=True)),
            flaws={name: reasons[mark] for name, mark in zip(names, marks, strict=True) if mark},
            attributions={name: number(row[i]) for name, row in attributions},
        )


def columns(
    rows: int,
    *,
    latency_seconds: Sequence[float] = (),
    probability: Sequence[float] = (),
    value: Sequence[float] = (),
    prediction: Sequence[str | None] = (),
    error: Sequence[str | None] = (),
    numbers: Sequence[Sequence[float]] = (),
    categories: Sequence[Sequence[str | None]] = (),
    vectors: Sequence[Any] = (),
    marks: Sequence[Sequence[int]] | None = None,
    group: Sequence[int] = (),
    groups: int = 1,
    repeated: Sequence[bool] | None = None,
    attributions: Sequence[Sequence[float]] | None = None,
) -> Batch:
    """Return a batch with some columns of one's own; the others are as of records that say nothing."""
    nothing = [math.nan] * rows
    return Batch(
        time=np.full(rows, NOW),
        series=Encoded((DEFAULT,), np.zeros(rows, np.int64)),
        prediction=Encoded.of(tuple(prediction) or ("approve",) * rows),
        error=Encoded.of(tuple(error) or (None,) * rows),
        latency_seconds=np.array(latency_seconds or nothing, np.float64),
        probability=np.array(probability or nothing, np.float64),
        value=np.array(value or nothing, np.float64),
        numbers=np.array(numbers, np.float64).reshape(len(numbers), rows),
        categories=tuple(Encoded.of(tuple(column)) for column in categories),
        vectors=tuple(np.array(column, np.float64) for column in vectors),
        marks=None if marks is None else np.array(marks, np.uint8),
        group=np.array(group or [0] * rows, np.int64),
        groups=groups,
        repeated=None if repeated is None else np.array(repeated, np.bool_),
        attributions=None if attributions is None else np.array(attributions, np.float64).reshape(-1, rows),
    )


def frame_whole(stream: Stream, line_bytes: int, data: bytes, framer: Framer = Lines) -> PendingLines:
    """Return the lines of a whole stream."""
    parts = list(framed(stream, line_bytes, data, framer, len(data)))
    return PendingLines(
        [chunk for part in parts for chunk in part.chunks], [bad for part in parts for bad in part.rejected]
    )


def result(steps: Generator[None, None, T]) -> T:
    """Take all steps, and return their result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value
