"""Child processes of the demo: started, waited for, and stopped with it."""

from __future__ import annotations

import asyncio
import ctypes
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

    @property
    def output(self) -> str:
        """What the program has written so far."""
        return self.log.read_text(errors="replace")

    def check(self) -> None:
        """Raise DemoError if the process has exited."""
        if self.child.poll() is not None:
            raise DemoError(f"{self.name} exited with status {self.child.returncode}: {last_line(self.output)}")

    async def wait_until_ready(self, http: aiohttp.ClientSession, url: str) -> None:
        """Wait until `url` returns status 200; raises DemoError."""
        deadline = time.monotonic() + READY_SECONDS
        while not await is_ok(http, url):
            self.check()
            if time.monotonic() > deadline:
                raise DemoError(
                    f"{self.name} was not ready after {READY_SECONDS:.0f} seconds: {last_line(self.output)}"
                )
            await asyncio.sleep(POLL_SECONDS)

    async def stop(self) -> None:
        """Terminate the process, and kill it if that takes too long."""
        self.child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while self.child.poll() is None:
            if time.monotonic() > deadline:
                self.child.kill()
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def running(name: str, command: Sequence[str], log: Path) -> AsyncIterator[Process]:
    """Run a command while the `async with` block lasts; raises DemoError if it fails when it is stopped.

    It has its own process group, so that Ctrl-C reaches only the demo. On Linux it also ends if the demo is killed.
    """
    process = Process(name, _started(command, log), log)
    try:
        yield process
    finally:
        await process.stop()
    if process.child.returncode:
        process.check()


def run(name: str, command: Sequence[str], folder: Path) -> None:
    """Run a command in a folder until it ends; raises DemoError if it fails."""
    done = subprocess.run(  # noqa: S603  # the demo's own commands
        command, cwd=folder, capture_output=True, text=True, check=False, process_group=0
    )
    if done.returncode:
        raise DemoError(f"{name} exited with status {done.returncode}: {last_line(done.stderr)}")


async def is_ok(http: aiohttp.ClientSession, url: str) -> bool:
    """Return whether a URL returns status 200."""
    try:
        async with http.get(url) as response:
            return response.status == 200  # noqa: PLR2004
    except (aiohttp.ClientError, TimeoutError):
        return False


def last_line(output: str) -> str:
    """Return the last line of a program's output, which is usually the reason for its failure."""
    return output.strip().rpartition("\n")[2] or "no output"


def free_port(preferred: int) -> int:
    """Return the first free port of `preferred`, `preferred` + 10, `preferred` + 20, ... on 127.0.0.1."""
    return next(port for port in range(preferred, 65536, 10) if is_free(port))


def is_free(port: int) -> bool:
    """Return whether nothing listens on a port of 127.0.0.1."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def _started(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    end_with_parent = None
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        end_with_parent = lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # noqa: E731
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603  # the demo's own commands
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
            preexec_fn=end_with_parent,  # noqa: PLW1509  # the demo has no threads
        )
