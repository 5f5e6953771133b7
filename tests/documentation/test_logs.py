"""The configurations in exporter/LOGS.md, each run with a log of the server that it is for."""

import re
from pathlib import Path

import pytest

from exporter.reference import profile_file
from tests.counted_log import PROFILE, assert_counted
from tests.server_logs import LOGS

PAGE = (Path(__file__).parents[2] / "exporter" / "LOGS.md").read_text()
# By the name of the log in the first line of the configuration.
EXAMPLES = dict(re.findall(r"^```yaml\n# ([a-z0-9-]+)[^\n]*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def test_every_log_has_an_example() -> None:
    assert EXAMPLES.keys() == LOGS.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short(name: str) -> None:
    assert EXAMPLES[name].count("\n") <= 10


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_exporter_counts_the_log_of_an_example(tmp_path: Path, name: str) -> None:
    (tmp_path / "reference.json").write_bytes(profile_file.dump(PROFILE))
    (tmp_path / "config.yaml").write_text(f"reference: reference.json\n{EXAMPLES[name]}")
    assert_counted(tmp_path / "config.yaml", LOGS[name])
