"""What the exporter counts of a server's log, by some configuration."""

from collections import defaultdict
from pathlib import Path

import pytest

from exporter.assembly import planning
from exporter.configuration import loading
from exporter.engine.engine import Engine
from exporter.lines.stream import Stream
from tests.records import categorical, numeric, reference
from tests.server_logs import ALL, BEGIN, NAMES, REQUESTS, ServerLog

PROFILE = reference(
    {"age": numeric([40.0]), "income": numeric([50_000.0]), "country": categorical({"DE": 1, "FR": 1, "US": 1})}
)
NOW = BEGIN + REQUESTS / 2
PREFIX = "prediction_exporter_source_"


def assert_counted(config_file: Path, log: ServerLog) -> None:
    """Assert that a configuration, whose reference is PROFILE, counts all of a log."""
    config, models = loading.load(config_file)
    plan, collector = planning.plan(config, models)
    rejected: list[str] = []
    engine = Engine(plan, report=lambda line: rejected.append(line.detail))
    stream = Stream(config.sources[0].name, "/var/log/app.log", 1, 2, 3)
    engine.open(stream)
    engine.feed(stream, log.text.encode(), NOW)
    snapshot = engine.snapshot(NOW)

    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for sample in (sample for family in collector.collect(snapshot) for sample in family.samples):
        labels = {"prediction_class", "error_type", "check", "field"} & sample.labels.keys()
        if sample.value and sample.labels.get("window") in (None, "5m"):
            found[sample.name][sample.labels[labels.pop()] if labels else ""] += sample.value

    assert rejected == []
    assert found["model_predictions_total"] == log.predictions
    assert found["model_prediction_errors_total"] == log.errors
    assert found["model_prediction_latency_seconds_count"][""] == log.latencies
    if log.latencies == REQUESTS:
        expected = sum(request.latency for request in ALL)
        assert found["model_prediction_latency_seconds_sum"][""] == pytest.approx(expected, abs=REQUESTS * log.rounding)
    assert found[PREFIX + "skipped_lines_total"][""] == log.skipped
    assert found[PREFIX + "unusable_values_total"] == {}
    # By their times, all records are of the last five minutes.
    assert found["model_window_samples"][""] == sum(log.predictions.values())
    assert found[PREFIX + "last_record_timestamp_seconds"][""] == pytest.approx(NOW - 0.5, abs=0.51)
    quality = found["model_feature_quality_total"]
    assert quality["wrong_type"] == quality["unseen_category"] == 0
    assert quality["missing"] == (0 if log.has_features else len(NAMES) * sum(log.predictions.values()))
