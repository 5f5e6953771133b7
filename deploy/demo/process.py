"""Child processes of the demo, which end with it."""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from deploy.demo import DemoError

HOST = "127.0.0.1"
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Process:
    """A running program, called `name` in messages. Its output goes to `log`."""

    name: str
    child: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise DemoError if the process has exited."""
        if self.child.poll() is not None:
            raise DemoError(f"{self.name} exited with status {self.child.returncode}: {self._last_line()}")

    async def wait_until_ready(self, http: aiohttp.ClientSession, url: str) -> None:
        """Wait until `url` returns status 200; raises DemoError."""
        deadline = time.monotonic() + READY_SECONDS
        while not await is_ok(http, url):
            self.check()
            if time.monotonic() > deadline:
                raise DemoError(f"{self.name} was not ready after {READY_SECONDS:.0f} seconds: {self._last_line()}")
            await asyncio.sleep(POLL_SECONDS)

    def _last_line(self) -> str:
        """Return the last line of the output, which is usually the reason for a failure."""
        return self.log.read_text(errors="replace").strip().rpartition("\n")[2] or "no output"

    async def stop(self) -> None:
        """Terminate the process, and kill it if that takes too long."""
        self.child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while self.child.poll() is None:
            if time.monotonic() > deadline:
                self.child.kill()
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def running(name: str, command: Sequence[str], log: Path, folder: Path | None = None) -> AsyncIterator[Process]:
    """Run a command in a folder during the `async with` block. Raises DemoError if it has failed by then.

    It has its own process group, so that Ctrl-C reaches only the demo. On Linux it also ends if the demo is killed.
    """
    process = Process(name, _started(command, log, folder), log)
    try:
        yield process
    finally:
        await process.stop()
    if process.child.returncode:
        process.check()


async def run(name: str, command: Sequence[str], log: Path, folder: Path) -> None:
    """Run a command in a folder until it ends; raises DemoError if it fails."""
    async with running(name, command, log, folder) as process:
        while process.child.poll() is None:  # noqa: ASYNC110  # asyncio would wait for it in a thread
            await asyncio.sleep(POLL_SECONDS)


async def is_ok(http: aiohttp.ClientSession, url: str) -> bool:
    """Return whether a URL returns status 200."""
    try:
        async with http.get(url) as response:
            return response.status == 200  # noqa: PLR2004
    except (aiohttp.ClientError, TimeoutError):
        return False


def free_port(preferred: int) -> int:
    """Return the first free port of `preferred`, `preferred` + 10, `preferred` + 20, ... on 127.0.0.1."""
    return next(port for port in range(preferred, 65536, 10) if not listen_error(port))


def listen_error(port: int) -> str | None:
    """Return why a port of 127.0.0.1 cannot be listened on, or None if it can."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        return os.strerror(error.errno or 0)
    return None


def _started(command: Sequence[str], log: Path, folder: Path | None) -> subprocess.Popen[bytes]:
    end_with_parent = None
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        end_with_parent = lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # noqa: E731
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603  # the demo's own commands
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
            preexec_fn=end_with_parent,  # noqa: PLW1509  # the demo has no threads
        )
