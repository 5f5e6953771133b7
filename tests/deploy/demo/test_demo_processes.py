"""The demo's child processes: a failure is reported, and none outlives the demo."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import psutil
import pytest

from deploy.demo import DemoError, exporter, process
from deploy.demo.exporter import Exporter
from tests.process import DEADLINE_SECONDS, wait_until
from tests.servers import free_port

# Python 3.12 and later warn of what runs between fork and exec if there are threads, as numpy's in the test run.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def ended(child: psutil.Process) -> bool:
    """Wait until a process, not necessarily our child, has ended."""
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    return True


def with_exporter(folder: Path, config: str, use: Callable[[Exporter], Awaitable[None]]) -> None:
    port = free_port()
    (folder / "config.yaml").write_text(f"{config}listen: 127.0.0.1:{port}\n")

    async def main() -> None:
        async with aiohttp.ClientSession() as http, exporter.running(folder, http, port) as running:
            await use(running)

    asyncio.run(main())


def test_an_exporter_that_does_not_start_is_reported_with_its_last_line(tmp_path: Path) -> None:
    async def use(_: Exporter) -> None:
        pytest.fail("it started")

    with pytest.raises(DemoError, match=r"^the exporter exited with status 2: .*soruces: unknown key; did you mean"):
        with_exporter(tmp_path, "sources: [log.jsonl]\nsoruces: 1\n", use)


def test_an_exporter_that_dies_is_reported(tmp_path: Path) -> None:
    died = "^the exporter exited with status -9: "

    async def use(running: Exporter) -> None:
        assert await running.counts() == {}
        assert (await running.status("5m"))["model"] is None
        with pytest.raises(DemoError, match=r"/api/v1/status\?window=nothing: status 404: window: expected"):
            await running.status("nothing")
        os.kill(running._process.child.pid, signal.SIGKILL)
        running._process.child.wait(DEADLINE_SECONDS)
        with pytest.raises(DemoError, match=died):
            await running.counts()

    with pytest.raises(DemoError, match=died):
        with_exporter(tmp_path, "sources: [log.jsonl]\n", use)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_demo_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from deploy.demo import process\n"
        "async def main():\n"
        "    async with process.running('sleep', ['sleep', '3600'], Path(sys.argv[1])) as running:\n"
        "        print(running.child.pid, flush=True)\n"
        "        sys.stdin.read()\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "log")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
    assert ended(child)


def test_a_command_that_fails_is_reported_with_its_last_line(tmp_path: Path) -> None:
    command = [*exporter.COMMAND, "profile", "nothing.jsonl", "--output", "reference.json"]
    with pytest.raises(DemoError, match=r"^profile exited with status 2: .*nothing\.jsonl"):
        asyncio.run(process.run("profile", command, tmp_path / "log", tmp_path))


def test_a_port_in_use_is_passed_over() -> None:
    port = free_port()
    with process.socket.create_server(("127.0.0.1", port)):
        assert process.listen_error(port) == "Address already in use"
        assert process.free_port(port) in range(port + 10, port + 1000, 10)
    assert process.free_port(port) == port
