"""BentoML's monitoring log, as `bentoml.monitor` writes it.

tests/examples/bentoml-data.1.log was written by the DefaultMonitor of bentoml 1.4.40 (bentoml/_internal/monitoring:
default.py and base.py as they are in the wheel, its server and trace context filled in) with python-json-logger 4.2.0:
three requests, and one of two instances by log_batch. The columns are those of BentoML's guide to monitoring
(docs/source/guides/monitoring.rst), whose lines, of 2022, have all of it but `trace_id`.
"""

import json
import shutil
from pathlib import Path

from tests.process import command, exporter

EXAMPLE = Path(__file__).parent.parent / "examples" / "bentoml-data.1.log"
IRIS = ("sepal length", "sepal width", "petal length", "petal width")
PREDICTIONS = "model_predictions_total"


def configure(folder: Path, source: str) -> Path:
    config = folder / "config.yaml"
    config.write_text(
        "listen: 127.0.0.1:0\nstate_dir: state\nreference: reference.json\nlimits: {past: 36500d, future: 36500d}\n"
        f"model: {{name: iris}}\nsources: [{source}]\n"
    )
    return config


def make_reference(folder: Path) -> None:
    with (folder / "training.jsonl").open("w") as log:
        for number in range(200):
            features = {name: number / 25 + shift for shift, name in enumerate(IRIS)}
            log.write(json.dumps({"features": features, "prediction": "setosa"}) + "\n")
    assert not command("profile", folder / "training.jsonl", "--output", folder / "reference.json").returncode


def test_the_log_is_counted_through_its_rotation(tmp_path: Path) -> None:
    make_reference(tmp_path)
    data = tmp_path / "monitoring" / "iris" / "data"
    data.mkdir(parents=True)
    config = configure(tmp_path, "{url: monitoring/*/data/data.*.log, format: bentoml, prediction: pred}")
    for worker in (1, 2):
        shutil.copy(EXAMPLE, data / f"data.{worker}.log")
    with exporter("--config", config) as running:
        running.wait_for(PREDICTIONS, 10)
        assert running.samples(PREDICTIONS) == {("setosa",): 4, ("versicolor",): 4, ("virginica",): 2}
        assert (
            sum(
                count
                for (_, name), count in running.samples("model_feature_bin_total").items()
                if name == "petal width"
            )
            == 10
        )
        quality = running.samples("model_feature_quality_total")
        assert {quality[("missing", name)] for name in IRIS} == {0}
    # Its handler renames by the day (TimedRotatingFileHandler).
    (data / "data.1.log").rename(data / "data.1.log.2026-11-24")
    shutil.copy(EXAMPLE, data / "data.1.log")
    with exporter("--config", config) as running:
        running.wait_for(PREDICTIONS, 15)
        assert running.total("prediction_exporter_source_rejected_lines_total") == 0


def test_the_column_of_the_prediction_is_required(tmp_path: Path) -> None:
    make_reference(tmp_path)
    told = command("check", "--config", configure(tmp_path, "{url: data.log, format: bentoml}"))
    assert told.returncode == 2
    assert (
        'sources[0].prediction: this key is required: the column that is logged with role="prediction"' in told.stderr
    )
    told = command(
        "check", "--config", configure(tmp_path, "{url: data.log, format: bentoml, prediction: petal width}")
    )
    assert "sources[0].prediction: `petal width` is read as" in told.stderr
