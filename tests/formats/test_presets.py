"""The presets, each with a log whose layout it knows."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.configuration import loading
from exporter.reference import profile_file
from tests.counted_log import PROFILE, assert_counted
from tests.server_logs import LOGS, ServerLog

SCORES = 'format: sagemaker, features: [age, income, country], classes: ["0", "1"]'
SOURCES = {
    "sagemaker-csv": SCORES,
    "sagemaker-json": "format: sagemaker, prediction: label",
    "azure-data-collector": "format: azureml, prediction: label",
    "mlflow": "format: mlflow, fields: {timestamp: ts, latency_seconds: latency_s}",
    "litellm": "format: litellm",
}


def configure(folder: Path, source: str) -> Path:
    (folder / "reference.json").write_bytes(profile_file.dump(PROFILE))
    config = folder / "config.yaml"
    config.write_text(f"reference: reference.json\nsources: [{{url: /var/log/app.log, {source}}}]\n")
    return config


def in_base64(log: ServerLog, content_type: str) -> ServerLog:
    """Return a log of data capture as it is written for content types that are not configured as CSV or JSON."""
    events = [json.loads(line) for line in log.text.splitlines()]
    for event in events:
        for captured in event["captureData"].values():
            captured["data"] = base64.b64encode(captured["data"].encode()).decode()
            captured |= {"encoding": "BASE64", "observedContentType": content_type}
    return replace(log, lines=lambda request: iter([events[request.number]]))


@pytest.mark.parametrize("name", SOURCES)
def test_a_preset_counts_its_log(tmp_path: Path, name: str) -> None:
    assert_counted(configure(tmp_path, SOURCES[name]), LOGS[name])


@pytest.mark.parametrize(
    ("name", "content_type"), [("sagemaker-csv", "text/csv"), ("sagemaker-json", "application/json")]
)
def test_captured_data_may_be_in_base64(tmp_path: Path, name: str, content_type: str) -> None:
    assert_counted(configure(tmp_path, SOURCES[name]), in_base64(LOGS[name], content_type))


def test_azures_column_of_the_prediction_is_required(tmp_path: Path) -> None:
    with pytest.raises(loading.ConfigError, match=r"sources\[0\].prediction: this key is required"):
        loading.load(configure(tmp_path, "format: azureml"))
