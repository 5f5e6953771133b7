"""Business figures: amounts of predictions and ground truth, by class and segment, from configuration to exposition."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from exporter.batch import NO_NUMBER, NOT_FINITE
from exporter.configuration.loading import ConfigError, load
from tests.formats.arrow.streams import arrow_decoder, read, stream
from tests.process import exporter
from tests.records import block, decoded_block, decoder

CONFIG = """
listen: 127.0.0.1:0
sources: [log.jsonl]
ground_truth: {sources: [truth.jsonl]}
segments: [country]
business:
  - {name: revenue, field: order.amount, buckets: [10, 100]}
  - {name: clicks, field: clicked}
  - {name: paid, truth: payment.total}
"""
RECORDS = [
    {"prediction": "buy", "order": {"amount": 5}, "clicked": True, "country": "DE"},
    {"prediction": "buy", "order": {"amount": 50.5}, "clicked": False, "country": "DE"},
    {"prediction": "buy", "order": {"amount": "12"}, "clicked": 1, "country": "FR"},
    {"prediction": "leave", "order": {"amount": 1000}, "country": "FR"},
    {"prediction": "leave", "order": None, "clicked": None, "country": "FR"},
]
TRUTHS = [
    {"request_id": "r0", "actual": "buy", "payment": {"total": 7.5}},
    {"request_id": "r1", "actual": "leave"},
    {"request_id": "r3", "actual": "buy", "payment": {"total": 2}},
]


def test_figures_are_exported_by_class_and_segment(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    lines = [{"request_id": f"r{number}"} | record for number, record in enumerate(RECORDS)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(line) + "\n" for line in TRUTHS))
    with exporter("--config", tmp_path / "config.yaml") as sidecar:
        sidecar.wait_for("prediction_exporter_source_records_total", len(RECORDS) + len(TRUTHS))
        assert sidecar.samples("model_business_revenue_sum") == {("buy",): 67.5, ("leave",): 1000}
        assert sidecar.samples("model_business_revenue_count") == {("buy",): 3, ("leave",): 1}
        buckets = sidecar.samples("model_business_revenue_bucket")
        assert [buckets[bound, "buy"] for bound in ("10.0", "100.0", "+Inf")] == [1, 3, 3]
        assert sidecar.samples("model_business_clicks_sum") == {("buy",): 2}
        assert sidecar.samples("model_business_clicks_count") == {("buy",): 3}
        assert sidecar.samples("model_business_paid_sum") == {("buy",): 7.5, ("leave",): 2}
        by_country = sidecar.samples("model_segment_business_revenue_sum")
        assert by_country == {
            ("buy", "country", "DE"): 55.5,
            ("buy", "country", "FR"): 12,
            ("leave", "country", "FR"): 1000,
        }
        assert sidecar.samples("model_segment_business_paid_sum") == {
            ("buy", "country", "DE"): 7.5,
            ("leave", "country", "FR"): 2,
        }


def test_a_path_may_be_both_an_amount_and_something_else() -> None:
    amounts = {"latency": ("latency_seconds",), "predicted": ("prediction",), "age": ("features", "age")}
    record = {"prediction": 3, "latency_seconds": 0.25, "features": {"age": 41}}
    batch = decoded_block(decoder(amounts=amounts), block([record])).batch
    assert batch is not None
    assert batch.amounts is not None
    assert batch.amounts.tolist() == [[0.25], [3.0], [41.0]]


def test_negative_amounts_have_a_sum_and_buckets_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "listen: 127.0.0.1:0\nsources: [log.jsonl]\nbusiness: [{name: margin, field: margin, buckets: [-5, 0, 5]}]\n"
    )
    margins = [7, -20, 3, -2, 0, True]
    (tmp_path / "log.jsonl").write_bytes(block({"prediction": "buy", "margin": margin} for margin in margins))
    with exporter("--config", tmp_path / "config.yaml") as sidecar:
        sidecar.wait_for("prediction_exporter_source_records_total", len(margins))
        assert sidecar.samples("model_business_margin_sum") == {("buy",): 11}
        assert sidecar.samples("model_business_margin_count") == {("buy",): 6}
        assert sidecar.samples("model_business_margin_negative_sum") == {("buy",): 22}
        assert sidecar.samples("model_business_margin_negative_count") == {("buy",): 6}
        positive = sidecar.samples("model_business_margin_bucket")
        assert [positive[bound, "buy"] for bound in ("0.0", "5.0", "+Inf")] == [3, 5, 6]
        negative = sidecar.samples("model_business_margin_negative_bucket")
        assert [negative[bound, "buy"] for bound in ("5.0", "+Inf")] == [5, 6]


REJECTED = {
    "wrong_type": ["many", "\ud800", [1, 2], {"a": 1}],
    "non_finite": [float("inf"), -float("inf"), float("nan"), 10**400],
    "out_of_range": [1.7e308, 1.7e308, -1.7e308, 1.1e30],
}


def test_amounts_that_cannot_be_summed_are_counted_by_reason(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    amounts = [1, 1e30, None, -0.0, 5e-324, *(amount for amounts in REJECTED.values() for amount in amounts)]
    (tmp_path / "log.jsonl").write_bytes(
        block(
            {"prediction": "buy", "order": {"amount": amount}, "request_id": f"r{number}"}
            for number, amount in enumerate(amounts)
        )
    )
    (tmp_path / "truth.jsonl").write_bytes(
        block(
            {"request_id": f"r{number}", "actual": "buy", "payment": {"total": amount}}
            for number, amount in enumerate(amounts)
        )
    )
    with exporter("--config", tmp_path / "config.yaml") as sidecar:
        sidecar.wait_for("prediction_exporter_source_records_total", 2 * len(amounts))
        for figure in ("revenue", "paid"):
            rejected = {(reason,): len(of_reason) for reason, of_reason in REJECTED.items()}
            assert sidecar.samples(f"model_business_{figure}_rejected_total") == rejected
            assert sidecar.samples(f"model_business_{figure}_count") == {("buy",): 4}
            assert sidecar.samples(f"model_business_{figure}_sum") == {("buy",): 1e30}


def test_arrow_has_the_same_amounts() -> None:
    amounts = {name: (name,) for name in ("numbers", "floats", "text", "lists", "booleans")}
    columns = {
        "numbers": pa.array([1, -(2**63), None], pa.int64()),
        "floats": pa.array([0.1, float("nan"), float("inf")], pa.float32()),
        "text": pa.array(["1", None, ""]),
        "lists": pa.array([[1], None, []]),
        "booleans": pa.array([True, False, None]),
    }
    batch = pa.record_batch({"prediction": pa.array(["buy"] * 3), **columns})
    (decoded,), _, _ = read(stream(batch), arrow_decoder(amounts=amounts))
    expected = [
        [1, -(2.0**63), math.nan],
        [float(np.float32(0.1)), NOT_FINITE, NOT_FINITE],
        [NO_NUMBER, math.nan, NO_NUMBER],
        [NO_NUMBER, math.nan, NO_NUMBER],
        [1, 0, math.nan],
    ]
    np.testing.assert_array_equal(decoded.amounts, expected)


@pytest.mark.parametrize(
    ("figure", "problem"),
    [
        ("{name: Revenue, field: a}", "business[0].name: expected small letters, digits and _, such as revenue"),
        ("{name: a}", "business[0]: expected `field`, a path in a prediction's record, or `truth`"),
        ("{name: a, field: a, truth: b}", "business[0]: expected `field`"),
        ("{name: a, truth: b}", "business[0].truth: there is no truth without `ground_truth`"),
        ("{name: a, field: a, buckets: [2, 1]}", "business[0].buckets: expected ascending numbers"),
        ("{name: a_negative, field: a}", "business[0].name: expected a name that does not end with _negative or _rej"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, figure: str, problem: str) -> None:
    (tmp_path / "config.yaml").write_text(f"sources: [log.jsonl]\nbusiness: [{figure}]\n")
    with pytest.raises(ConfigError) as error:
        load(tmp_path / "config.yaml")
    assert problem in str(error.value)
