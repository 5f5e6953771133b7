"""The sidecar that the demo runs: told of when it fails, and never left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from exporter.demo import DemoError
from exporter.demo.sidecar_process import SidecarProcess
from exporter.units import Listen
from tests.demo.processes import DEADLINE_SECONDS, ended
from tests.servers import free_port

# Python 3.12 and later warn of what runs between fork and exec where there are threads, as numpy's here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def sidecar(folder: Path, config: str = "sources: [log.jsonl]\n") -> SidecarProcess:
    listen = Listen.parse(f"127.0.0.1:{free_port()}")
    (folder / "config.yaml").write_text(f'{config}listen: "{listen}"\n')
    return SidecarProcess(folder / "config.yaml", listen)


def test_a_sidecar_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"the sidecar ended with status 2: .*soruces: unknown key; did you mean"):
        sidecar(tmp_path, "sources: [log.jsonl]\nsoruces: 1\n").__enter__()


def test_a_sidecar_that_dies_is_told(tmp_path: Path) -> None:
    running = sidecar(tmp_path)
    running.__enter__()
    assert "prediction_exporter_" in running.scrape()
    os.kill(running._process.pid, signal.SIGKILL)
    running._process.wait(DEADLINE_SECONDS)
    for use in (running.scrape, lambda: running.__exit__(None, None, None)):
        with pytest.raises(DemoError, match="the sidecar ended with status -9: "):
            use()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_demo_that_is_killed_leaves_no_sidecar_behind(tmp_path: Path) -> None:
    sidecar(tmp_path)
    code = (
        "import sys; from pathlib import Path; from exporter.assembly import config; "
        "from exporter.demo.sidecar_process import SidecarProcess; "
        "file = Path(sys.argv[1]); running = SidecarProcess(file, config.load(file).listen).__enter__(); "
        "print(running._process.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "config.yaml")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        process = psutil.Process(int(parent.stdout.readline()))
        assert process.is_running()
        parent.kill()
    assert ended(process)
