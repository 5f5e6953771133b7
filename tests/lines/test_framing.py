"""Framing and intake: however bytes are cut, the lines are the same, and so is the place to go on from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.formats.length_prefixed import LengthPrefixedRecords
from exporter.lines import framing
from exporter.lines.buffer import LINE_BYTES, BadLine, LineBuffer, PendingLines
from exporter.lines.framing import Digest, FrameResult, Lines, Position
from exporter.lines.rejects import Reason
from exporter.lines.stream import Stream

LIMIT = 5
# Few distinct bytes, so that newlines, and lines about as long as the limit, are drawn often.
streams = st.lists(st.sampled_from([b"a", b"b", b"\n", b"\r", b"\0", b"abcde", b"abcdef"]), max_size=30).map(b"".join)
any_bytes = st.one_of(streams, st.binary(max_size=60))
cuts = st.lists(st.integers(0, 200), max_size=6)
IN_A = Stream("source", "/a", 1, 1)
IN_B = Stream("source", "/b", 1, 2)


@dataclass
class Read:
    """The lines of a stream."""

    lines: bytes = b""
    oversize: list[int] = field(default_factory=list)
    offset: int = 0
    rest: bytes = b""
    position: Position = field(default_factory=Position)

    def add(self, cut: FrameResult, lines: Lines) -> None:
        self.lines += b"".join(block for _, block in cut.blocks)
        self.oversize += cut.oversize
        self.offset, self.rest, self.position = lines.offset, b"".join(lines._rest), without_trail(lines.position)


def without_trail(position: Position) -> Position:
    """Return a position without its earlier places, which depend on how the bytes are split."""
    return msgspec.structs.replace(position, trail=())


def read(lines: Lines, pieces: Iterable[bytes]) -> Read:
    """Feed all pieces."""
    total = Read(offset=lines.offset, position=without_trail(lines.position))
    for piece in pieces:
        total.add(lines.feed(piece), lines)
    return total


def expected(data: bytes, limit: int) -> Read:
    """Frame a stream the plain way, by looking at it whole."""
    *lines, rest = data.split(b"\n")
    result = Read(rest=rest, offset=len(data) - len(rest))
    at = 0
    for line in lines:
        if len(line) > limit:
            result.oversize.append(at)
        else:
            result.lines += line + b"\n"
        at += len(line) + 1
    if len(rest) > limit:
        result.oversize.append(at)
        result.rest, result.offset = b"", len(data)
    done = data[: result.offset]
    skipping = bool(done) and not done.endswith(b"\n")
    bound = framing.CONTEXT_BYTES
    result.position = Position(result.offset, skipping, Digest.of(done[:bound]), Digest.of(done[-bound:]))
    return result


def pieces(data: bytes, places: Iterable[int]) -> Iterator[bytes]:
    """Split bytes at places, which may be anywhere and repeat."""
    bounds = sorted([0, len(data), *(place % (len(data) + 1) for place in places)])
    return (data[start:end] for start, end in pairwise(bounds))


class TestLines:
    @pytest.mark.parametrize("context", [3, 1024])
    @settings(max_examples=300)
    @given(any_bytes, cuts)
    @example(b"abcdef\n", [5])
    @example(b"abcde\n", [5])
    @example(b"abcdef", [])
    @example(b"\n\n\n", [1])
    def test_are_the_same_however_the_bytes_are_split(self, context: int, data: bytes, places: list[int]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(framing, "CONTEXT_BYTES", context)
            assert expected(data, LIMIT) == read(Lines(LIMIT), pieces(data, places))

    @pytest.mark.parametrize("context", [3, 1024])
    @settings(max_examples=100)
    @given(any_bytes)
    def test_are_the_same_byte_by_byte(self, context: int, data: bytes) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(framing, "CONTEXT_BYTES", context)
            lines = Lines(LIMIT)
            got = Read()
            for end in range(1, len(data) + 1):
                got.add(lines.feed(data[end - 1 : end]), lines)
                assert expected(data[:end], LIMIT) == got

    @pytest.mark.parametrize("context", [3, 1024])
    @settings(max_examples=300)
    @given(any_bytes, st.integers(0, 200), cuts)
    def test_resume_from_any_position_with_exactly_the_rest(
        self, context: int, data: bytes, stop: int, places: list[int]
    ) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(framing, "CONTEXT_BYTES", context)
            first = read(Lines(LIMIT), [data[: stop % (len(data) + 1)]])
            position = first.position
            before = data[max(0, position.offset - context) : position.offset]
            second = read(Lines(LIMIT, position, before), pieces(data[position.offset :], places))
            whole = expected(data, LIMIT)
            assert whole.lines == first.lines + second.lines
            assert whole.oversize == first.oversize + second.oversize
            assert (whole.offset, whole.rest, whole.position) == (second.offset, second.rest, second.position)

    def test_over_the_limit_are_counted_once_and_skipped_over_many_feeds(self) -> None:
        lines = Lines(LIMIT)
        assert lines.feed(b"ok\nabcdef") == FrameResult([(0, b"ok\n")], [3], [])
        assert (lines.offset, lines.position.skipping) == (9, True)
        for _ in range(3):
            assert lines.feed(b"ghijklmnop") == framing.NOTHING
        assert lines.position.skipping
        assert lines.feed(b"q\nfine\n") == FrameResult([(41, b"fine\n")], [], [])
        assert not lines.position.skipping

    def test_buffer_at_most_one_line_of_a_stream_without_newlines(self) -> None:
        lines = Lines(LIMIT)
        for _ in range(1000):
            lines.feed(b"abc")
            assert len(b"".join(lines._rest)) <= LIMIT

    @pytest.mark.parametrize(
        ("line", "oversize"), [pytest.param(b"abcde", 0, id="as long"), pytest.param(b"abcdef", 1, id="a byte longer")]
    )
    def test_may_be_as_long_as_the_limit_without_their_newline(self, line: bytes, oversize: int) -> None:
        assert oversize == len(Lines(LIMIT).feed(line + b"\n").oversize) == len(Lines(LIMIT).feed(line).oversize)
        # Among others, where the block as a whole is longer than the limit.
        assert oversize == len(Lines(LIMIT).feed(b"abc\nabc\n" + line + b"\nabc\n").oversize)

    def test_end_only_at_newlines(self) -> None:
        separators = "a\rb\x0bc\x0cd\x1ce\x85f\u2028g\r\n".encode()
        assert Lines(100).feed(separators) == FrameResult([(0, separators)], [], [])


frames = st.lists(st.binary(max_size=2 * LIMIT), max_size=10)


class TestLengthPrefixedRecords:
    @settings(max_examples=300)
    @given(frames, st.binary(max_size=3), cuts)
    def test_are_the_same_however_the_bytes_are_split(
        self, records: list[bytes], rest: bytes, places: list[int]
    ) -> None:
        data = b"".join(len(record).to_bytes(4) + record for record in records) + rest
        got, lines = LengthPrefixedRecords(LIMIT), FrameResult([], [], [])
        for piece in pieces(data, places):
            cut = got.feed(piece)
            lines = FrameResult(lines.blocks + cut.blocks, lines.oversize + cut.oversize, [])
        whole, at = FrameResult([], [], []), 0
        for record in records:
            if len(record) > LIMIT:
                whole.oversize.append(at)
            else:
                whole.blocks.append((at, record.replace(b"\n", b" ") + b"\n"))
            at += 4 + len(record)
        assert whole == lines
        assert (got.offset, got.end()) == (at, FrameResult([], [], [at] if rest else []))

    @settings(max_examples=300)
    @given(st.binary(max_size=100), cuts)
    def test_of_any_bytes_buffer_at_most_one_record(self, data: bytes, places: list[int]) -> None:
        lines = LengthPrefixedRecords(LIMIT)
        for piece in pieces(data, places):
            lines.feed(piece)
            assert len(b"".join(lines._rest)) <= 4 + LIMIT

    def test_of_an_oversize_record_that_ends_within_are_incomplete(self) -> None:
        lines = LengthPrefixedRecords(LIMIT)
        assert lines.feed(b"\xff\xff\xff\xff" + b"x" * 100) == FrameResult([], [0], [])
        assert lines.end() == FrameResult([], [], [104])


class TestDigest:
    def test_matches_bytes_that_start_with_the_hashed_ones(self) -> None:
        digest = Digest.of(b"abc")
        assert digest.matches(b"abc")
        assert digest.matches(b"abcd")
        assert not digest.matches(b"ab")
        assert not digest.matches(b"abd")

    def test_of_nothing_matches_all(self) -> None:
        assert Digest().matches(b"")
        assert Digest.of(b"").matches(b"anything")


lines_of_two = st.lists(
    st.tuples(st.sampled_from([IN_A, IN_B]), st.sampled_from([b"", b"good", b"bad", b"too long", b"too long too"])),
    max_size=12,
)


class TestIntake:
    @settings(max_examples=200)
    @given(lines_of_two, cuts)
    def test_place_finds_each_line_in_its_stream(self, log: list[tuple[Stream, bytes]], places: list[int]) -> None:
        """Each line names its number, so that it can be looked for where `place` says that it is."""
        intake = LineBuffer(8, {}, {})
        data = {IN_A: b"", IN_B: b""}
        for number, (stream, line) in enumerate(log):
            data[stream] += b"%02d%s\n" % (number, line)
        for stream, whole in data.items():
            intake.open(stream, None, b"")
            for piece in pieces(whole, places):
                intake.feed(stream, piece)
        pending = intake.take().get("source", PendingLines())
        block = pending.block if pending.chunks else b""
        at = 0
        for line in block.splitlines(keepends=True):
            stream, offset = pending.locate(at)
            assert data[stream][offset : offset + len(line)] == line
            at += len(line)
        assert len([line for _, line in log if len(line) <= 6]) == block.count(b"\n")

    def test_place_finds_a_line_after_an_oversize_one(self) -> None:
        intake = LineBuffer(8, {}, {})
        intake.open(IN_A, None, b"")
        intake.feed(IN_A, b"first\nmuch too long\nsecond\n")
        pending = intake.take()["source"]
        assert pending.block == b"first\nsecond\n"
        assert pending.locate(0) == (IN_A, 0)
        assert pending.locate(6) == (IN_A, 20)

    def test_place_finds_a_line_after_the_end_of_an_oversize_one(self) -> None:
        intake = LineBuffer(8, {}, {})
        intake.open(IN_A, None, b"")
        intake.feed(IN_A, b"much too long")
        intake.feed(IN_A, b", really\nfirst\n")
        assert intake.take()["source"].locate(0) == (IN_A, 22)

    def test_an_oversize_line_is_reported_with_its_place(self) -> None:
        intake = LineBuffer(8, {}, {})
        intake.open(IN_A, None, b"")
        intake.feed(IN_A, b"first\nmuch too long\nsecond\n")
        assert intake.take()["source"].rejected == [BadLine(IN_A, 6, Reason.OVERSIZE, "longer than 8 bytes")]

    def test_a_last_line_without_its_newline_counts_when_its_stream_ends(self) -> None:
        intake = LineBuffer(8, {}, {})
        intake.open(IN_A, None, b"")
        intake.feed(IN_A, b"first\nlast")
        intake.close(IN_A)
        assert intake.take()["source"].block == b"first\nlast\n"
        assert intake.positions == {}

    def test_the_end_of_a_skipped_line_is_no_line(self) -> None:
        intake = LineBuffer(8, {}, {})
        intake.open(IN_A, None, b"")
        intake.feed(IN_A, b"much too long")
        intake.close(IN_A)
        pending = intake.take()["source"]
        assert (pending.chunks, pending.rejected) == (
            [],
            [BadLine(IN_A, 0, Reason.OVERSIZE, "longer than 8 bytes")],
        )

    def test_taking_empties_the_buffer(self) -> None:
        intake = LineBuffer(8, {}, {})
        intake.open(IN_A, None, b"")
        intake.feed(IN_A, b"first\nsec")
        assert intake.pending_bytes == 6 + LINE_BYTES
        intake.take()
        assert intake.pending_bytes == 0
        assert intake.take() == {}
        intake.feed(IN_A, b"ond\n")
        assert intake.take()["source"].block == b"second\n"

    def test_sources_are_kept_apart(self) -> None:
        other = Stream("other", "/a", 1, 1)
        intake = LineBuffer(8, {}, {})
        for stream in (IN_A, other):
            intake.open(stream, None, b"")
            intake.feed(stream, stream.source.encode()[:5] + b"\n")
        assert {source: pending.block for source, pending in intake.take().items()} == {
            "source": b"sourc\n",
            "other": b"other\n",
        }

    def test_positions_of_streams_that_are_not_open_again_are_kept(self) -> None:
        positions = {IN_A: Position(7), IN_B: Position(9)}
        intake = LineBuffer(8, positions, {})
        assert intake.positions == positions
        assert intake.remembered("source") == positions
        assert intake.remembered("other") == {}
        intake.open(IN_A, positions[IN_A], b"before\n")
        assert intake.remembered("source") == {IN_B: Position(9)}
        intake.feed(IN_A, b"more\n")
        assert {stream: position.offset for stream, position in intake.positions.items()} == {IN_A: 12, IN_B: 9}
        intake.close(IN_B)
        assert intake.positions.keys() == {IN_A}
