"""The law of Arrow: the same records, sent as JSON lines and as Arrow, count the same."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from exporter.decoding.checks import Checks
from exporter.decoding.decode import Decoder
from exporter.engine.engine import Engine
from exporter.engine.plan import SegmentDimension
from exporter.formats.arrow.decode import ArrowDecoder
from exporter.state.snapshot import Snapshot
from exporter.units import FieldPath
from tests import records
from tests.formats.arrow.streams import arrow_decoder, arrow_engine, arrow_plan, batch, each, read, stream
from tests.records import DEFAULT, NOW, RICH, SOURCE, STREAM, decoded_block, good

# A feature, the prediction, a field and an object of its own, and a path into something that may not be an object.
SEGMENTS = (
    SegmentDimension("country", None, ("DE", "FR")),
    SegmentDimension("prediction", FieldPath(("prediction",))),
    SegmentDimension("tier", FieldPath(("tier",))),
    SegmentDimension("channel", FieldPath(("request", "channel"))),
    SegmentDimension("below", FieldPath(("features", "unknown"))),
    SegmentDimension("band", FieldPath(("features", "age")), bounds=(25.0, 45.0)),
    SegmentDimension("how long", FieldPath(("latency_seconds",)), bounds=(0.05,)),
    SegmentDimension("both", None, of=("country", "band")),
)


def fed(engine: Engine, data: bytes, step: int = 1 << 20) -> Snapshot:
    engine.open(STREAM)
    for start in range(0, len(data), step):
        engine.feed(STREAM, data[start : start + step], NOW)
    engine.close(STREAM)
    return engine.snapshot(NOW)


def counted(snapshot: Snapshot) -> dict[str, Any]:
    """Return all counters except bytes, which depend on the encoding."""
    counts = snapshot.sources[SOURCE]
    assert counts.lines == counts.records + sum(counts.rejected.values())
    tallies = {"": snapshot.totals} | {
        f"{label} {pane}": panes for label, window in snapshot.windows.items() for pane, panes in window.items()
    }
    return {
        "tallies": {
            (where, series, name): trimmed(tally)
            for where, rows in tallies.items()
            for series, row in rows.items()
            for name, tally in row.items()
            if np.any(tally)
        },
        "labels": snapshot.labels,
        "series": snapshot.series,
        "capped": snapshot.capped,
        "counts": (counts.lines, counts.records, counts.rejected, counts.last_timestamp),
    }


def trimmed(tally: Any) -> Any:
    """A shorter tally is the same as one that is filled up with zeros along the last axis, as tallies of labels are.

    Reconstruction errors are sums of rounded numbers, which depend on the order.
    """
    used = np.flatnonzero(np.asarray(tally).reshape(-1, np.shape(tally)[-1]).any(axis=0))
    return np.asarray(tally)[..., : used[-1] + 1].round(9).tolist()


def is_record(record: Any) -> bool:
    return isinstance(record, dict)


@settings(max_examples=150)
@given(records.logs, st.sampled_from([1, 7, 100, 1 << 20]), st.sampled_from([1, 2, 100]))
@example(RICH, 1 << 20, 100)
@example(RICH, 50, 2)
@example([good(prediction=None, probability={"approve": 0.25, "deny": 0.75}), good(prediction=None)], 1, 100)
def test_records_count_the_same_in_streams_of_their_own(log: list[Any], step: int, labels: int) -> None:
    log = list(filter(is_record, log))
    by_line = counted(fed(records.engine(classes=labels, errors=labels, models=labels), records.block(log)))
    assert counted(fed(arrow_engine(models=labels, labels=labels), each(log), step)) == by_line


# Columns as clients have them: a type of Arrow, and values that JSON spells the same.
numbers = st.one_of(st.integers(-64, 64), st.none())
dyadics = st.one_of(records.dyadic, st.none())
wild = st.one_of(st.sampled_from([float("nan"), float("inf"), -float("inf"), None]), dyadics)
# JSON converts numbers that are text, lists of one item, lists of scores in the place of a prediction, and errors that
# are flags or fractions; Arrow does not.
texts = st.sampled_from(["approve", "deny", "DE", "one", "", "é", None])
booleans = st.sampled_from([True, False, None])
NUMBERS = [
    *((kind, numbers) for kind in (pa.int8(), pa.int64(), pa.float16(), pa.decimal128(9, 2), pa.decimal256(60, 0))),
    *((kind, st.one_of(st.integers(0, 100), st.none())) for kind in (pa.uint8(), pa.uint64())),
    *((kind, wild) for kind in (pa.float32(), pa.float64(), pa.float64(), pa.float64())),
    (pa.dictionary(pa.int8(), pa.float64()), wild),
    (pa.dictionary(pa.int32(), pa.int16()), numbers),
]
TEXTS = [
    *((kind, texts) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *((pa.dictionary(index, pa.string()), texts) for index in (pa.int8(), pa.uint32())),
    (pa.dictionary(pa.int64(), pa.large_string()), texts),
]
SCORE_LIST: tuple[Any, Any] = (pa.list_(pa.int8()), st.sampled_from([[1, 2, 3, 4], None]))
WRONG = [
    SCORE_LIST,
    (pa.struct({"a": pa.string()}), st.sampled_from([{"a": "x"}, None])),
    (pa.list_(pa.string_view()), st.sampled_from([["a", "b"], None])),
]
NULLS = [(pa.null(), st.none())]
LABELS = [*NUMBERS, *TEXTS, (pa.bool_(), booleans), (pa.dictionary(pa.int8(), pa.bool_()), booleans)]
ANY = [*LABELS, *WRONG, *NULLS]
SCORES = [
    *NUMBERS,
    (pa.float64(), st.integers(-1, 65).map(lambda n: n / 64)),
    (
        pa.struct({"approve": pa.float32(), "deny": pa.float64(), "1": pa.int8()}),
        st.one_of(
            st.none(), st.fixed_dictionaries({"approve": st.just(0.5), "deny": wild.filter(bool), "1": st.just(0)})
        ),
    ),
    (
        pa.map_(pa.string(), pa.float64()),
        st.one_of(st.none(), st.dictionaries(st.sampled_from(["approve", "new"]), st.sampled_from([0.25, 0.75, 2.0]))),
    ),
]
TIMES = [
    *LABELS[:4],
    (pa.float64(), st.sampled_from([NOW, NOW - 70, NOW + 301, NOW - 31 * 86400, float("inf"), None])),
    (pa.int64(), st.sampled_from([int(NOW), int(NOW) - 70, None])),
    (
        pa.string(),
        st.sampled_from(
            ["2023-11-14T22:13:20Z", "2023-11-14T23:12:20+01:00", "2023-11-14T22:10:20", "today", "", None]
        ),
    ),
    *(
        (pa.timestamp(unit, zone), st.sampled_from([NOW, NOW - 3000, NOW + 400, NOW + 0.25 * (unit != "s"), None]))
        for unit in ("s", "ms", "us", "ns")
        for zone in (None, "Europe/Berlin")
    ),
]
ERRORS = [(pa.int8(), numbers), (pa.int64(), numbers), (pa.dictionary(pa.int32(), pa.int16()), numbers), *WRONG, *NULLS]
CHANNELS = st.one_of(st.none(), st.builds(dict, channel=texts))
SCORED = st.one_of(st.none(), st.builds(dict, channel=wild))
FIELDS = {
    "prediction": [each for each in ANY if each is not SCORE_LIST],
    "error_type": [*NULLS * 6, *TEXTS, *ERRORS],
    "model_name": [*NULLS * 3, *ANY],
    "model_version": ANY,
    "latency_seconds": [*NUMBERS, *ANY],
    "probability": SCORES,
    "timestamp": TIMES,
    "tier": ANY,
    "request": [*ANY, (pa.struct({"channel": pa.string()}), CHANNELS), (pa.struct({"channel": pa.float64()}), SCORED)],
}
ATTRIBUTIONS = dict.fromkeys(("age", "country=DE", "unknown"), ANY)
FEATURES = dict.fromkeys(("age", "income", "plan", "country", "unknown"), ANY)


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Draw a table, and its records as JSON has them: a null is absent."""
    rows = draw(st.integers(1, 8))
    columns: dict[str, pa.Array] = {}
    spelt: dict[str, Sequence[Any]] = {}

    def column(kinds: Sequence[tuple[pa.DataType, st.SearchStrategy[Any]]]) -> tuple[pa.Array, list[Any]]:
        kind, values = draw(st.sampled_from(kinds))
        drawn = draw(st.lists(values, min_size=rows, max_size=rows))
        return array(kind, drawn), [json_of(kind, value) for value in drawn]

    for name in draw(st.lists(st.sampled_from(list(FIELDS)), unique=True)):
        columns[name], spelt[name] = column(FIELDS[name])
    for field, kinds in (("features", FEATURES), ("attributions", ATTRIBUTIONS)):
        children = {name: column(kinds[name]) for name in draw(st.lists(st.sampled_from(list(kinds)), unique=True))}
        shape = draw(st.sampled_from(["struct", "struct", "nulls", "no struct", "absent"]))
        if shape == "no struct":
            columns[field], spelt[field] = column([*NUMBERS, *TEXTS])
        elif children and shape != "absent":
            hidden = draw(st.lists(st.booleans(), min_size=rows, max_size=rows)) if shape == "nulls" else [False] * rows
            arrays, names = [values for values, _ in children.values()], list(children)
            columns[field] = pa.StructArray.from_arrays(arrays, names, mask=pa.array(hidden))
            spelt[field] = [
                None if hidden[i] else {name: values[i] for name, (_, values) in children.items()} for i in range(rows)
            ]
    table = pa.table(columns) if columns else pa.table({"other": pa.nulls(rows)})
    return table, [{name: values[i] for name, values in spelt.items()} for i in range(rows)]


def array(kind: pa.DataType, values: list[Any]) -> pa.Array:
    if pa.types.is_timestamp(kind):
        parts = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        return pa.array([None if value is None else int(value * 4) * parts // 4 for value in values], pa.int64()).cast(
            kind
        )
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    if pa.types.is_floating(kind):
        # As Python numbers: for some types, pyarrow accepts no integers.
        return pa.array([None if value is None else np.float64(value) for value in values], pa.float64()).cast(kind)
    return pa.array(values, kind)


def json_of(kind: pa.DataType, value: Any) -> Any:
    if value is None:
        return None
    if pa.types.is_timestamp(kind):
        return datetime.fromtimestamp(value, UTC).isoformat()
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if isinstance(value, dict):
        return {name: score for name, score in value.items() if score is not None}
    return float(value) if pa.types.is_floating(kind) or pa.types.is_decimal(kind) else value


@settings(max_examples=150)
@given(tables(), st.integers(1, 8), st.sampled_from([1, 100]))
def test_columns_of_any_type_count_as_their_rows_would_as_json(
    drawn: tuple[pa.Table, list[Mapping[str, Any]]], size: int, labels: int
) -> None:
    table, log = drawn
    # Of JSON, scores may stand for the prediction.
    assume(all(row.get("prediction") is not None or not isinstance(row.get("probability"), dict) for row in log))
    lines = records.engine(classes=labels, errors=labels, models=labels, segments=SEGMENTS)
    data = stream(*table.to_batches(max_chunksize=size))
    columns = arrow_engine(models=labels, labels=labels, segments=SEGMENTS)
    assert counted(fed(columns, data)) == counted(fed(lines, records.block(log)))


def test_a_rejected_record_is_reported_with_its_batch_and_row() -> None:
    reported: list[Any] = []
    first = stream(batch([good()] * 3), batch([good()] * 2 + [{"prediction": None, "timestamp": NOW}]))
    fed(arrow_engine(reported.append), first)
    (bad,) = reported
    assert (bad.reason, bad.count, bad.row) == ("missing_field", 1, 3)
    assert first[bad.offset : bad.offset + 4] == b"\xff" * 4


def test_an_open_stream_is_read_by_a_new_plan() -> None:
    labels = pa.array(["approve", "deny"] * 2).dictionary_encode()
    plans = pa.array(["basic", "gold"] * 2).dictionary_encode()
    table = pa.table({"label": labels, "prediction": ["a"] * 4, "timestamp": [NOW] * 4, "plan": plans})
    data = stream(*table.to_batches(max_chunksize=2))
    half = data.rindex(b"\xff" * 4, 0, -8)
    engine = arrow_engine()
    engine.open(STREAM)
    engine.feed(STREAM, data[:half], NOW)
    fields = {"prediction": ("label",), "features": (), "latency_seconds": ("latency_seconds",)}
    engine.adopt(arrow_plan(arrow_decoder(fields=fields)))
    engine.feed(STREAM, data[half:], NOW)
    after = engine.snapshot(NOW)
    assert after.labels[DEFAULT.model_name].names["prediction_class"] == ("a", "approve", "deny")
    lines = [good(prediction="a")] * 2
    lines += [
        good(prediction="approve", features={"plan": "basic"}),
        good(prediction="deny", features={"plan": "gold"}),
    ]
    expected = counted(fed(records.engine(), records.block(lines)))
    assert counted(after) == expected


def test_a_dictionary_may_contain_nulls_and_duplicates() -> None:
    def coded(values: Sequence[Any], kind: pa.DataType | None = None) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array([3, 0, 1, None, 2], pa.uint8()), pa.array(values, kind))

    moments = pa.array([int(NOW), None, int(NOW) - 70, int(NOW)], pa.timestamp("s"))
    table = pa.table(
        {
            "prediction": coded(["b", None, "a", "b"]),
            "error_type": coded([None, "timeout", None, ""]),
            "latency_seconds": coded([0.5, None, 0.25, 0.5]),
            "timestamp": pa.DictionaryArray.from_arrays(pa.array([3, 0, 1, None, 2], pa.int8()), moments),
            "features": pa.StructArray.from_arrays(
                [coded([1, None, 1, 40]), coded([1.0, None, 0.5, 1.0])], ["age", "plan"]
            ),
        }
    )
    log = [
        good(prediction="b", error_type="", latency_seconds=0.5, features={"age": 40, "plan": 1.0}),
        good(prediction="b", latency_seconds=0.5, features={"age": 1, "plan": 1.0}),
        {"error_type": "timeout"},
        {},
        good(prediction="a", latency_seconds=0.25, timestamp=NOW - 70, features={"age": 1, "plan": 0.5}),
    ]
    assert counted(fed(arrow_engine(), stream(table))) == counted(fed(records.engine(), records.block(log)))


def test_fields_lie_in_structs_as_configured() -> None:
    fields = {"latency_seconds": ("timing", "total"), "prediction": ("output", "label"), "features": ()}
    table = pa.table(
        {
            "timing": [{"total": 0.5, "queue": 0.1}, None, {"total": None}],
            "output": [{"label": "approve"}, {"label": "deny"}, {"label": "deny"}],
            "age": [41.5, None, 17.0],
            "prediction": ["unread"] * 3,
        }
    )
    decoder = arrow_decoder(fields=fields)
    (only,), refused, _ = read(stream(table), decoder)
    assert refused == {}
    lines = records.decoded_block(records.decoder(fields=fields), records.block(table.to_pylist())).batch
    assert list(records.rows(only)) == list(records.rows(lines))


def test_a_score_of_the_positive_class_predicts_as_in_json() -> None:
    log = [{"probability": 0.25}, {"probability": 0.5}, {"prediction": "deny", "probability": 0.125}]
    binary = replace(records.schema(), positive_class="deny", negative_class="approve")
    checks = Checks(records.PAST_SECONDS, records.FUTURE_SECONDS)
    by_line = decoded_block(Decoder(binary, DEFAULT, checks), records.block(log)).batch
    ((by_row,), _, _) = read(stream(batch(log)), ArrowDecoder(binary, DEFAULT, checks))
    assert by_line is not None
    assert by_row.prediction.names == by_line.prediction.names == ("approve", "deny")
    assert by_row.prediction.codes.tolist() == by_line.prediction.codes.tolist() == [0, 1, 1]
    assert by_row.probability.tolist() == by_line.probability.tolist() == [0.75, 0.5, 0.125]


def test_times_in_nanoseconds_keep_their_microseconds() -> None:
    moments = [int(NOW) * 10**9 - number * 1_234_567_000 for number in range(1000)]
    table = pa.table({"prediction": ["a"] * 1000, "timestamp": pa.array(moments, pa.timestamp("ns"))})
    (only,), _, _ = read(stream(table))
    assert only.time.tolist() == [moment // 1000 / 10**6 for moment in moments]
