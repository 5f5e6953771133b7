"""Any bytes as a stream: invalid Arrow is rejected with a reason, without an exception, in bounded memory."""

import struct
import tracemalloc
from collections.abc import Callable
from itertools import accumulate, pairwise

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.formats.arrow.decode import arrow_framer
from exporter.formats.arrow.messages import MESSAGE_BYTES, METADATA_BYTES, MOST_ROWS
from exporter.formats.arrow.stream import DICTIONARY_BYTES
from exporter.lines.buffer import LineBuffer
from tests.formats.arrow.streams import arrow_decoder, batch, each, read, stream
from tests.records import NOW, SOURCE, STREAM, good, rows

MiB = 2**20
RECORDS = [
    good(features={"age": 41.5, "plan": "basic", "country": "DE"}, latency_seconds=0.25, probability=0.5),
    {"timestamp": NOW, "error_type": "timeout"},
]
DICTIONARIES = pa.table(
    {
        "prediction": pa.array(["approve", "deny"] * 3).dictionary_encode(),
        "model_version": pa.array(["1", None] * 3).dictionary_encode(),
        "features": pa.array([{"age": 1.0}, None] * 3),
        "view": pa.array(["a", "much longer than twelve bytes"] * 3, pa.string_view()),
        "country": pa.array(["a", "much longer than twelve bytes"] * 3, pa.string_view()),
        "probability": pa.array([[("approve", 0.5)], None] * 3, pa.map_(pa.string(), pa.float64())),
        "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2, 6], pa.int32()), pa.array(["a", "b"])),
    }
)
DELTAS = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
VALID = [
    stream(batch(RECORDS), batch(RECORDS * 3)),
    each(RECORDS),
    stream(*DICTIONARIES.to_batches(max_chunksize=2)),
    stream(*DICTIONARIES.to_batches(max_chunksize=2), options=DELTAS),
]
DECODERS = [arrow_decoder(), arrow_decoder(fields={"features": ()})]


def check(data: bytes) -> dict[str, int]:
    """Read bytes by two schemas; return the reasons for rejection."""
    refused: dict[str, int] = {}
    for decoder in DECODERS:
        batches, refused, pending = read(data, decoder)
        sent = sum(piece.block.num_rows for piece in pending.chunks)
        assert sent + sum(bad.count for bad in pending.rejected) == sum(map(len, batches)) + sum(refused.values())
        for one in batches:
            list(rows(one))
    return refused


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """Draw a valid stream with some bytes changed, lost or put in."""
    data = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1))
        kind = draw(st.sampled_from(["byte", "byte", "int32", "int64", "bytes", "loss", "repeat"]))
        if kind == "byte":
            data[at] = draw(st.integers(0, 255))
        elif kind in ("int32", "int64"):
            # Lengths and offsets are aligned to their size.
            size = {"int32": 4, "int64": 8}[kind]
            value = draw(st.sampled_from([-1, 0, 1, 2, 8, 255, 2**15, 2**31 - 1, -(2**31), 2**20, 65536]))
            data[at // size * size : at // size * size + size] = value.to_bytes(size, "little", signed=True)
        elif kind == "bytes":
            data[at:at] = draw(st.binary(max_size=8))
        elif kind == "loss":
            del data[at : at + draw(st.integers(1, 64))]
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 512))]
    return bytes(data)


@settings(max_examples=800)
@given(mutilated())
@example(b"".join(VALID))
def test_a_corrupted_stream_is_read_or_rejected(data: bytes) -> None:
    check(data)


@settings(max_examples=300)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\xff" * 4, VALID[0], VALID[0][:-8]]))
@example(b'{"prediction": "approve"}\n', b"")
@example(b"ARROW1\0\0" * 10, b"")
@example(b"\xff" * 1000, b"")
def test_any_bytes_are_rejected(data: bytes, before: bytes) -> None:
    check(before + data)


@settings(max_examples=100)
@given(st.one_of(st.sampled_from(VALID), mutilated()), st.lists(st.integers(1, 700), min_size=1))
@example(VALID[2], [1] * 10_000)
def test_however_a_stream_is_split_its_batches_are_the_same(data: bytes, sizes: list[int]) -> None:
    decoder = arrow_decoder()
    whole = read(data, decoder)[2]
    intake = LineBuffer(4096, {}, {SOURCE: arrow_framer([decoder])})
    intake.open(STREAM, None, b"")
    cuts = [0, *accumulate(sizes), max(len(data), sum(sizes))]
    for begin, end in pairwise(cuts):
        intake.feed(STREAM, data[begin:end])
    intake.close(STREAM)
    parts = intake.take().get(SOURCE)
    assert (parts.chunks if parts else []) == whole.chunks
    assert (parts.rejected if parts else []) == whole.rejected
    assert intake.held_bytes == 0


def test_the_batches_before_a_broken_message_count() -> None:
    batches, refused, _ = read(VALID[0][:-8] + b"garbage!" + VALID[0])
    assert (sum(map(len, batches)), refused) == (8, {"invalid_arrow": 1})


def test_a_stream_that_is_cut_off_is_reported() -> None:
    batches, refused, pending = read(VALID[0][:-20])
    assert (sum(map(len, batches)), refused) == (2, {"incomplete": 1})
    assert read(VALID[0][:-8])[1] == {}
    assert VALID[0][pending.rejected[0].offset :][:4] == b"\xff" * 4


def prefix(length: int) -> bytes:
    return b"\xff" * 4 + length.to_bytes(4, "little", signed=True)


def tampered(before: bytes, after: bytes, data: bytes = VALID[0], which: int = 0) -> bytes:
    """Replace bytes of the stream's first batch, which has to contain them."""
    at = data.index(b"\xff" * 4, 8)
    for _ in range(which + 1):
        at = data.index(before, at + 1)
    return data[:at] + after + data[at + len(before) :]


def int64(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def compressed(codec: str) -> bytes:
    table = pa.table({"prediction": ["approve"] * 60_000, "latency_seconds": [1.0] * 60_000})
    return stream(table, options=pa.ipc.IpcWriteOptions(compression=codec))


def dictionaries(count: int) -> list[pa.RecordBatch]:
    kind = pa.dictionary(pa.int32(), pa.string())
    return [
        pa.RecordBatch.from_pydict(
            {
                "prediction": pa.DictionaryArray.from_arrays(
                    pa.array([n], pa.int32()), [f"{i:0100}" for i in range(n + 1)]
                )
            }
        ).cast(pa.schema({"prediction": kind}))
        for n in range(0, count, 100)
    ]


NO_BUFFERS = stream(pa.table({"prediction": pa.nulls(4321)})).replace(int64(4321), int64(2**40))
VIEWS = pa.Array.from_buffers(
    pa.string_view(),
    1000,
    [None, pa.py_buffer(struct.pack("<iiii", MiB, int.from_bytes(b"aaaa"), 0, 0) * 1000), pa.py_buffer(b"a" * MiB)],
)


APART = stream(pa.table({"prediction": [1.0] * 100, "latency_seconds": [2.0] * 100}))
# The second column's place and length.
OVERLAP = int64(0, 1600).join(APART.rsplit(int64(800, 800), 1))


def nested(depth: int) -> pa.Table:
    kind = pa.int8()
    for _ in range(depth):
        kind = pa.struct({"features": kind})
    return pa.table({"features": pa.nulls(1, kind)})


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda: prefix(2**31 - 1) + b"x" * 100, "oversize", id="metadata of 2 GiB"),
        pytest.param(lambda: prefix(METADATA_BYTES + 1), "oversize", id="metadata just too long"),
        pytest.param(lambda: prefix(-5) + b"x" * 100, "invalid_arrow", id="negative length of metadata"),
        pytest.param(lambda: prefix(16) + b"\xff" * 16, "invalid_arrow", id="metadata that lead outside"),
        pytest.param(lambda: VALID[0][4:], "invalid_arrow", id="an Arrow before 0.15"),
        pytest.param(lambda: VALID[0][VALID[0].index(b"\xff" * 4, 8) :], "invalid_arrow", id="no schema"),
        pytest.param(lambda: NO_BUFFERS, "invalid_arrow", id="2**40 rows of no bytes"),
        pytest.param(lambda: stream(pa.table({"prediction": [1.0] * (MOST_ROWS + 1)})), "oversize", id="many rows"),
        pytest.param(
            lambda: stream(pa.table({"prediction": [True] * 2000})), "invalid_arrow", id="more rows than bytes"
        ),
        pytest.param(lambda: stream(pa.table({"x": [b"x" * MESSAGE_BYTES]})), "oversize", id="a message of 8 MiB"),
        pytest.param(lambda: compressed("lz4"), "invalid_arrow", id="lz4"),
        pytest.param(lambda: compressed("zstd"), "invalid_arrow", id="zstd"),
        pytest.param(lambda: stream(*dictionaries(1000), options=DELTAS), "invalid_arrow", id="dictionaries that grow"),
        pytest.param(lambda: stream(*dictionaries(12_000)), "oversize", id="dictionaries that are replaced by larger"),
        pytest.param(lambda: stream(pa.table({"prediction": VIEWS})), "invalid_arrow", id="views of the same bytes"),
        pytest.param(lambda: stream(nested(63)), "missing_field", id="structs in structs"),
        pytest.param(
            lambda: pa.schema({"features": nested(400).schema.field(0).type}).serialize().to_pybytes(),
            "invalid_arrow",
            id="too many structs in structs",
        ),
        pytest.param(
            lambda: stream(pa.table({f"c{i}": [1.0] for i in range(5000)})), "missing_field", id="thousands of columns"
        ),
        pytest.param(lambda: OVERLAP, "invalid_arrow", id="columns of the same bytes"),
        pytest.param(lambda: tampered(b"approve", b"appr\xffve"), "invalid_arrow", id="a label that is no UTF-8"),
    ],
)
def test_sizes_in_a_stream_are_not_trusted(make: Callable[[], bytes], reason: str) -> None:
    data = make()
    check(VALID[0])
    pool = pa.default_memory_pool()
    before, most = pool.bytes_allocated(), pool.max_memory()
    tracemalloc.start()
    try:
        assert check(data).keys() == {reason}
        assert tracemalloc.get_traced_memory()[1] < 6 * len(data) + 8 * MiB
    finally:
        tracemalloc.stop()
    assert pool.bytes_allocated() - before < MiB
    assert pool.max_memory() - max(most, before) < 2 * len(data) + 8 * MiB


@pytest.mark.parametrize("value", [-1, 3, 10**6, 2**62, -(2**63)])
@pytest.mark.parametrize("number", range(8))
def test_a_wrong_length_in_the_metadata_of_a_batch_breaks_its_stream_at_most(value: int, number: int) -> None:
    data, at = VALID[0], VALID[0].index(b"\xff" * 4, 8)
    end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
    lengths = [place for place in range(at + 8, end, 8) if struct.unpack_from("<q", data, place)[0] in (1, 2, 8, 16)]
    place = lengths[number % len(lengths)]
    check(data[:place] + int64(value) + data[place + 8 :])


def test_a_broken_stream_buffers_nothing_and_reads_no_more() -> None:
    intake = LineBuffer(4096, {}, {SOURCE: arrow_framer([arrow_decoder()])})
    intake.open(STREAM, None, b"")
    intake.feed(STREAM, prefix(1000) + b"x" * 100)
    assert intake.held_bytes == 108
    assert not intake.is_broken(STREAM)
    intake.feed(STREAM, b"x" * 1000)
    assert intake.is_broken(STREAM)
    assert intake.held_bytes == 0
    intake.feed(STREAM, VALID[0])
    assert len(intake.take()[SOURCE].chunks) == 0


def test_kept_dictionaries_count_as_held() -> None:
    intake = LineBuffer(4096, {}, {SOURCE: arrow_framer([arrow_decoder()])})
    intake.open(STREAM, None, b"")
    data = stream(*dictionaries(1000))
    intake.feed(STREAM, data[:-8])
    assert 90_000 < intake.held_bytes < DICTIONARY_BYTES
    intake.feed(STREAM, data[-8:])
    assert intake.held_bytes == 0


def test_a_replaced_dictionary_applies_to_later_batches() -> None:
    batches, refused, _ = read(stream(*dictionaries(500)))
    (one,) = batches
    assert refused == {}
    assert [row.prediction for row in rows(one)] == [f"{n:0100}" for n in range(0, 500, 100)]
