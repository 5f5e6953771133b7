"""A log with its writer and its rotation, and the exporter that reads it, started and stopped at will.

Every record has a class of its own, so that each single line is accounted for: `check` wants all of them counted
once. Time is a number that `poll` moves on; the files' times move on with every write, as they do in the world.
"""

import errno
import gzip
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from exporter.batch import Series
from exporter.decoding.checks import Checks
from exporter.decoding.decode import Decoder
from exporter.decoding.schema import Schema
from exporter.engine.engine import Engine
from exporter.engine.plan import Limits, ModelPlan, Plan
from exporter.formats.json_lines import JsonLines
from exporter.lines.buffer import BadLine
from exporter.model_key import OTHERS
from exporter.sources.file.open_files import RETIRE_SECONDS
from exporter.sources.file.source import FileSource
from exporter.sources.source import SourceContext
from exporter.state.checkpoint import decode, encode
from exporter.stats.label_counts import LabelCounts
from exporter.tallies.vocabulary import CLASS_LABEL
from exporter.telemetry import PREFIX, Telemetry
from tests.records import pipeline

CLASSES = LabelCounts("model_predictions_total", "", "prediction", CLASS_LABEL, "predictions")
LINE_BYTES = 1000


def refuse(patch: pytest.MonkeyPatch, refused: Path, times: int = 10**6) -> None:
    """Let opening a file fail `times` times, because no permission stops root."""
    real = os.open
    left = iter(range(times))

    def refusing(path: str, *args: int) -> int:
        if Path(path) == refused and next(left, None) is not None:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, *args)

    patch.setattr(os, "open", refusing)


class Log:
    """A log at `folder/app.jsonl`, and the exporter that reads `patterns` (each is a source)."""

    def __init__(self, folder: Path, *patterns: str, from_end: bool = False, line_bytes: int = LINE_BYTES) -> None:
        self.folder = folder
        self.path = folder / "app.jsonl"
        self.now = 1.7e9
        self.expected: Counter[str] = Counter()
        self.saved = b""
        self.bad: list[BadLine] = []
        self._patterns = patterns or ("app.jsonl",)
        self._from_end = from_end
        self._line_bytes = line_bytes
        self._written = 0
        self._modified = 0
        self.start()

    # The writer.

    def record(self, *, times: int = 1, pad: int = 0) -> bytes:
        """Return a line with a class of its own, which is expected to be counted `times` times."""
        self._written += 1
        name = f"r{self._written}"
        if times:
            self.expected[name] += times
        return f'{{"prediction": "{name}", "pad": "{"x" * pad}"}}\n'.encode()

    def write(self, count: int = 1, to: Path | BinaryIO | None = None, *, times: int = 1, pad: int = 0) -> None:
        """Append records to a path or an open file; by default to the log."""
        self.append(b"".join(self.record(times=times, pad=pad) for _ in range(count)), to)

    def append(self, data: bytes, to: Path | BinaryIO | None = None) -> None:
        """Append bytes as they are."""
        if to is None or isinstance(to, Path):
            with (to or self.path).open("ab") as file:
                self.append(data, file)
            return
        to.write(data)
        to.flush()
        self.touch(to.fileno())

    def touch(self, file: Path | int) -> None:
        """Advance a file's time, so that two changes never fall into one tick of the kernel's clock."""
        self._modified = max(self._modified + 10_000_000, time.time_ns())
        os.utime(file, ns=(self._modified, self._modified))

    def rotate(self, *, create: bool = False) -> None:
        """Rename app.jsonl to app.jsonl.1, as logrotate does."""
        self.make_room()
        self.path.rename(self.rotated(1))
        if create:
            self.append(b"")

    def copytruncate(self) -> None:
        """Copy app.jsonl to app.jsonl.1 and truncate it, as logrotate does."""
        self.make_room()
        shutil.copyfile(self.path, self.rotated(1))
        self.touch(self.rotated(1))
        self.truncate()

    def truncate(self) -> None:
        os.truncate(self.path, 0)
        self.touch(self.path)

    def rewrite(self, data: bytes) -> None:
        """Put other content into the same file."""
        self.path.write_bytes(data)
        self.touch(self.path)

    def rotated(self, number: int) -> Path:
        return self.path.with_name(f"app.jsonl.{number}")

    def make_room(self) -> None:
        """Rename app.jsonl.1 to .2 and so on, also those that are compressed."""
        found = [(path, path.name.removeprefix("app.jsonl.").removesuffix(".gz")) for path in self.folder.iterdir()]
        numbered = [(int(number), path) for path, number in found if number.isdecimal()]
        for number, path in sorted(numbered, reverse=True):
            path.rename(path.with_name(path.name.replace(str(number), str(number + 1))))

    def compress(self, path: Path, pack: Callable[[bytes], bytes] = gzip.compress, *, keep: bool = False) -> Path:
        """Compress a rotated file, which goes away unless it is kept, and keep its time, as gzip does."""
        packed = path.with_name(path.name + ".gz")
        packed.write_bytes(pack(path.read_bytes()))
        modified = path.stat().st_mtime_ns
        os.utime(packed, ns=(modified, modified))
        if not keep:
            path.unlink()
        return packed

    # The exporter.

    def start(self) -> None:
        """Start from the last saved state, as a new process would."""
        self.telemetry = Telemetry()
        self.names = [str(self.folder / pattern) for pattern in self._patterns]
        decoder = Decoder(Schema({"prediction": ("prediction",)}), Series("m", "1"), Checks(9e9, 0))
        limits = Limits(line_bytes=self._line_bytes, models=2, prediction_classes=10**6, error_types=2)
        plan = Plan({OTHERS: ModelPlan([CLASSES])}, [], dict.fromkeys(self.names, pipeline(decoder)), limits)
        self.engine = Engine(plan, decode(self.saved) if self.saved else None, self.bad.append)
        self.sources = [FileSource(self._context(name), name, RETIRE_SECONDS, self._from_end) for name in self.names]

    def _context(self, name: str) -> SourceContext:
        async def commit(*_: object) -> Any:
            self.save()

        def now() -> float:
            return self.now

        return SourceContext(name, JsonLines(), self.engine, commit, commit, self.telemetry, now, now)

    def poll(self, seconds: float = 0.25) -> None:
        """Let time pass, and read until there is no more."""
        self.now += seconds
        more = True
        while more:
            more = False
            for source in self.sources:
                more |= source.poll()

    def save(self) -> None:
        self.saved = encode(self.engine.snapshot(self.now))

    def stop(self) -> None:
        """Save and end."""
        self.save()
        self.crash()

    def crash(self) -> None:
        """End without saving."""
        for source in self.sources:
            source.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    # The results.

    @property
    def counts(self) -> dict[str, int]:
        """How often each record was counted."""
        snapshot = self.engine.snapshot(self.now)
        names = snapshot.labels["m"].names[CLASS_LABEL] if snapshot.labels else ()
        total: Counter[str] = Counter()
        for row in snapshot.totals.values():
            total.update({name: int(n) for name, n in zip(names, row[CLASSES.name], strict=False) if n})
        return dict(total)

    @property
    def rejected(self) -> dict[str, int]:
        """How many lines were rejected, by reason."""
        rejected: Counter[str] = Counter()
        for source in self.engine.snapshot(self.now).sources.values():
            rejected.update(source.rejected)
        return dict(rejected)

    def check(self) -> None:
        """Poll, and assert that every record was counted as often as expected."""
        self.poll()
        assert self.counts == self.expected

    def metric(self, name: str, **labels: str) -> float:
        """A metric of the first source."""
        full = f"{PREFIX}source_{name}"
        return self.telemetry.registry.get_sample_value(full, {"source": self.names[0], **labels}) or 0.0

    @property
    def open_files(self) -> int:
        return int(self.metric("open_files"))

    @property
    def gaps(self) -> int:
        return self.engine.snapshot(self.now).sources[self.names[0]].gaps

    def rotations(self, kind: str) -> int:
        return int(self.metric("rotations_total", kind=kind))
