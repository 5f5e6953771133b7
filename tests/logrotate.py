"""The real logrotate, and a numbered log that it rotates."""

import gzip
import math
import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.numbered_log import NumberedLog, numbers_in
from tests.servers import require

# By mode, how a log is rotated.
DIRECTIVES = {
    "create": ("create",),
    "copytruncate": ("copytruncate",),
    "compress": ("create", "compress"),
    "delaycompress": ("create", "compress", "delaycompress"),
    "copytruncate-compress": ("copytruncate", "compress", "extension .jsonl"),
    "dateext": ("copytruncate", "dateext", "dateformat -%Y%m%d-%s"),
    "dateext-extension": ("copytruncate", "extension .jsonl", "dateext", "dateformat -%Y%m%d-%s"),
    "extension": ("copytruncate", "extension .jsonl"),
    "extension-create": ("create", "extension .jsonl"),
    "olddir": ("create", "olddir old"),
}
# After how many lines a writer that logrotate does not wait for notices that its file was renamed.
LATE_LINES = 30


@dataclass
class RotatedLog(NumberedLog):
    """A numbered log in a folder of its own, of which logrotate keeps `generations`."""

    mode: str = "create"
    generations: int = 3
    _file: IO[bytes] | None = None
    _late: int = 0
    # The lines in files that logrotate has made, as of each of its runs.
    _archived: list[set[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True)
        if self.mode == "olddir":
            (self.path.parent / "old").mkdir()

    @property
    def block(self) -> str:
        """The block of logrotate's configuration."""
        directives = (f"rotate {self.generations}", *DIRECTIVES[self.mode])
        return f'"{self.path}" {{\n    ' + "\n    ".join(directives) + "\n}\n"

    def write(self, count: int = 1, to: Path | IO[bytes] | None = None) -> None:
        """Append lines as a server does, which keeps its file open and opens it again some time after a rotation."""
        if to is None:
            to = self._open(count)
        super().write(count, to)

    def _open(self, count: int) -> IO[bytes]:
        if self._file and not self._is_current(self._file):
            self._late += count
            if self.mode != "delaycompress" or self._late > LATE_LINES:
                self.close()
        if self._file is None:
            self._file, self._late = self.path.open("ab"), 0
        return self._file

    def _is_current(self, file: IO[bytes]) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Close the writer's file."""
        if self._file:
            self._file.close()
        self._file = None

    def rotated(self) -> None:
        """Note which lines are in rotated files, before later runs of logrotate remove them."""
        self._archived.append(self._archived[-1] | self.kept if self._archived else self.kept)

    @property
    def kept(self) -> set[int]:
        """The lines in the files that there are now."""
        files = [path for path in self.path.parent.rglob("*") if path.is_file()]
        return set[int]().union(*(numbers_in(content(path)) for path in files))

    @property
    def archived(self) -> set[int]:
        """The lines in files that there were after a run of logrotate, or are now: what is expected to be counted."""
        return self._archived[-1] | self.kept

    @property
    def removed_next(self) -> set[int]:
        """The lines in files that the next run of logrotate removes, or has removed."""
        return self._archived[1 - self.generations] if len(self._archived) >= self.generations else set()


class Logrotate:
    """The real logrotate with a configuration and a state of its own, in which each run rotates all `logs`."""

    def __init__(self, folder: Path, logs: Iterable[RotatedLog]) -> None:
        self._logs = list(logs)
        self._next = 0.0
        config = folder / "logrotate.conf"
        config.write_text("".join(log.block for log in self._logs))
        config.chmod(0o644)
        self._command = [require("logrotate"), "--force", "--state", str(folder / "logrotate.state"), str(config)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Rotate all logs while the body runs, in another second than before, because names contain it."""
        time.sleep(max(0.0, self._next - time.time()))
        with subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True) as process:
            yield
            _, errors = process.communicate()
        # Not at once when the second begins: the clock of time(2) is a few milliseconds behind.
        self._next = math.floor(time.time()) + 1.05
        assert not process.returncode, errors
        for log in self._logs:
            log.rotated()

    def run(self) -> None:
        """Rotate all logs."""
        with self.running():
            pass


def content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data
