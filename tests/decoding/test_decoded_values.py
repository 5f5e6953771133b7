"""The values of a good line: times, labels, numbers, scores and features, in all spellings of loggers."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.batch import Batch
from exporter.decoding.decode import Decoder
from tests.records import DEFAULT, NOW, PROFILE, Meaning, decoded_block, decoder, good, line, rows, sound_records

DECODER = decoder(fields={})


def read(text: str | bytes, decoder: Decoder = DECODER) -> Batch:
    """Decode one line, which must be good."""
    decoded = decoded_block(decoder, (text.encode() if isinstance(text, str) else text) + b"\n")
    assert decoded.rejected == ()
    assert decoded.batch is not None
    return decoded.batch


def read_with(field: str) -> Batch:
    return read('{"prediction":"approve",%s}' % field)  # noqa: UP031  # braces


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        pytest.param("null", NOW, id="null is the time of arrival"),
        pytest.param("1699999990", 1699999990.0, id="epoch seconds"),
        pytest.param("1699999990.25", 1699999990.25, id="fraction of a second"),
        pytest.param("1.69999999e9", 1699999990.0, id="exponent"),
        pytest.param('"2023-11-14T22:13:10Z"', 1699999990.0, id="UTC"),
        pytest.param('"2023-11-14t22:13:10z"', 1699999990.0, id="small letters"),
        pytest.param('"2023-11-14 22:13:10Z"', 1699999990.0, id="a space for the T"),
        pytest.param('"2023-11-14T22:13:10"', 1699999990.0, id="without a zone, UTC"),
        pytest.param('"2023-11-14T23:13:10+01:00"', 1699999990.0, id="east"),
        pytest.param('"2023-11-14T14:13:10-08:00"', 1699999990.0, id="west"),
        pytest.param('"2023-11-15T03:58:10+05:45"', 1699999990.0, id="a zone with minutes"),
        pytest.param('"2023-11-14T22:13:10.250Z"', 1699999990.25, id="milliseconds"),
        pytest.param('"2023-11-14T22:13:10.250000Z"', 1699999990.25, id="microseconds"),
        pytest.param('"2023-11-14T22:13:10.250000000Z"', 1699999990.25, id="nanoseconds"),
    ],
)
def test_time(time: str, expected: float) -> None:
    assert expected == read_with(f'"timestamp":{time}').time[0]


def test_an_absent_time_is_the_time_of_arrival() -> None:
    assert read('{"prediction":"approve"}').time[0] == NOW


def test_times_of_all_kinds_may_be_mixed() -> None:
    times = ["2023-11-14T22:13:10Z", None, NOW - 1, 1699999999]
    decoded = decoded_block(DECODER, b"".join(line(good(timestamp=time)) for time in times))
    assert decoded.batch is not None
    assert decoded.batch.time.tolist() == [1699999990.0, NOW, NOW - 1, NOW - 1]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param('"approve"', "approve", id="text"),
        pytest.param("1", "1", id="integer"),
        pytest.param("1.0", "1", id="an integer as a float is the same class"),
        pytest.param("-0.0", "0", id="negative zero"),
        pytest.param("0.75", "value", id="a fractional number is no class of its own"),
        pytest.param("-1e-9", "value", id="tiny number"),
        pytest.param("true", "true", id="true"),
        pytest.param("false", "false", id="false"),
        pytest.param('"1"', "1", id="text of a number"),
        pytest.param('"\\u00e9"', "é", id="escape"),
        pytest.param('"é"', "é", id="not ASCII"),
        pytest.param('"\\ud83d\\ude00"', "😀", id="a pair of surrogates"),
        pytest.param('"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t', id="every short escape"),
        pytest.param("18446744073709551617", "18446744073709551617", id="an integer of more than 64 bits"),
        pytest.param(f"1{'0' * 400}", f"1{'0' * 400}", id="an integer of 400 digits"),
    ],
)
def test_prediction_class(given: str, expected: str) -> None:
    batch = read(f'{{"prediction":{given}}}')
    assert (expected,) == tuple(batch.prediction.names[code] for code in batch.prediction.codes)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param('"timeout"', "timeout", id="text"),
        pytest.param('""', None, id="an empty text says that all went well"),
        pytest.param("null", None, id="null"),
        pytest.param("503", "503", id="a status code"),
    ],
)
def test_error_type(given: str, expected: str | None) -> None:
    (row,) = rows(read_with(f'"error_type":{given}'))
    assert expected == row.error


def test_an_error_needs_no_prediction() -> None:
    (row,) = rows(read('{"error_type":"timeout"}'))
    assert (row.error, row.prediction) == ("timeout", None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, DEFAULT, id="as configured"),
        pytest.param({"model_name": None, "model_version": None}, DEFAULT, id="null is absent"),
        pytest.param({"model_name": "fraud", "model_version": "2"}, ("fraud", "2"), id="both"),
        pytest.param({"model_version": "4"}, ("credit", "4"), id="version alone"),
        pytest.param({"model_version": 4}, ("credit", "4"), id="integer"),
        pytest.param({"model_version": 4.0}, ("credit", "4"), id="float that is an integer"),
        pytest.param({"model_version": 1.5}, ("credit", "1.5"), id="float"),
        pytest.param({"model_name": 7}, ("7", "3"), id="a model that is a number"),
        pytest.param({"model_name": 1.5}, ("1.5", "3"), id="a model that is a fractional number"),
    ],
)
def test_model_and_version(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    (row,) = rows(read(json.dumps(good(**fields))))
    assert tuple(expected) == row.series


def test_a_version_is_the_same_however_it_is_spelt() -> None:
    log = b"".join(line(good(model_version=version)) for version in ("4", 4, 4.0, "4", None))
    assert [row.series for row in rows(decoded_block(DECODER, log).batch)] == [*[("credit", "4")] * 4, ("credit", "3")]


@pytest.mark.parametrize(
    ("prediction", "probability", "expected"),
    [
        pytest.param("approve", 0.93, 0.93, id="number"),
        pytest.param("approve", 1, 1.0, id="integer"),
        pytest.param("approve", None, None, id="null"),
        pytest.param("deny", {"approve": 0.75, "deny": 0.25}, 0.25, id="the predicted class's"),
        pytest.param("deny", {"approve": 0.5, "review": 0.375}, 0.5, id="the highest where the class is not in it"),
        pytest.param("approve", {}, None, id="no class"),
        pytest.param(1, {"0": 0.25, "1": 0.75}, 0.75, id="a class that is a number"),
        pytest.param(0.0, {"0": 0.25, "1": 0.75}, 0.25, id="a class that is a float"),
        pytest.param(True, {"true": 0.25, "false": 0.75}, 0.25, id="a class that is a boolean"),
        pytest.param("approve", 1.0000001, 1.0000001, id="over 1 by a rounding error"),
        pytest.param("approve", -1e-9, -1e-9, id="under 0 by a rounding error"),
    ],
)
def test_probability(prediction: Any, probability: Any, expected: float | None) -> None:
    (row,) = rows(read(json.dumps({"prediction": prediction, "probability": probability})))
    assert expected == row.probability


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [("0", 0.0), ("-0.0", 0.0), ("12.5", 0.0125), ("1000", 1.0), ("1e3", 1.0), ("null", None), ("1e-400", 0.0)],
)
def test_latency_is_in_seconds(milliseconds: str, expected: float | None) -> None:
    (row,) = rows(read_with(f'"latency_ms":{milliseconds}'))
    assert expected == row.latency_seconds


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "\\ude00\\ud83d", "a\\ud83d\\u0061"])
class TestHalfOfASurrogatePair:
    """Half of a surrogate pair costs the value or the name that contains it, and not the record."""

    def test_in_a_feature(self, half: str) -> None:
        row = self.read(f'"features":{{"age":"{half}","country":"{half}","plan":"basic","{half}":1,"text":["{half}"]}}')
        assert row.flaws == dict.fromkeys(("age", "country", "text"), "wrong_type")
        assert row.features == dict.fromkeys(PROFILE.features) | {"plan": "basic"}

    def test_in_what_is_skipped(self, half: str) -> None:
        assert self.read(f'"x":"{half}","{half}":[{{"{half}":"{half}"}}],"latency_ms":250').latency_seconds == 0.25

    def test_in_an_attribution(self, half: str) -> None:
        given = f'"attributions":{{"age":"{half}","country=DE":0.5,"{half}":1}}'
        assert self.read(given).attributions == {"age": None, "country=DE": 0.5}
        assert self.read(f'"attributions":"{half}"').attributions == {"age": None, "country=DE": None}

    def test_in_the_name_of_a_class_with_a_probability(self, half: str) -> None:
        assert self.read(f'"probability":{{"{half}":0.75,"approve":0.25}}').probability == 0.25

    def test_in_the_type_of_an_error(self, half: str) -> None:
        assert self.read(f'"error_type":"{half}"').error is not None

    def test_in_a_request_id(self, half: str) -> None:
        batch = read('{"prediction":"approve","request_id":"%s"}' % half, decoder(asked_for=("request_id",)))  # noqa: UP031
        assert batch.request_id is not None
        assert batch.request_id.codes.tolist() == [-1]

    def read(self, field: str) -> Meaning:
        (row,) = rows(read_with(field))
        assert row.prediction == "approve"
        return row


class TestFeatures:
    @pytest.mark.parametrize(
        ("value", "expected", "flaw"),
        [
            pytest.param("41", 41.0, None, id="integer"),
            pytest.param("41.5", 41.5, None, id="float"),
            pytest.param("18446744073709551617", 2.0**64, None, id="an integer of more than 64 bits"),
            pytest.param("null", None, None, id="null is missing"),
            pytest.param('"41"', 41.0, None, id="a number as text"),
            pytest.param('"old"', None, "wrong_type", id="text"),
            pytest.param("true", None, "wrong_type", id="boolean"),
            pytest.param("[41]", 41.0, None, id="array of one item"),
            pytest.param("[41, 42]", None, "wrong_type", id="array"),
            pytest.param('{"value":41}', None, "wrong_type", id="object"),
            pytest.param("NaN", None, "non_finite", id="NaN"),
            pytest.param("Infinity", math.inf, "non_finite", id="Infinity"),
            pytest.param("-Infinity", -math.inf, "non_finite", id="-Infinity"),
            pytest.param("1e400", math.inf, "non_finite", id="a float that overflows"),
        ],
    )
    def test_numeric(self, value: str, expected: float | None, flaw: str | None) -> None:
        (row,) = rows(read_with(f'"features":{{"age":{value}}}'))
        assert (expected, flaw) == (row.features["age"], row.flaws.get("age"))

    @pytest.mark.parametrize(
        ("value", "expected", "flaw"),
        [
            pytest.param('"DE"', "DE", None, id="text"),
            pytest.param('""', "", None, id="empty text"),
            pytest.param("1", "1", None, id="integer"),
            pytest.param("1.0", "1", None, id="an integer as a float is the same category"),
            pytest.param("1.5", "1.5", None, id="float"),
            pytest.param("true", "true", None, id="boolean"),
            pytest.param("null", None, None, id="null is missing"),
            pytest.param('["DE"]', "DE", None, id="array of one item"),
            pytest.param('["DE", "FR"]', None, "wrong_type", id="array"),
            pytest.param("{}", None, "wrong_type", id="object"),
            pytest.param("NaN", None, "non_finite", id="NaN"),
        ],
    )
    def test_categorical(self, value: str, expected: str | None, flaw: str | None) -> None:
        (row,) = rows(read_with(f'"features":{{"country":{value}}}'))
        assert (expected, flaw) == (row.features["country"], row.flaws.get("country"))

    @pytest.mark.parametrize(
        ("value", "expected", "flaw"),
        [
            pytest.param("[1, 2.5, -3e300]", [1.0, 2.5, -3e300], None, id="numbers"),
            pytest.param("null", None, None, id="null is missing"),
            pytest.param("[1, 2]", None, "wrong_type", id="too short"),
            pytest.param("[1, 2, 3, 4]", None, "wrong_type", id="too long"),
            pytest.param("[]", None, "wrong_type", id="empty"),
            pytest.param("[1, null, 3]", None, "wrong_type", id="a null within"),
            pytest.param('[1, "2", 3]', None, "wrong_type", id="text within"),
            pytest.param("[1, true, 3]", None, "wrong_type", id="a boolean within"),
            pytest.param("[1, [2], 3]", None, "wrong_type", id="a list within"),
            pytest.param("1", None, "wrong_type", id="a number"),
            pytest.param('"abc"', None, "wrong_type", id="a text of three"),
            pytest.param('{"a": 1}', None, "wrong_type", id="an object"),
            pytest.param("[1, NaN, 3]", None, "non_finite", id="NaN within"),
            pytest.param("[1, 2, -Infinity]", None, "non_finite", id="Infinity within"),
            pytest.param("[1, 1e400, 3]", None, "non_finite", id="beyond a float"),
            pytest.param(f"[1, 1{'0' * 400}, 3]", None, "non_finite", id="an integer beyond a float"),
        ],
    )
    def test_vector(self, value: str, expected: list[float] | None, flaw: str | None) -> None:
        (row,) = rows(read_with(f'"features":{{"age":41,"text":{value}}}'))
        assert (expected, flaw) == (row.features["text"], row.flaws.get("text"))
        assert row.features["age"] == 41

    def test_a_wrong_feature_affects_neither_its_record_nor_other_features(self) -> None:
        record = good(
            latency_ms=250,
            probability=0.5,
            features={"age": "old", "income": 7, "country": ["DE", "FR"], "plan": "basic"},
        )
        (row,) = rows(read(json.dumps(record)))
        assert (row.prediction, row.latency_seconds, row.probability) == ("approve", 0.25, 0.5)
        assert row.features == {"age": None, "income": 7.0, "country": None, "plan": "basic", "text": None}
        assert row.flaws == {"age": "wrong_type", "country": "wrong_type"}

    @pytest.mark.parametrize("digits", [309, 400])
    def test_a_huge_integer_does_not_reject_its_record(self, digits: int) -> None:
        (row,) = rows(read_with(f'"features":{{"age":1{"0" * digits},"income":7}}'))
        assert row.flaws.keys() == {"age"}
        assert row.features["income"] == 7.0

    def test_a_flaw_beside_an_unread_huge_integer_does_not_reject_the_record(self) -> None:
        (row,) = rows(read_with(f'"request_id":1{"0" * 400},"features":{{"age":NaN}}'))
        assert row.flaws == {"age": "non_finite"}

    @pytest.mark.parametrize("features", ["null", "{}", '{"unknown":[1,{}]}'])
    def test_absent_features_are_all_missing(self, features: str) -> None:
        (row,) = rows(read_with(f'"features":{features}'))
        assert row.features == dict.fromkeys(PROFILE.features)
        assert row.flaws == {}

    def test_a_wrong_feature_may_be_beside_unknown_ones(self) -> None:
        (row,) = rows(read_with('"features":{"age":"old","unknown":[NaN,{"a":[]}]},"x":Infinity'))
        assert row.flaws == {"age": "wrong_type"}


class TestSpelling:
    """Spellings that JSON allows, and some others that are read as well."""

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param('{"prediction":"deny"}\r', id="CRLF"),
            pytest.param(' \t{ "prediction" : "deny" }  ', id="spaces"),
            pytest.param('\ufeff{"prediction":"deny"}', id="a byte order mark"),
            pytest.param('{"prediction":"approve","prediction":"deny"}', id="of a key given twice the last"),
            pytest.param('{"prediction":["no"],"prediction":"deny"}', id="a wrong value overruled"),
            pytest.param('{"\\u0070rediction":"deny"}', id="an escape in a key"),
            pytest.param('{"prediction":"deny","x":NaN}', id="NaN in what is skipped"),
            pytest.param('{"prediction":"deny","x":-Infinity,"y":1e400}', id="Infinity in what is skipped"),
            pytest.param('{"prediction":"deny","x":[[[{"a":[1,2,{"b":null}]}]]]}', id="an object in what is skipped"),
            pytest.param('{"prediction":"deny","":"","x.y":{},"é":"ü"}', id="odd keys"),
            pytest.param(f'{{"prediction":"deny","x":{"[" * 500}{"]" * 500}}}', id="nested"),
        ],
    )
    def test_is_read(self, text: str) -> None:
        (row,) = rows(read(text))
        assert row.prediction == "deny"

    def test_lines_may_end_in_crlf(self) -> None:
        log = b"".join(line(good(latency_ms=n)) for n in range(5))
        unix, dos = decoded_block(DECODER, log), decoded_block(DECODER, log.replace(b"\n", b"\r\n"))
        assert list(rows(unix.batch)) == list(rows(dos.batch))
        assert dos.rejected == ()

    def test_of_duplicate_features_the_last_counts(self) -> None:
        for first in ('{"age":1}', '{"age":"old"}', "5", '{"income":1}'):
            (row,) = rows(read_with(f'"features":{first},"features":{{"age":41}}'))
            assert row.features["age"] == 41.0
            assert row.features["income"] is None
            assert row.flaws == {}


@settings(max_examples=100)
@given(st.lists(sound_records, min_size=1, max_size=8))
def test_a_block_decoded_at_once_or_by_line_is_the_same(log: list[Any]) -> None:
    seconds = decoder()
    block = b"".join(map(line, log))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seconds, "_each", None)  # not called for a block of regular lines
        at_once = decoded_block(seconds, block)
    by_line = decoded_block(seconds, block + b"not JSON\n")
    assert at_once.batch is not None
    assert by_line.batch is not None
    assert list(rows(at_once.batch)) == list(rows(by_line.batch))
    assert at_once.batch.prediction.names == by_line.batch.prediction.names
    assert at_once.batch.error.names == by_line.batch.error.names
    assert at_once.batch.series.names == by_line.batch.series.names
    assert at_once.batch.marks is by_line.batch.marks is None
