"""Business figures: amounts of predictions and ground truth, by class and segment, from configuration to exposition."""

import json
from pathlib import Path

import numpy as np
import pytest

from exporter.configuration.loading import ConfigError, load
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
        assert sidecar.samples("model_business_revenue_sum") == {("buy",): 55.5, ("leave",): 1000}
        assert sidecar.samples("model_business_revenue_count") == {("buy",): 2, ("leave",): 1}
        buckets = sidecar.samples("model_business_revenue_bucket")
        assert [buckets[bound, "buy"] for bound in ("10.0", "100.0", "+Inf")] == [1, 2, 2]
        assert sidecar.samples("model_business_clicks_sum") == {("buy",): 2}
        assert sidecar.samples("model_business_clicks_count") == {("buy",): 3}
        assert sidecar.samples("model_business_paid_sum") == {("buy",): 7.5, ("leave",): 2}
        by_country = sidecar.samples("model_segment_business_revenue_sum")
        assert by_country == {("buy", "country", "DE"): 55.5, ("leave", "country", "FR"): 1000}
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


@pytest.mark.parametrize("value", ["many", None, [1], {"a": 1}, float("inf")])
def test_a_value_that_is_not_a_finite_number_is_ignored_but_its_record_counts(value: object) -> None:
    batch = decoded_block(decoder(amounts={"a": ("amount",)}), block([{"prediction": "x", "amount": value}])).batch
    assert batch is not None
    assert batch.amounts is not None
    assert np.isnan(batch.amounts).all()


@pytest.mark.parametrize(
    ("figure", "problem"),
    [
        ("{name: Revenue, field: a}", "business[0].name: expected small letters, digits and _, such as revenue"),
        ("{name: a}", "business[0]: expected `field`, a path in a prediction's record, or `truth`"),
        ("{name: a, field: a, truth: b}", "business[0]: expected `field`"),
        ("{name: a, truth: b}", "business[0].truth: there is no truth without `ground_truth`"),
        ("{name: a, field: a, buckets: [2, 1]}", "business[0].buckets: expected ascending numbers"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, figure: str, problem: str) -> None:
    (tmp_path / "config.yaml").write_text(f"sources: [log.jsonl]\nbusiness: [{figure}]\n")
    with pytest.raises(ConfigError) as error:
        load(tmp_path / "config.yaml")
    assert problem in str(error.value)
