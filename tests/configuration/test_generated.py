"""What `check` accepts, the exporter starts with and a reload takes; what it rejects, it rejects in single lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest
import yaml
from hypothesis import event, given, settings

from exporter.configuration import loading
from exporter.configuration.loading import ConfigError, LoadedConfig
from exporter.reference import profile_file
from exporter.sidecar import FIXED, Sidecar
from tests.configuration.generated import configurations
from tests.in_process import serve
from tests.records import NOW, PROFILE

RECORDS = "".join(
    json.dumps({"timestamp": NOW, "prediction": name, "features": {"age": 40, "country": "DE"}, "request_id": name})
    + "\n"
    for name in ("approve", "deny")
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Short, as the path of a unix socket has to be.
    with TemporaryDirectory(prefix="pe") as made:
        path = Path(made)
        (path / "reference.json").write_bytes(profile_file.dump(PROFILE))
        (path / "log.jsonl").write_text(RECORDS)
        (path / "minimal.yaml").write_text("listen: 127.0.0.1:0\nsources: [log.jsonl]\n")
        yield path


def loaded(folder: Path, configuration: dict[str, Any]) -> LoadedConfig | list[str]:
    """Return a configuration, or the problems for which it is rejected."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump({"listen": "127.0.0.1:0"} | configuration, allow_unicode=True))
    try:
        return loading.load(file)
    except ConfigError as error:
        return error.problems


@settings(max_examples=300)
@given(configuration=configurations)
def test_what_is_accepted_runs(folder: Path, configuration: dict[str, Any]) -> None:
    accepted = loaded(folder, configuration)
    event("rejected" if isinstance(accepted, list) else "accepted")
    if isinstance(accepted, list):
        assert accepted
        assert all("\n" not in problem and problem.startswith(f"{folder}/config.yaml: ") for problem in accepted)
        return
    assert all("\n" not in note for note in loading.notes(accepted))

    async def scrape(client: aiohttp.ClientSession) -> None:
        for path in ("/metrics", "/", "/api/v1/status"):
            async with client.get(path) as response:
                assert response.status == 200, await response.text()

    serve(Sidecar(accepted, clock=lambda: NOW), scrape)


@settings(max_examples=200)
@given(configuration=configurations)
def test_what_is_accepted_is_reloaded(folder: Path, configuration: dict[str, Any]) -> None:
    keys = {key: value for key, value in configuration.items() if key not in (*FIXED, "ground_truth")}
    accepted = loaded(folder, keys)
    if isinstance(accepted, list):
        return
    sidecar = Sidecar(loading.load(folder / "minimal.yaml"), clock=lambda: NOW, load=lambda: accepted)

    async def reload(client: aiohttp.ClientSession) -> None:
        assert await sidecar.reload() == []
        async with client.get("/metrics") as response:
            assert "prediction_exporter_config_last_reload_successful 1.0" in await response.text()

    serve(sidecar, reload)
