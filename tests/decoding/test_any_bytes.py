"""Whatever the bytes are: every line is a record or a reject, and nothing is raised."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.decoding.decode import DecodeResult
from exporter.lines.rejects import Reason
from tests.records import decoded_block, decoder, good, records, rows

DECODER = decoder(fields={})

tokens = st.lists(
    st.sampled_from(
        [
            *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\n", b"\\", b" ", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf"),
            *(b"null", b"true", b"1", b"-", b".5", b"1e400", b"NaN", b"Infinity", b'"\\ud800"', "é".encode(), b"/*"),
            *(b'"prediction":', b'"features":', b'"age":', b'"timestamp":', b'"probability":', b'"error_type":'),
            *(b'{"prediction":"a"}', b'{"prediction":1,"features":{"age":', b'"2023-11-14T22:13:20Z"', b"9" * 400),
        ]
    ),
    max_size=30,
).map(b"".join)


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """Draw a record's line with some bytes changed, lost or put in."""
    text = bytearray(json.dumps(draw(records)).encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text[at : at + draw(st.integers(0, 3))] = draw(
            st.one_of(st.binary(max_size=3), st.sampled_from(tuple(b'{}[]":,\\'))).map(bytes_of)
        )
    return bytes(text)


def bytes_of(drawn: Any) -> bytes:
    return drawn if isinstance(drawn, bytes) else bytes([drawn])


def check(block: bytes) -> DecodeResult:
    decoded = decoded_block(DECODER, block)
    assert block.count(b"\n") == decoded.lines
    assert decoded.lines == len(list(rows(decoded.batch))) + sum(reject.count for reject in decoded.rejected)
    assert {reject.reason for reject in decoded.rejected} <= {*Reason} - {Reason.OVERSIZE}
    assert all(reject.count > 0 for reject in decoded.rejected)
    for reject in decoded.rejected:
        assert reject.offset == 0 or block[reject.offset - 1 : reject.offset] == b"\n"
        assert reject.offset < len(block)
    return decoded


@settings(max_examples=250)
@given(st.one_of(st.binary(max_size=200), tokens, st.lists(st.one_of(mutilated(), tokens)).map(b"\n".join)))
@example(b'{"prediction":"a"}{"prediction":"a"}\n')
@example(b"\n" * 100)
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"features":' * 100_000)
def test_every_line_is_a_record_or_a_reject(data: bytes) -> None:
    check(data + b"\n")


@settings(max_examples=200)
@given(st.lists(st.one_of(mutilated(), tokens, st.just(json.dumps(good()).encode())), min_size=1, max_size=6))
@example([b'{"prediction":"a"}{"prediction":"a"}', b""])
def test_a_line_is_decoded_the_same_alone_and_among_others(lines: list[bytes]) -> None:
    single = [part for text in lines for part in text.split(b"\n")]
    together = check(b"".join(text + b"\n" for text in single))
    alone = [check(text + b"\n") for text in single]
    assert [row for decoded in alone for row in rows(decoded.batch)] == list(rows(together.batch))
    counts: dict[str, int] = {}
    for decoded in alone:
        for reject in decoded.rejected:
            counts[reject.reason] = counts.get(reject.reason, 0) + reject.count
    assert counts == {reject.reason: reject.count for reject in together.rejected}


def test_no_bytes_are_no_lines() -> None:
    assert decoded_block(DECODER, b"") == DecodeResult(None, (), 0)
