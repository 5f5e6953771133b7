"""KServe's inference logger: its events are paired, and each instance is a record or rejected."""

import base64
import json
import signal
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.decoding.checks import Checks
from exporter.decoding.decode import Decoder
from exporter.decoding.model_decoders import ModelDecoders
from exporter.decoding.rows import Rows
from exporter.decoding.schema import Schema
from exporter.formats.bodies import BodyError
from exporter.formats.kserve import KServe
from exporter.formats.kserve.events import Event, EventPair, EventPairs, event, structured
from exporter.formats.kserve.payloads import FeatureNames, Outcome, instances, outcomes
from exporter.formats.kserve.rows import MAX_INSTANCES, EventRows, pair_rows
from exporter.model_key import OTHERS
from tests.formats import kserve_events as example
from tests.process import DEADLINE_SECONDS, Exporter, command, exporter, peak_bytes
from tests.records import DEFAULT, NOW, STREAM, frame_whole

FORMAT = KServe()
NAMES = FeatureNames(example.IRIS, frozenset(example.IRIS))
FIRST = dict(zip(example.IRIS, [6.8, 2.8, 4.8, 1.4], strict=True))
SECOND = dict(zip(example.IRIS, [6.0, 3.4, 4.5, 1.6], strict=True))


def pair(request: Any, response: Any, **of_response: str) -> EventPair:
    bodies = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in (request, response)]
    return EventPair(
        read_event(example.headers("request"), bodies[0]),
        read_event(example.headers("response", **of_response), bodies[1]),
    )


def read_event(headers: dict[str, str], body: bytes) -> Event:
    return event(structured(headers, body))


def read(request: Any, response: Any, **of_response: str) -> list[dict[str, Any]]:
    accepted, _, _ = pair_rows(pair(request, response, **of_response), lambda _: NAMES)
    return [*accepted]


def tensor(shape: list[int], data: list[Any], name: str = "x", datatype: str = "FP32") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


@pytest.mark.parametrize(
    ("request_body", "response_body", "version"),
    [
        pytest.param(example.V1_REQUEST, example.V1_RESPONSE, None, id="v1"),
        pytest.param(example.V2_REQUEST, example.V2_RESPONSE, None, id="v2"),
        pytest.param(example.V2_REQUEST, {**example.V2_RESPONSE, "model_version": "1"}, "1", id="v2 with a version"),
    ],
)
def test_the_documented_events_become_one_record_per_instance(
    request_body: Any, response_body: Any, version: str | None
) -> None:
    first, second = read(request_body, response_body)
    assert first.pop("latency_ms") == pytest.approx(example.LATENCY_MS, abs=0.002)
    assert first.pop("timestamp") == pytest.approx(1618017736.500492)
    assert first.pop("model_version", None) == version
    assert first == {"model_name": "sklearn-iris", "features": FIRST, "prediction": 1, "probability": None}
    assert second["features"] == SECOND


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"instances": [{"petal_width": 1, "x": 2}]}, [{"petal_width": 1}], id="object, by name"),
        pytest.param({"instances": [{"petal_width": [1]}]}, [{"petal_width": 1}], id="a list of one"),
        pytest.param({"instances": [{"petal_width": [1, 2]}]}, [{"petal_width": []}], id="a list of two is no value"),
        pytest.param({"instances": [{"petal_width": None}]}, [{"petal_width": None}], id="null"),
        pytest.param({"instances": [[1, 2, 3]]}, [{}], id="another length"),
        pytest.param({"instances": [5, "a"]}, [{}, {}], id="scalars, of four features"),
        pytest.param({"instances": []}, [], id="no instance"),
        pytest.param({"inputs": [[6.8, 2.8, 4.8, 1.4]]}, [FIRST], id="v1 that says inputs"),
        pytest.param({"inputs": [tensor([1, 4], [6.8, 2.8, 4.8, 1.4])]}, [FIRST], id="v2, flat"),
        pytest.param(
            {"inputs": [tensor([2], [1, 2], "petal_width"), tensor([2, 1], ["a", "b"], "sepal_width", "BYTES")]},
            [{"petal_width": 1, "sepal_width": "a"}, {"petal_width": 2, "sepal_width": "b"}],
            id="v2, a tensor a feature",
        ),
        pytest.param({"inputs": [tensor([2], [1, 2], "other")]}, [{}, {}], id="v2, unknown name"),
        pytest.param({"inputs": [tensor([1, 3, 2], [[[1, 2], [3, 4], [5, 6]]])]}, [{}], id="v2, an image"),
        pytest.param({"inputs": [tensor([2], [1]), tensor([1], [1])]}, None, id="v2, not of its shape"),
        pytest.param({"inputs": [tensor([2], [1, 2]), tensor([1], [1])]}, None, id="v2, unequal"),
        pytest.param({"inputs": [tensor([10**9, 0], [])]}, [], id="v2, empty"),
        pytest.param({"inputs": [tensor([-1], [])]}, None, id="v2, negative"),
        pytest.param({"instances": 5}, None, id="no list"),
        pytest.param([], None, id="no object"),
        pytest.param({}, None, id="neither"),
    ],
)
def test_features_of_a_request(body: Any, expected: Any) -> None:
    assert instances(body, NAMES) == expected


def test_a_single_feature_may_be_a_scalar() -> None:
    names = FeatureNames(("age",), frozenset(["age"]))
    assert instances({"instances": [5, [6]]}, names) == [{"age": 5}, {"age": 6}]
    assert instances({"inputs": [tensor([2, 1], [5, 6], "input-0")]}, names) == [{"age": 5}, {"age": 6}]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"predictions": ["a", 2, 0.5, True]}, [("a",), (2,), (0.5,), (True,)], id="labels"),
        pytest.param({"predictions": [[0.1, 0.7, 0.2]]}, [(1, 0.7)], id="scores"),
        pytest.param({"predictions": [[-3, 4.5]]}, [(1,)], id="logits have no probability"),
        pytest.param({"predictions": [[0.87]]}, [(0.87,)], id="a list of one is its value"),
        pytest.param({"predictions": [{"a": 0.2, "b": 0.8}]}, [("b", 0.8)], id="scores by class"),
        pytest.param({"predictions": [{"label": "a", "score": 1}, [], None, ["a", "b"]]}, [()] * 4, id="no prediction"),
        pytest.param({"predictions": [[float("nan"), 1], [True, 1]]}, [()] * 2, id="no numbers"),
        pytest.param({"outputs": [tensor([2], ["a", "b"], "o", "BYTES")]}, [("a",), ("b",)], id="v2 labels"),
        pytest.param({"outputs": [tensor([2, 2], [0.1, 0.9, 0.6, 0.4])]}, [(1, 0.9), (0, 0.6)], id="v2 scores"),
        pytest.param(
            {"outputs": [tensor([1, 2], [[0.1, 0.9]], "proba"), tensor([1], [7], "label", "INT64")]},
            [(7, 0.9)],
            id="v2 label with scores, in any order",
        ),
        pytest.param(
            {"outputs": [tensor([1], [0.9], "p"), tensor([1, 1], ["a"], "l", "BYTES")]}, [("a",)], id="v2 label first"
        ),
        pytest.param({"outputs": []}, [], id="v2 nothing"),
        pytest.param({"outputs": [5]}, None, id="v2 no tensor"),
        pytest.param({"predictions": "a"}, None, id="no list"),
        pytest.param("a", None, id="no object"),
    ],
)
def test_outcomes_of_a_response(body: Any, expected: Any) -> None:
    assert outcomes(body) == (None if expected is None else [Outcome(*outcome) for outcome in expected])


def test_a_failed_request_is_one_error_per_instance() -> None:
    told = read(example.V1_REQUEST, example.ERROR, ce_statuscode="422")
    assert [record["error_type"] for record in told] == ["422", "422"]
    assert [record["error_type"] for record in read(b"{", example.ERROR, ce_statuscode="500")] == ["500"]
    assert [record["error_type"] for record in read({"instances": [1]}, example.ERROR)] == ["error"]


def decoded(complete: EventPair) -> tuple[int, dict[str, int]]:
    """Return how many of the instances of a pair are records, and how many are rejected by reason."""
    accepted, error, count = pair_rows(complete, lambda _: NAMES)
    rows = Rows()
    rows.add((STREAM, 0), accepted, is_odd=True)
    if error:
        rows.reject((STREAM, 0), error, count)
    decoder = Decoder(Schema(), DEFAULT, Checks(1e10, 300.0))
    results = [*ModelDecoders({OTHERS: decoder}, decoder).read_rows(rows, NOW, lambda _: OTHERS)]
    rejected: Counter[str] = Counter()
    for bad in (bad for result in results for bad in result.rejected):
        rejected[bad.reason] += bad.count
    records = sum(len(result.batch) for result in results if result.batch)
    assert sum(result.lines for result in results) == records + rejected.total()
    return records, dict(rejected)


def feed(log: EventRows, headers: dict[str, str], body: bytes, now: float = NOW) -> Rows:
    """Read an event as the sidecar does that gets it by POST."""
    assert FORMAT.accepts(headers)
    lines = frame_whole(STREAM, 10**6, FORMAT.request(headers, body).lines)
    (rows,) = log.read(lines, now, lambda _: True, lambda _: OTHERS, 100)
    return rows


@pytest.mark.parametrize(
    ("request_body", "response_body", "records_", "rejected"),
    [
        pytest.param(b"{", example.V1_RESPONSE, 0, {"invalid_json": 1}, id="request no JSON"),
        pytest.param(example.V1_REQUEST, b"", 0, {"invalid_json": 2}, id="no response"),
        pytest.param(example.V1_REQUEST, b"\xff", 0, {"invalid_utf8": 2}, id="response no UTF-8"),
        pytest.param({"x": 1}, example.V1_RESPONSE, 0, {"wrong_type": 1}, id="no request"),
        pytest.param(example.V1_REQUEST, {"x": 1}, 0, {"wrong_type": 2}, id="no response"),
        pytest.param(example.V1_REQUEST, {"predictions": [1]}, 0, {"missing_field": 2}, id="fewer predictions"),
        pytest.param(example.V1_REQUEST, {"predictions": [1, None]}, 1, {"missing_field": 1}, id="one has none"),
        pytest.param({"instances": [1]}, {"predictions": [1e400]}, 0, {"non_finite": 1}, id="infinite"),
        pytest.param(
            {"instances": [1] * (MAX_INSTANCES + 1)},
            {"predictions": []},
            0,
            {"wrong_type": MAX_INSTANCES + 1},
            id="many",
        ),
    ],
)
def test_invalid_bodies_are_rejected_by_reason(
    request_body: Any, response_body: Any, records_: int, rejected: dict[str, int]
) -> None:
    assert decoded(pair(request_body, response_body)) == (records_, rejected)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*example.IRIS, "error", "model_version", "a"]), inner, max_size=4)
    ),
    max_leaves=12,
)
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from([*example.IRIS, "x"]),
        "shape": st.lists(st.integers(-1, 4), max_size=3),
        "data": json_values,
    }
)
keys = st.sampled_from(["instances", "predictions", "inputs", "outputs", "error", "model_version"])
bodies = (
    st.dictionaries(keys, json_values | st.lists(json_values, max_size=4) | st.lists(tensors, max_size=3), max_size=3)
    | json_values
).map(lambda value: json.dumps(value).encode())


@settings(max_examples=200)
@given(bodies | st.binary(max_size=20), bodies | st.binary(max_size=20), st.sampled_from(["", "200", "500", "x"]))
def test_each_instance_of_any_bodies_is_a_record_or_rejected(
    request_body: bytes, response_body: bytes, status: str
) -> None:
    accepted, rejected = decoded(pair(request_body, response_body, ce_statuscode=status))
    try:
        found = instances(json.loads(request_body.decode()), NAMES)
    except ValueError:
        found = None
    lines = accepted + sum(rejected.values())
    if found:
        assert lines == len(found)
    else:
        # A request that has no instance, or cannot be read, is rejected once at most.
        assert lines <= 1


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3), st.integers(0, 40)), max_size=40),
    st.integers(1, 4),
)
def test_each_event_is_paired_or_waits_or_is_lost_or_a_repetition(
    sent: list[tuple[int, bool, int, int]], most: int
) -> None:
    pairs = EventPairs(most=most, most_bytes=35, seconds=60)
    now, paired, repeated = NOW, 0, 0
    for number, is_response, moment, pause in sent:
        now += pause
        before = len(pairs), pairs.lost
        done = pairs.add(Event(str(number), is_response, b"0123456789", time=moment), now)
        paired += 2 if done else 0
        if done:
            assert (done.request.is_response, done.response.is_response) == (False, True)
            assert done.request.key == done.response.key
        elif (len(pairs) - before[0]) + (pairs.lost - before[1]) == 0:
            repeated += 1
        assert len(pairs) <= min(most, 3)
    assert paired + repeated + len(pairs) + pairs.lost == len(sent)
    pairs.expire(now + 60)
    assert len(pairs) == pairs._held == 0


def test_both_modes_and_both_orders_give_the_same_rows() -> None:
    request, response = (json.dumps(body).encode() for body in (example.V1_REQUEST, example.V1_RESPONSE))
    binary = [(example.headers("request"), request), (example.headers("response"), response)]
    form = [(example.headers("request", content_type="application/x-www-form-urlencoded"), request), binary[1]]
    whole = [example.structured("request", example.V1_REQUEST), example.structured("response", example.V1_RESPONSE)]
    told = []
    for one, two in (binary, binary[::-1], form, whole, whole[::-1], (whole[0], binary[1])):
        log = EventRows({OTHERS: NAMES}, DEFAULT)
        waiting = feed(log, *one)
        assert (waiting.objects, waiting.waiting) == ([], 1)
        told.append(feed(log, *two, now=NOW + 59).objects)
        assert log.expire(NOW + 1000) == 0
    assert all(rows == told[0] for rows in told)
    assert len(told[0]) == 2


def test_data_of_a_structured_event_may_be_text_or_base64() -> None:
    for data in ({"data": "[1]"}, {"data": [1]}, {"data_base64": base64.b64encode(b"[1]").decode()}):
        whole = {"id": "1", "type": "org.kubeflow.serving.inference.request", **data}
        assert read_event({"content-type": "application/cloudevents+json"}, json.dumps(whole).encode()).body == b"[1]"


def test_an_event_that_is_sent_again_is_not_counted_again() -> None:
    log = EventRows({OTHERS: NAMES}, DEFAULT)
    halves = [example.structured("request", example.V1_REQUEST), example.structured("response", example.V1_RESPONSE)]
    assert [len(feed(log, *half).objects) for half in (*halves[:1], *halves, *halves)] == [0, 0, 2, 0, 0]
    assert log.expire(NOW + 1000) == 0


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(["id", "type", "time", "data", "data_base64"]), json_values), st.binary())
def test_any_event_is_read_or_rejected(attributes: dict[str, Any], body: bytes) -> None:
    for whole in (body, json.dumps(attributes).encode()):
        try:
            feed(EventRows({OTHERS: NAMES}, DEFAULT), {"content-type": "application/cloudevents+json"}, whole)
        except BodyError:
            continue


def test_latency_needs_plausible_times() -> None:
    def latency(begin: str, end: str) -> float | None:
        times = zip(("request", "response"), (begin, end), strict=True)
        halves = [read_event(example.headers(kind, ce_time=time), b"") for kind, time in times]
        return EventPair(*halves).latency_seconds

    assert latency("2026-01-05T10:00:00Z", "2026-01-05T10:00:00.25Z") == 0.25
    # Its workers may send the response first, and give it the earlier time.
    assert latency("2026-01-05T10:00:01Z", "2026-01-05T10:00:00Z") is None
    assert latency("", "2026-01-05T10:00:00Z") is None


PATH = "/v1/predictions"


def post(running: Exporter, headers: dict[str, str], body: Any) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(running.address + PATH, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_logger_posts_to_a_running_sidecar(tmp_path: Path) -> None:
    with (tmp_path / "training.jsonl").open("w") as log:
        for number in range(200):
            features = {name: number / 25 + shift for shift, name in enumerate(example.IRIS)}
            log.write(json.dumps({"features": features, "prediction": number % 3}) + "\n")
    assert not command("profile", tmp_path / "training.jsonl", "--output", tmp_path / "reference.json").returncode
    config = tmp_path / "config.yaml"
    config.write_text(
        "listen: 127.0.0.1:0\nstate_dir: state\nreference: reference.json\nfields: {prediction: not.here}\n"
        f"sources: [{{url: http://{PATH}, format: kserve, features: [{', '.join(example.IRIS)}]}}]\n"
        "limits: {past: 10000d}\n"
    )
    with exporter("--config", config) as running:
        assert post(running, example.headers("response"), example.V1_RESPONSE) == (202, {"accepted": 0})
        assert post(running, example.headers("request"), example.V1_REQUEST) == (200, {"accepted": 2})
        assert post(running, example.headers("request", ce_id="2"), example.V1_REQUEST) == (202, {"accepted": 0})
        status, told = post(running, example.headers("response", ce_id="2"), {"predictions": [1]})
        assert (status, told["accepted"], told["rejected"][0]["reason"]) == (400, 0, "missing_field")
        assert post(running, example.headers("request", ce_id="3"), example.V1_REQUEST)[0] == 202
        assert post(running, *example.structured("response", example.ERROR, ce_id="3", ce_statuscode="422"))[0] == 200
        assert post(running, example.headers("request", ce_id="4"), example.V1_REQUEST)[0] == 202
        assert post(running, example.headers("request", ce_type="other"), b"")[0] == 400
        assert post(running, {"Content-Type": "application/json"}, {"prediction": 1})[0] == 415
        predictions = running.samples("model_predictions_total")
        assert (predictions["1",], sum(predictions.values())) == (2, 2)
        assert running.samples("model_prediction_errors_total") == {("422",): 2}
        assert running.total("model_prediction_latency_seconds_count") == 4
        assert 'model_name="sklearn-iris"' in running.get("/metrics")
        assert running.samples("model_feature_quality_total")[("missing", "petal_width")] == 0
        assert (
            sum(
                count
                for (_, name), count in running.samples("model_feature_bin_total").items()
                if name == "petal_width"
            )
            == 2
        )
        # Events that still wait are reported when the sidecar stops.
        assert running.stop(signal.SIGTERM) == 0
    with exporter("--config", config) as running:
        rejected = running.samples("prediction_exporter_source_rejected_lines_total")
        told_by_reason = {reason: count for (reason, _), count in rejected.items() if count}
        assert told_by_reason == {"missing_field": 2, "incomplete": 1}
        assert running.total("prediction_exporter_source_lines_total") == 7
        # A pair that is sent again, after a restart too, counts once.
        assert post(running, example.headers("request"), example.V1_REQUEST) == (202, {"accepted": 0})
        again = post(running, example.headers("response"), example.V1_RESPONSE)
        assert again == (200, {"accepted": 0, "repeated": True})
        assert running.samples("model_predictions_total")[("1",)] == 2


def test_an_unpaired_event_is_answered_with_202_and_only_pairs_survive_kill_9(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"listen: 127.0.0.1:0\nstate_dir: state\nsources: [{{url: http://{PATH}, format: kserve}}]\n"
        "limits: {past: 10000d}\n"
    )
    with exporter("--config", config) as running:
        assert post(running, example.headers("request"), example.V1_REQUEST) == (202, {"accepted": 0})
        assert post(running, example.headers("response"), example.V1_RESPONSE) == (200, {"accepted": 2})
        assert post(running, example.headers("request", ce_id="2"), example.V1_REQUEST) == (202, {"accepted": 0})
        running.stop(signal.SIGKILL)
    with exporter("--config", config) as running:
        assert post(running, example.headers("response", ce_id="2"), example.V1_RESPONSE) == (202, {"accepted": 0})
        assert running.samples("model_predictions_total") == {("1",): 2}
        assert running.stop(signal.SIGTERM) == 0
    with exporter("--config", config) as running:
        rejected = running.samples("prediction_exporter_source_rejected_lines_total")
        assert {reason: count for (reason, _), count in rejected.items() if count} == {"incomplete": 1}


@pytest.mark.parametrize("values", [b"[],", b"0,", b'{"":{}},', b'"a",'], ids=["lists", "numbers", "objects", "texts"])
def test_an_event_of_too_many_values_is_rejected(tmp_path: Path, values: bytes) -> None:
    """Because their objects would take far more memory than their text."""
    config = tmp_path / "config.yaml"
    config.write_text(f"listen: 127.0.0.1:0\nsources: [{{url: http://{PATH}, format: kserve}}]\n")
    body = b'{"instances":[' + values * (4 * 2**20 // len(values)) + b"0]}"
    with exporter("--config", config) as running:
        assert post(running, example.headers("response"), example.V1_RESPONSE) == (202, {"accepted": 0})
        before = peak_bytes(running.process.pid)
        status, told = post(running, example.headers("request"), body)
        assert (status, told["rejected"][0]["reason"]) == (400, "oversize")
        structured = {"type": example.headers("request")["ce-type"], "id": "1", "data": json.loads(body)}
        sent = json.dumps(structured, separators=(",", ":")).encode()
        assert post(running, {"Content-Type": "application/cloudevents+json"}, sent) == (
            400,
            {"error": "too many values"},
        )
        assert peak_bytes(running.process.pid) - before < 64 * 2**20
