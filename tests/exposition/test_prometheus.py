"""A real Prometheus scrapes the real command."""

import json
import math
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from exporter.reference import profile_file
from tests.process import exporter
from tests.records import numeric, reference
from tests.servers import prometheus

EDGES = [-1.0, 0.0, 1.0]
REFERENCE = [160, 340, 340, 160]


@pytest.mark.servers
def test_prometheus_sees_what_was_logged_and_computes_the_same_psi(tmp_path: Path) -> None:
    rng = random.Random(7)
    records = [
        {
            "model_name": "credit",
            "model_version": "3",
            "timestamp": time.time(),
            "features": {"income": rng.gauss(0.8, 1.0)},
            "prediction": rng.choice(["approve", "deny"]),
            "latency_ms": rng.expovariate(1 / 30),
        }
        for _ in range(2000)
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))

    (tmp_path / "reference.json").write_bytes(profile_file.dump(reference({"income": numeric(EDGES, REFERENCE)})))
    arguments = ["--source", tmp_path / "log.jsonl", "--reference", tmp_path / "reference.json"]

    with (
        exporter(*arguments, "--listen", "127.0.0.1:0") as running,
        prometheus(tmp_path, running.address.removeprefix("http://")) as server,
    ):
        server.wait_for("sum(model_predictions_total) == 2000")
        assert server.query("up") == {(): 1.0}
        # The first block of records is part of the increase, although the model was not known before.
        server.wait_for("sum(increase(model_predictions_total[5m])) > 1900")

        classes = Counter(record["prediction"] for record in records)
        assert server.query("sum by (prediction_class) (model_predictions_total)") == {
            (name,): float(count) for name, count in classes.items()
        }
        slow = sum(record["latency_ms"] > 100 for record in records)
        over = "sum(model_prediction_latency_seconds_count) - sum(model_prediction_latency_seconds_bucket{le='0.1'})"
        assert server.query(over) == {(): float(slow)}

        # Bins that are empty on both sides are left out, and 0.5 is added to each of the four that remain.
        labels = "on (model_name, model_version, feature_name, bin)"
        window = f"((model_feature_bin_total + 0.5) / {2000 + 0.5 * 4})"
        expected = f"((model_feature_reference_bin + 0.5) / {1000 + 0.5 * 4})"
        used = f"(model_feature_bin_total + {labels} model_feature_reference_bin > 0)"
        psi = f"sum(({window} - {labels} {expected}) * ln({window} / {labels} {expected}) and {labels} {used})"
        (in_promql,) = server.query(psi).values()
        (gauge,) = server.query("model_feature_drift_psi{window='5m'}").values()
        assert math.isclose(in_promql, gauge, rel_tol=1e-9)
        assert gauge > 0.25
