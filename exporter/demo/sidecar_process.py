"""The sidecar as a process of its own, started, scraped and stopped."""

from __future__ import annotations

import ctypes
import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from exporter.demo import DemoError
from exporter.units import Listen

READY_SECONDS = 30.0
SCRAPE_SECONDS = 10.0
STOP_SECONDS = 30.0
PR_SET_PDEATHSIG = 1

COMMAND = (sys.executable, "-m", "exporter")


class SidecarProcess:
    """`prediction-exporter run` on a configuration, for as long as the `with` block lasts.

    It has a process group of its own: Ctrl-C reaches the demo alone, which stops it once all is counted.
    """

    def __init__(self, config: Path, listen: Listen) -> None:
        self._config = config
        self._listen = listen
        self._log = config.with_name("sidecar.log")

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = start([*COMMAND, "run", "--config", str(self._config)], log)
        try:
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        if error is None and self._process.returncode:
            raise DemoError(self._last_words())

    def scrape(self) -> str:
        """Return the page of metrics; raises DemoError."""
        try:
            status, page = self._get("/metrics")
        except (OSError, http.client.HTTPException) as error:
            if self._process.poll() is not None:
                raise DemoError(self._last_words()) from None
            raise DemoError(f"the sidecar does not answer: {error}") from None
        if status != http.HTTPStatus.OK:
            raise DemoError(f"the sidecar answers with status {status}: {page.strip()}")
        return page

    def _get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._listen.host, self._listen.port, timeout=SCRAPE_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise DemoError(self._last_words())
            try:
                if self._get("/-/ready")[0] == http.HTTPStatus.OK:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise DemoError(f"the sidecar was not ready after {READY_SECONDS:.0f} seconds")

    def _stop(self) -> None:
        stop(self._process)

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return f"the sidecar ended with status {self._process.returncode}: {lines[-1] if lines else 'it said nothing'}"


def start(command: Sequence[str], log: BinaryIO) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own, that ends at the latest with the demo; it says what it says to the log."""
    return subprocess.Popen(  # noqa: S603  # commands of the demo's own
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        process_group=0,
        preexec_fn=_end_with_parent(),  # noqa: PLW1509  # there are no threads yet
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and see that it does."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def make_profile(training: Path, output: Path) -> None:
    """Make the reference profile by the command that users have for it; raises DemoError."""
    command = [*COMMAND, "profile", str(training), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, process_group=0)  # noqa: S603  # our own
    if done.returncode:
        lines = done.stderr.splitlines()
        raise DemoError(f"no reference profile: {lines[-1] if lines else f'status {done.returncode}'}")


def free_address(wanted: Listen) -> Listen:
    """Return the address with a port that can be listened on now; raises OSError."""
    family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
    with socket.create_server((wanted.host, wanted.port), family=family) as server:
        port = server.getsockname()[1]
    return Listen.parse(f"{wanted.rpartition(':')[0]}:{port}")


def _end_with_parent() -> Callable[[], object] | None:
    """Return what makes a new process end when the demo is killed without a chance to stop it; Linux knows how."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
