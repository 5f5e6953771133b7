"""The README's commands for your own log, run as they are written."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.process import exporter, wait_until
from tests.servers import free_port

README = (Path(__file__).parent.parent.parent / "README.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"## Your own log.*?```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_the_commands_give_the_metrics_that_are_shown(tmp_path: Path) -> None:
    install, *prepare, run = block("sh").strip().splitlines()
    assert install == "pip install ."
    (request, *expected) = block("console").strip().splitlines()
    pattern = shlex.split(request)[-1]
    script = "\n".join(prepare).replace("prediction-exporter", f"{shlex.quote(sys.executable)} -m exporter")
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, check=True)
    _, command, *options = shlex.split(run)
    assert command == "run"
    options = [str(tmp_path / option) if "." in option else option for option in options]

    with exporter(*options, "--listen", f"127.0.0.1:{free_port()}") as running:

        def shown() -> list[str]:
            return [line for line in running.get("/metrics").splitlines() if re.search(pattern, line)]

        wait_until(lambda: shown() == expected, shown)
