"""Runs the command in forks of a process that has imported what `run` needs, because a new interpreter takes a second.

`python -m tests.fork_server` is that process: it reads requests as lines of JSON, and answers each with one.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


class ForkServer:
    """The process to fork. It starts when it is needed first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @cached_property
    def _process(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.fork_server"]
        return subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self) -> None:
        if "_process" in self.__dict__:
            self._process.communicate()

    def start(self, arguments: Sequence[str], log: str) -> "Fork":
        """Run `prediction-exporter` with these arguments; its standard error goes to a file."""
        return Fork(self, self.ask(run=arguments, log=log))

    def ask(self, **request: Any) -> Any:
        with self._lock:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


@dataclass
class Fork:
    """A running command, with the methods of subprocess.Popen."""

    server: ForkServer
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self.server.ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("prediction-exporter", timeout)
            time.sleep(0.01)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def serve() -> None:
    import exporter.sidecar
    import exporter.web.loading  # noqa: F401

    for line in sys.stdin:
        match json.loads(line):
            case {"run": arguments, "log": log}:
                answer = os.fork()
                if not answer:
                    run(arguments, log)
            case {"poll": pid}:
                ended, status = os.waitpid(pid, os.WNOHANG)
                answer = os.waitstatus_to_exitcode(status) if ended else None
        print(json.dumps(answer), flush=True)


def run(arguments: list[str], log: str) -> None:
    """Become `python -m exporter` with these arguments. Raises SystemExit."""
    null = os.open(os.devnull, os.O_RDWR)
    errors = os.open(log, os.O_WRONLY | os.O_APPEND)
    for target, descriptor in enumerate((null, null, errors)):
        os.dup2(descriptor, target)
    os.close(null)
    os.close(errors)
    sys.argv = ["prediction-exporter", *arguments]
    runpy.run_module("exporter", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve()
