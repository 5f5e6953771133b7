"""An application's whole log as a source: skipped lines, and lines of several records, count once across `kill -9`."""

import json
import signal
from pathlib import Path

from tests.process import exporter

LINES, SKIPPED = "prediction_exporter_source_lines_total", "prediction_exporter_source_skipped_lines_total"
CONFIG = """
listen: 127.0.0.1:0
state_dir: state
sources:
  - url: app.log
    where: {event: prediction}
    model: {name: credit, version: 3}
    fields: {prediction: "out[*].label", latency: took}
"""
PART = (
    json.dumps({"event": "prediction", "out": [{"label": "a"}, {"label": "b"}], "took": "20ms"})
    + '\nTraceback (most recent call last):\n{"event": "request"}\n'
)


def test_lines_count_once_across_kills(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    for times in (1, 2, 3):
        with (tmp_path / "app.log").open("a") as log:
            log.write(PART * 10)
        with exporter("--config", tmp_path / "config.yaml") as running:
            running.wait_for(LINES, 30 * times)
            assert running.total(SKIPPED) == 20 * times
            assert running.samples("model_predictions_total") == {("a",): 10 * times, ("b",): 10 * times}
            assert running.total("model_prediction_latency_seconds_count") == 10 * times
            assert running.total("prediction_exporter_source_rejected_lines_total") == 0
            running.stop(signal.SIGKILL)
