"""With a configuration, `profile` reads logs as the sidecar does, and says what it took."""

import json
from pathlib import Path

import pytest
import yaml

from exporter.reference import profile_file
from tests.documentation.test_logs import EXAMPLES
from tests.offline.commands import run
from tests.server_logs import LOGS, REQUESTS

WITH_FEATURES = [name for name, log in LOGS.items() if log.has_features]
CONFIG = "sources: [{url: app.log, where: {event: prediction}, fields: {features: in, prediction: out}}]\n"


@pytest.mark.parametrize("name", WITH_FEATURES)
def test_the_profile_of_a_log_is_that_of_its_records(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.log").write_text(LOGS[name].text)
    config = yaml.safe_load(EXAMPLES[name])
    config["sources"] = [source | {"url": "app.log"} for source in config["sources"]]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    result = run("profile", tmp_path / "app.log", "--config", tmp_path / "config.yaml", "-o", tmp_path / "out.json")
    assert result.exit_code == 0, result.output
    profile = profile_file.read(tmp_path / "out.json")
    assert profile.rows == sum(LOGS[name].predictions.values())
    assert ([*profile.numeric], [*profile.categorical]) == (["age", "income"], ["country"])
    assert {*profile.classes} == {*LOGS[name].predictions}


def write(folder: Path, lines: list[str]) -> Path:
    (folder / "app.log").write_text("".join(f"{line}\n" for line in lines))
    (folder / "config.yaml").write_text(CONFIG)
    return folder / "app.log"


def test_a_line_says_what_was_taken(tmp_path: Path) -> None:
    record = json.dumps({"event": "prediction", "in": {"age": "41"}, "out": "yes"})
    log = write(tmp_path, [record, record, "Traceback", '{"event": "start"}', '{"event": "prediction"}'])
    result = run("profile", log, "--config", tmp_path / "config.yaml", "-o", tmp_path / "out.json")
    taken = "5 lines read: 2 records, 2 skipped, 1 rejected as missing_field; fields: features, prediction"
    assert result.output.splitlines()[0] == f"{log}: {taken}"
    assert [*profile_file.read(tmp_path / "out.json").numeric] == ["age"]


def test_a_log_without_records_is_one_line(tmp_path: Path) -> None:
    log = write(tmp_path, ['{"event": "start"}'] * REQUESTS)
    result = run("profile", log, "--config", tmp_path / "config.yaml", "-o", tmp_path / "out.json")
    assert result.exit_code == 2
    taken = f"{log}: {REQUESTS} lines read: 0 records, {REQUESTS} skipped"
    assert result.output == f"prediction-exporter: profile: {log}: no predictions ({taken})\n"
