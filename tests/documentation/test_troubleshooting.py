"""deploy/TROUBLESHOOTING.md quotes what the sidecar says, and names metrics and keys that there are."""

import json
import re
from pathlib import Path

import pytest

from exporter.configuration.settings import Config
from tests.documentation.families import declared

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "deploy" / "TROUBLESHOOTING.md").read_text()
CODE = "".join(file.read_text() for file in (ROOT / "exporter").rglob("*.py"))
EVENTS = {json.loads(f"[{text}]")[0] for text in re.findall(r'"event": ("[^"]+")', PAGE)}


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_an_event_that_is_quoted_is_one_of_the_sidecar_s(event: str) -> None:
    assert f'"{event}"' in CODE


@pytest.mark.parametrize("name", sorted({*re.findall(r"`((?:model|prediction_exporter)_\w+?)`", PAGE)}))
def test_a_metric_that_is_named_is_there(name: str) -> None:
    assert name in declared() or name in ("model_name", "model_version")


def test_every_symptom_has_its_section() -> None:
    sections = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert re.findall(r"^\| .* \| \[(.*)\]\(#.*\) \|$", PAGE, re.MULTILINE) == sections[1:]


@pytest.mark.parametrize("key", ["exported_bins", "windows", "limits", "quality", "fields", "model"])
def test_keys_are_the_configuration_s(key: str) -> None:
    assert key in Config.__struct_fields__
    assert f"`{key}" in PAGE
