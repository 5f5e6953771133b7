"""Logs of container runtimes: framing returns the container's lines, however they are wrapped and split."""

import itertools
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.formats.container_logs import FEW_PARTS
from exporter.formats.cri import CriLines
from exporter.formats.docker import DockerLines
from exporter.lines.framing import FrameResult, Framing, Lines
from tests.process import exporter

LIMIT = 20
TIME = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.123456789Z"
Wrap = Callable[[str, str, bool], bytes]


def cri(stream: str, text: str, is_end: bool) -> bytes:  # noqa: FBT001
    return f"{TIME} {stream} {'F' if is_end else 'P'} {text}\n".encode()


def docker(stream: str, text: str, is_end: bool) -> bytes:  # noqa: FBT001
    entry = {"log": text + ("\n" if is_end else ""), "stream": stream, "time": TIME}
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


both = pytest.mark.parametrize(("framing", "wrap"), [(CriLines, cri), (DockerLines, docker)])
texts = st.text(st.sampled_from('ab {}"\\é\x00'), max_size=LIMIT)
# The lines of a container, each with its stream and the pieces it was written in.
written = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr"]), st.lists(texts, min_size=1, max_size=4)), max_size=8
)


def read(lines: Framing, data: bytes, places: Sequence[int] = ()) -> FrameResult:
    """Feed a log, split at places, to its end."""
    bounds = sorted([0, len(data), *(place % (len(data) + 1) for place in places)])
    pieces, oversize = [], []
    for start, end in itertools.pairwise(bounds):
        cut = lines.feed(data[start:end])
        pieces += cut.blocks
        oversize += cut.oversize
    return FrameResult(pieces, oversize, [])


@both
@settings(max_examples=200)
@given(written, st.lists(st.integers(0, 5000), max_size=6))
def test_wrapped_lines_are_the_lines_of_the_container(
    framing: type[Lines], wrap: Wrap, log: list[tuple[str, list[str]]], places: list[int]
) -> None:
    data = b"".join(
        wrap(stream, piece, number == len(pieces) - 1) for stream, pieces in log for number, piece in enumerate(pieces)
    )
    lines = [b"".join(piece.encode() for piece in pieces) for _, pieces in log]
    got = read(framing(LIMIT), data, places)
    assert [line + b"\n" for line in lines if len(line) <= LIMIT] == [block for _, block in got.blocks]
    assert sum(len(line) > LIMIT for line in lines) == len(got.oversize)
    for offset in [offset for offset, _ in got.blocks] + got.oversize:
        assert offset == 0 or data[offset - 1] == ord("\n")


@both
@settings(max_examples=200)
@given(written, st.integers(0, 5000))
def test_reading_resumes_from_any_position(
    framing: type[Lines], wrap: Wrap, log: list[tuple[str, list[str]]], stop: int
) -> None:
    data = b"".join(
        wrap(stream, piece, number == len(pieces) - 1) for stream, pieces in log for number, piece in enumerate(pieces)
    )
    whole = read(framing(LIMIT), data)
    before = framing(LIMIT)
    first = read(before, data[: stop % (len(data) + 1)])
    position = before.position
    after = framing(LIMIT, position, data[max(0, position.offset - 1024) : position.offset])
    second = read(after, data[position.offset :])
    assert whole == FrameResult(first.blocks + second.blocks, first.oversize + second.oversize, [])


@both
def test_pieces_of_two_streams_in_turns_are_kept_apart(framing: type[Lines], wrap: Wrap) -> None:
    data = (
        wrap("stdout", "ab", False) + wrap("stderr", "x", False) + wrap("stdout", "c", True) + wrap("stderr", "y", True)
    )
    lines = framing(LIMIT)
    assert [block for _, block in read(lines, data).blocks] == [b"abc\n", b"xy\n"]
    assert lines.offset == len(data)


@both
def test_a_line_without_an_end_is_skipped_in_bounded_memory(framing: type[Lines], wrap: Wrap) -> None:
    lines = framing(LIMIT)
    oversize = []
    for _ in range(1000):
        cut = lines.feed(wrap("stdout", "0123456789", False))
        assert cut.blocks == []
        oversize += cut.oversize
        assert len(b"".join(lines._rest)) < 4000
    assert len(oversize) == 1
    assert [block for _, block in lines.feed(wrap("stdout", "end", True) + wrap("stdout", "good", True)).blocks] == [
        b"good\n"
    ]


@both
@settings(max_examples=200)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_read(framing: type[Lines], wrap: Wrap, data: bytes, places: list[int]) -> None:
    lines = framing(LIMIT)
    read(lines, data, places)
    lines.end()
    assert lines.offset == len(data)
    assert wrap


@pytest.mark.parametrize(("name", "wrap"), [("cri", cri), ("docker", docker)])
def test_a_pod_s_log_may_contain_other_lines_than_records(tmp_path: Path, name: str, wrap: Wrap) -> None:
    folder = tmp_path / "pods" / "default_model-0_uid" / "model"
    folder.mkdir(parents=True)
    record = '{"prediction": "approve", "latency_ms": 12, "features": {"text": "%s"}}' % ("x" * 40_000)
    with (folder / "0.log").open("wb") as log:
        log.write(wrap("stderr", "Uvicorn running on http://0.0.0.0:8080", True))
        for _ in range(5):
            for start in range(0, len(record), 16_384):
                log.write(wrap("stdout", record[start : start + 16_384], start + 16_384 >= len(record)))
    config = tmp_path / "config.yaml"
    config.write_text(f"listen: 127.0.0.1:0\nsources: [{{url: pods/*/*/*.log, format: {name}}}]\n")
    with exporter("--config", config) as running:
        running.wait_for("prediction_exporter_source_lines_total", 6)
        assert running.samples("model_predictions_total") == {("approve",): 5}


@both
def test_a_line_of_too_many_parts_is_oversize(framing: type[Lines], wrap: Wrap) -> None:
    """Because lines that wait for the end of an unfinished line are read again with each piece."""
    lines = framing(LIMIT)
    assert lines.feed(wrap("stdout", "", False) * (FEW_PARTS + 1)).oversize == [0]
    assert lines.held == 0
    rest = wrap("stdout", "", False) * 100 + wrap("stdout", "end", True) + wrap("stdout", "next", True)
    assert [block for _, block in lines.feed(rest).blocks] == [b"next\n"]


@both
@pytest.mark.parametrize("is_end", [True, False])
def test_a_line_with_too_many_lines_of_other_streams_within_is_oversize(
    framing: type[Lines],
    wrap: Wrap,
    is_end: bool,  # noqa: FBT001
) -> None:
    lines = framing(LIMIT)
    others = b"".join(wrap(f"stream{number}", "a", is_end) for number in range(FEW_PARTS))
    assert lines.feed(wrap("stdout", "", False) + others).oversize == [0]
    assert lines.held == 0
    rest = wrap("stdout", "end", True) + wrap("stdout", "next", True)
    assert [block for _, block in lines.feed(rest).blocks] == [b"next\n"]
