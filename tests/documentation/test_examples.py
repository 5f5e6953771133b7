"""The configurations that pages show are good ones: each block of YAML, with what it leaves out."""

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from exporter.cli import main
from exporter.reference import profile_file
from tests.records import categorical, numeric, reference

ROOT = Path(__file__).parent.parent.parent
PAGES = ["README.md", *(f"exporter/{name}/README.md" for name in ("sources", "joins", "derived"))]
BLOCKS = [
    pytest.param(block, id=f"{page}:{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
]
FEATURES = {
    "age": numeric([40.0], [500, 500]),
    "amount": numeric([40.0], [500, 500]),
    "country": categorical({"DE": 1000}),
}
SECRETS = ("/etc/prediction-exporter/token", "/etc/prediction-exporter/password")


def test_there_are_examples() -> None:
    assert len(BLOCKS) > 7


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_is_a_good_configuration(tmp_path: Path, block: str) -> None:
    pytest.importorskip("sqlalchemy")
    (tmp_path / "reference.json").write_bytes(profile_file.dump(reference(FEATURES)))
    (tmp_path / "secret").write_text("secret")
    for secret in SECRETS:
        block = block.replace(secret, "secret")
    shown = yaml.safe_load(block)
    whole = {"sources": ["/log.jsonl"], "reference": "reference.json"} | shown
    if any("truth" in figure for figure in shown.get("business", ())):
        whole["ground_truth"] = {"sources": ["/labels.jsonl"]}
    whole |= {"state_dir": "state"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(whole))

    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "config.yaml")])

    assert result.exit_code == 0, result.output
