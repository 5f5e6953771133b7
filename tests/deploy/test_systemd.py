"""The systemd unit: what it may do, and that it names what there is."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.manifests import DEPLOY
from tests.servers import require

UNIT = DEPLOY / "systemd" / "prediction-exporter.service"
# As deploy/README.md says; 10 is the worst.
EXPOSURE = 1.0


@pytest.mark.servers
def test_its_exposure_is_as_stated() -> None:
    done = subprocess.run(
        [require("systemd-analyze"), "security", "--offline=true", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=True,
    )
    (level,) = re.findall(r"Overall exposure level .*: ([\d.]+)", done.stdout)
    assert float(level) <= EXPOSURE
    assert f"{EXPOSURE}" in (DEPLOY / "README.md").read_text()


@pytest.mark.servers
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """With the program elsewhere, since the unit's is not installed here."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/prediction-exporter/bin/prediction-exporter", "/bin/true"))
    done = subprocess.run([require("systemd-analyze"), "verify", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_stops_no_sooner_than_the_sidecar_has_drained() -> None:
    unit = UNIT.read_text()
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]) > 25
    assert re.search(r"^StateDirectory=prediction-exporter$", unit, re.MULTILINE)
    assert re.search(r"^ExecReload=.*-HUP", unit, re.MULTILINE)
