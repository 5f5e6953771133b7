"""Why lines are rejected; and a rejected line does not affect others."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.decoding.decode import MAX_LINES
from exporter.lines.buffer import Chunk, PendingLines
from exporter.lines.rejects import Reason
from tests.records import (
    FUTURE_SECONDS,
    NOW,
    PAST_SECONDS,
    STREAM,
    decoded_block,
    decoder,
    good,
    good_records,
    line,
    meaning,
    rows,
)

DECODER = decoder(fields={})  # as a log is where nothing is configured: latency in milliseconds
P = b'"prediction":"approve"'


def with_(field: str) -> bytes:
    return b"{%s,%s}" % (P, field.encode())


def deep(levels: int) -> str:
    return "[" * levels


BAD: list[Any] = [
    pytest.param(b"", "blank", id="nothing"),
    pytest.param(b" \t ", "blank", id="spaces"),
    pytest.param(b"\r", "blank", id="CRLF alone"),
    pytest.param(b"prediction=approve", "invalid_json", id="logfmt"),
    pytest.param(b"Traceback (most recent call last):", "invalid_json", id="text"),
    pytest.param(b"{'prediction': 'approve'}", "invalid_json", id="single quotes"),
    pytest.param(b'{"prediction": approve}', "invalid_json", id="bare word"),
    pytest.param(b'{"prediction": undefined}', "invalid_json", id="undefined"),
    pytest.param(b'{"prediction": None}', "invalid_json", id="None"),
    pytest.param(b"{%s,}" % P, "invalid_json", id="trailing comma"),
    pytest.param(b"{%s}x" % P, "invalid_json", id="trailing garbage"),
    pytest.param(b"{%s} // approved" % P, "invalid_json", id="comment"),
    pytest.param(b'{"prediction":01}', "invalid_json", id="leading zero"),
    pytest.param(b'{"prediction":+1}', "invalid_json", id="plus sign"),
    pytest.param(b'{"prediction":.5}', "invalid_json", id="no digit before the point"),
    pytest.param(b'{"prediction":0x1}', "invalid_json", id="hexadecimal"),
    pytest.param(b'{"prediction":"a\tb"}', "invalid_json", id="a tab in a string"),
    pytest.param(b'{"prediction":"\\q"}', "invalid_json", id="no such escape"),
    pytest.param(with_('"x":tru'), "invalid_json", id="misspelt in what is skipped"),
    pytest.param(with_('"x":"\\q"'), "invalid_json", id="no such escape in what is skipped"),
    pytest.param(b"{%s" % P, "invalid_json", id="truncated before its brace"),
    pytest.param(b'{"prediction":"appr', "invalid_json", id="truncated in a string"),
    pytest.param(b'{"prediction"', "invalid_json", id="truncated behind a key"),
    pytest.param(b'rove","latency_ms":5}', "invalid_json", id="its beginning lost"),
    pytest.param(b"{%s}{%s}" % (P, P), "invalid_json", id="two objects"),
    pytest.param(b"{%s} {%s}" % (P, P), "invalid_json", id="two objects with a space"),
    pytest.param(b"{%s},{%s}" % (P, P), "invalid_json", id="two objects with a comma"),
    pytest.param(b"\0" * 64, "invalid_json", id="NUL bytes"),
    pytest.param(b"\0\0\0{%s}" % P, "invalid_json", id="NUL bytes before a record"),
    pytest.param(b"{%s}\0" % P, "invalid_json", id="a NUL byte behind a record"),
    pytest.param(b'{"prediction":"appro\0ve"}', "invalid_json", id="a NUL byte in a string"),
    pytest.param('{"prediction":"approve"}'.encode("utf-16-le"), "invalid_json", id="UTF-16"),
    pytest.param('{"prediction":"approve"}'.encode("utf-32-be"), "invalid_json", id="UTF-32"),
    pytest.param(b'{"prediction":"\\ud83d"}', "invalid_json", id="a lone surrogate"),
    pytest.param(b'{"prediction":"\\ude00\\ud83d"}', "invalid_json", id="surrogates in the wrong order"),
    *(
        pytest.param(with_(f'"{field}":"3\\ud83d"'), "invalid_json", id=f"a lone surrogate in {field}")
        for field in ("model_name", "model_version")
    ),
    pytest.param(deep(100_000).encode(), "invalid_json", id="deep nesting"),
    pytest.param(with_(f'"x":{deep(100_000)}'), "invalid_json", id="deep nesting in what is skipped"),
    pytest.param(with_(f'"features":{{"age":{deep(100_000)}'), "invalid_json", id="deep nesting in a feature"),
    pytest.param(b'{"prediction":"\xff"}', "invalid_utf8", id="a byte that is not UTF-8"),
    pytest.param(b'{"x":"\xff",%s}' % P, "invalid_utf8", id="a byte that is not UTF-8 in what is skipped"),
    pytest.param(b'{"\xc3":1,%s}' % P, "invalid_utf8", id="a key that is not UTF-8"),
    pytest.param(b'{"features":{"country":"\xe9"},%s}' % P, "invalid_utf8", id="a feature in Latin-1"),
    pytest.param(b'{"prediction":"\xed\xa0\x80"}', "invalid_utf8", id="a surrogate as bytes"),
    pytest.param(b'{"prediction":"\xc0\xaf"}', "invalid_utf8", id="an overlong form"),
    pytest.param("🙂".encode()[:3], "invalid_utf8", id="a character cut in two"),
    pytest.param(b"null", "wrong_type", id="null"),
    pytest.param(b"[]", "wrong_type", id="array"),
    pytest.param(b"[{%s}]" % P, "wrong_type", id="a record in an array"),
    pytest.param(b'"approve"', "wrong_type", id="string"),
    pytest.param(b"1", "wrong_type", id="number"),
    pytest.param(b"true", "wrong_type", id="boolean"),
    *(
        pytest.param(with_(f'"{field}":{value}'), "wrong_type", id=f"{field} is {value}")
        for field, values in {
            "model_name": ("true", "[1, 2]", "{}"),
            "model_version": ("true", '["3", "4"]', "{}"),
            "prediction": ('["approve", "deny"]', '{"class":"approve"}', "[]"),
        }.items()
        for value in values
    ),
    pytest.param(b"{}", "missing_field", id="empty object"),
    pytest.param(b'{"prediction":null}', "missing_field", id="prediction is null"),
    pytest.param(b'{"error_type":""}', "missing_field", id="an empty error_type alone"),
    pytest.param(b'{"features":{"age":41},"latency_ms":5}', "missing_field", id="no prediction"),
    *(
        pytest.param(with_(f'"prediction":{value}'), "non_finite", id=f"prediction is {value}")
        for value in ("NaN", "Infinity", "-Infinity", "1e400")
    ),
    pytest.param(with_(f'"timestamp":{NOW + FUTURE_SECONDS + 1}'), "timestamp_future", id="tomorrow"),
    pytest.param(with_('"timestamp":1e300'), "timestamp_future", id="far future"),
    pytest.param(with_('"timestamp":"9999-12-31T23:59:59-23:59"'), "timestamp_future", id="the last moment"),
    pytest.param(with_(f'"timestamp":{NOW - PAST_SECONDS - 1}'), "timestamp_past", id="last year"),
    pytest.param(with_('"timestamp":0'), "timestamp_past", id="epoch"),
    pytest.param(with_('"timestamp":-1e300'), "timestamp_past", id="far past"),
    pytest.param(with_('"timestamp":"0001-01-01T00:00:00+23:59"'), "timestamp_past", id="the first moment"),
]


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_a_bad_line_is_rejected_with_its_reason(text: bytes, reason: str) -> None:
    decoded = decoded_block(DECODER, text + b"\n")
    assert [(reason, 1, 0)] == [(reject.reason, reject.count, reject.offset) for reject in decoded.rejected]
    assert (decoded.batch, decoded.lines) == (None, 1)


@pytest.mark.parametrize("digits", [400, 5000])
@pytest.mark.parametrize("field", ["latency_ms", "probability", "timestamp"])
def test_a_number_beyond_all_bounds_is_unusable_or_not_json(field: str, digits: int) -> None:
    decoded = decoded_block(DECODER, with_(f'"{field}":1{"0" * digits}') + b"\n")
    assert sum(decoded.unusable.values()) + len(decoded.rejected) == 1


UNUSABLE: list[Any] = [
    *(
        pytest.param(f'"{name}":{value}', name.partition("_ms")[0], id=f"{name} is {value}")
        for name, values in {
            "timestamp": ("true", "[]", "{}", '""', '"yesterday"', '"2023-11-14"', '"22:13:20Z"', '"3\\ud83d"'),
            "probability": ("true", '"high"', '{"approve":"high"}', '{"approve":null}', "[1.5]", "[]"),
            "latency_ms": ("true", "[12, 13]", "{}", '"fast"', "-0.001", "1e11", f"1{'0' * 30}", '"3\\ud83d"'),
            "error_type": ("[]", "{}", "2.5"),
        }.items()
        for value in values
    ),
    *(
        pytest.param(f'"{name}":{value}', name.partition("_ms")[0], id=f"{name} is {value}")
        for name in ("latency_ms", "probability", "timestamp")
        for value in ("NaN", "Infinity", "-Infinity", "1e400")
    ),
    *(
        pytest.param(f'"probability":{value}', "probability", id=f"probability is {value}")
        for value in ("1.5", "-0.5", "93", '{"approve":1.5}', '{"approve":NaN}', '{"approve":"\\ud83d"}')
    ),
]


@pytest.mark.parametrize(("field", "name"), UNUSABLE)
def test_a_wrong_value_of_a_field_costs_that_field_only(field: str, name: str) -> None:
    decoded = decoded_block(DECODER, with_(field) + b"\n")
    assert (decoded.rejected, decoded.lines, decoded.unusable) == ((), 1, {name: 1})
    (row,) = rows(decoded.batch)
    (plain,) = rows(decoded_block(DECODER, b"{%s}\n" % P).batch)
    assert row == plain


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param('"latency_ms":"12.5"', {"latency_seconds": 0.0125}, id="a number as text"),
        pytest.param('"latency_ms":"12.5 ms"', {"latency_seconds": 0.0125}, id="text with a unit"),
        pytest.param('"latency_ms":"1m2.5s"', {"latency_seconds": 62.5}, id="text with two units"),
        pytest.param('"latency_ms":[12.5]', {"latency_seconds": 0.0125}, id="a list of one item"),
        pytest.param('"probability":"0.75"', {"probability": 0.75}, id="a probability as text"),
        pytest.param('"probability":[0.75]', {"probability": 0.75}, id="a probability in a list"),
        pytest.param('"probability":{"approve":"0.75"}', {"probability": 0.75}, id="a class's probability as text"),
        pytest.param('"timestamp":"1699999999"', {"time": NOW - 1}, id="a time as a number as text"),
        pytest.param(f'"timestamp":{(NOW - 1) * 1e3:.0f}', {"time": NOW - 1}, id="milliseconds"),
        pytest.param(f'"timestamp":{(NOW - 1) * 1e6:.0f}', {"time": NOW - 1}, id="microseconds"),
        pytest.param(f'"timestamp":"{(NOW - 1) * 1e9:.0f}"', {"time": NOW - 1}, id="nanoseconds as text"),
        pytest.param('"timestamp":"2023-11-14 22:13:19,500"', {"time": NOW - 0.5}, id="as Python's logging writes it"),
        pytest.param('"timestamp":"2023-11-14 22:13:19 UTC"', {"time": NOW - 1}, id="with the name of its zone"),
        pytest.param('"timestamp":"14/Nov/2023:23:13:19 +0100"', {"time": NOW - 1}, id="as an access log has it"),
        pytest.param('"error_type":true', {"error": "true"}, id="an error that is true"),
        pytest.param('"error_type":false', {"error": None}, id="an error that is false"),
        pytest.param('"error_type":500.0', {"error": "500"}, id="an error that is a whole number"),
        pytest.param('"features":{"age":"41.5"}', {"features": {"age": 41.5}}, id="a feature as text"),
        pytest.param('"features":{"age":[[41.5]]}', {"features": {"age": 41.5}}, id="a feature in lists of one item"),
    ],
)
def test_a_value_of_another_form_is_converted(field: str, expected: dict[str, Any]) -> None:
    decoded = decoded_block(DECODER, with_(field) + b"\n")
    assert (decoded.rejected, decoded.unusable) == ((), {})
    (row,) = rows(decoded.batch)
    found = {name: getattr(row, name) for name in expected}
    if "features" in expected:
        found["features"] = {name: row.features[name] for name in expected["features"]}
    assert (found, row.flaws) == (expected, {})


@pytest.mark.parametrize(
    ("field", "prediction", "score"),
    [
        ('"prediction":[0.25, 0.75]', "1", 0.75),
        ('"prediction":{"deny":0.75,"approve":0.25}', "deny", 0.75),
        ('"probability":{"deny":0.75,"approve":0.25}', "deny", 0.75),
        ('"probability":[0.625, 0.375]', "0", 0.625),
    ],
)
def test_without_a_prediction_the_highest_score_is_it(field: str, prediction: str, score: float) -> None:
    (row,) = rows(decoded_block(DECODER, b"{%s}\n" % field.encode()).batch)
    assert (row.prediction, row.probability) == (prediction, score)


@pytest.mark.parametrize("features", ["[]", "5", '"age"', "true"])
def test_features_of_a_wrong_type_are_all_marked(features: str) -> None:
    (row,) = rows(decoded_block(DECODER, with_(f'"features":{features}') + b"\n").batch)
    assert set(row.flaws.values()) == {"wrong_type"}
    assert row.flaws.keys() == row.features.keys()


@pytest.mark.parametrize("reason", sorted({*Reason} - {Reason.OVERSIZE, Reason.INCOMPLETE, Reason.INVALID_ARROW}))
def test_every_reason_is_in_the_table(reason: str) -> None:
    assert reason in {case.values[1] for case in BAD}


def test_the_detail_of_a_bad_line_is_one_short_line() -> None:
    for case in BAD:
        for reject in decoded_block(DECODER, case.values[0] + b"\n").rejected:
            assert reject.detail
            assert "\n" not in reject.detail
            assert len(reject.detail) < 200


def test_the_detail_of_a_bad_line_is_in_plain_words() -> None:
    details = {reject.detail for case in BAD for reject in decoded_block(DECODER, case.values[0] + b"\n").rejected}
    assert {
        "prediction: expected true or false, a number, text or an object, got a list",
    } <= details
    assert [detail for detail in details if "$." in detail or "`" in detail or "|" in detail] == []


def test_the_detail_of_a_bad_line_has_none_of_its_content() -> None:
    secret = "4111-1111"
    for text in (
        f'{{"prediction":"{secret}"',
        f'{{"prediction":["{secret}", "{secret}"]}}',
        f'{{"prediction":{{"{secret}":"x"}}}}',
        f'{{"{secret}":1}}',
        secret,
    ):
        (reject,) = decoded_block(DECODER, text.encode() + b"\n").rejected
        assert secret not in reject.detail


class TestNeighbours:
    """Good lines and bad ones, in any mixture."""

    good_lines = good_records.map(line)
    bad_lines = st.sampled_from(
        [(case.values[0] + b"\n", case.values[1]) for case in BAD if len(case.values[0]) < 1000]
    )
    decoder = decoder()

    @given(st.lists(st.one_of(good_lines.map(lambda text: (text, None)), bad_lines), max_size=8))
    @example([(b"{%s}{%s}\n" % (P, P), "invalid_json"), (b"\n", "blank")])
    @example([(b"\n", "blank"), (b"{%s} {%s}\n" % (P, P), "invalid_json")])
    @example([(b'{"prediction":\n', "invalid_json"), (b'"approve"}{%s}\n' % P, "invalid_json")])
    def test_a_bad_line_does_not_affect_its_neighbours(self, lines: list[tuple[bytes, str | None]]) -> None:
        # Latencies are read in seconds here, and a bad one is bad in any unit, or skipped.
        lines = [(text, reason) for text, reason in lines if b"latency_ms" not in text]
        mixed = decoded_block(self.decoder, b"".join(text for text, _ in lines))
        alone = [decoded_block(self.decoder, text).batch for text, reason in lines if reason is None]
        assert [row for batch in alone for row in rows(batch)] == list(rows(mixed.batch))
        assert Counter(reason for _, reason in lines if reason) == {
            reject.reason: reject.count for reject in mixed.rejected
        }

    @given(st.lists(st.one_of(good_lines.map(lambda text: (text, None)), bad_lines), max_size=8))
    def test_each_rejection_has_the_place_of_its_first_line(self, lines: list[tuple[bytes, str | None]]) -> None:
        lines = [(text, reason) for text, reason in lines if b"latency_ms" not in text]
        first: dict[str, int] = {}
        at = 0
        for text, reason in lines:
            if reason:
                first.setdefault(reason, at)
            at += len(text)
        decoded = decoded_block(self.decoder, b"".join(text for text, _ in lines))
        places: dict[str, int] = {}
        for reject in decoded.rejected:
            assert reject.reason not in places
            places[reject.reason] = reject.offset
        assert first == places

    def test_a_line_with_two_reasons_is_rejected_once(self) -> None:
        decoded = decoded_block(self.decoder, line(good(latency_seconds=-1, timestamp=0)))
        assert sum(reject.count for reject in decoded.rejected) == 1


@given(st.lists(good_records, max_size=6))
def test_good_records_are_read_as_documented(log: list[Any]) -> None:
    decoded = decoded_block(decoder(), b"".join(map(line, log)))
    assert [meaning(record) for record in log] == list(rows(decoded.batch))
    assert decoded.rejected == ()


@pytest.mark.parametrize("junk", [b"\n", b"{}\n", b"0\n", b"[\n", b"\xff\n", b'{"prediction": "a"}\n'])
def test_many_short_lines_are_decoded_a_few_at_a_time(junk: bytes) -> None:
    """So that little memory is taken, and the event loop is free in between."""
    count = 3 * MAX_LINES + 1
    block = junk * count + b'{"prediction": "b"}\n\n'
    results = list(DECODER.read(PendingLines([Chunk(STREAM, 7, block)]), NOW))
    assert max(result.lines for result in results) <= MAX_LINES
    assert sum(result.lines for result in results) == count + 2
    assert results[-1].batch is not None
    assert results[-1].batch.prediction.names[-1] == "b"
    if results[0].rejected:
        assert [result.rejected[0].offset for result in results[:3]] == [
            7 + MAX_LINES * len(junk) * part for part in range(3)
        ]
