"""A log whose lines are numbered, so that a page of metrics shows how often each of them was counted.

A line is the pair of a segment and a class that no other line has, because neither alone has enough values.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO

CLASSES = 100
# One line per scrape and counted line is too much for the client library's parser.
COUNTED = re.compile(
    r'^model_segment_predictions_total\{.*_class="(\d+)",segment="block",segment_value="([^"]*):(\d+)"\} (\S+)$',
    re.MULTILINE,
)
NUMBER = re.compile(rb'"request_id": "(\d+)"')


def configure(folder: Path, *sources: str, listen: str = "127.0.0.1:0") -> Path:
    """Write a configuration that counts numbered lines; return its path."""
    path = folder / "config.yaml"
    path.write_text(
        json.dumps(
            {
                "listen": listen,
                "state_dir": "state",
                "sources": sources,
                "segments": [{"name": "block", "path": "block"}],
                "limits": {"prediction_classes": CLASSES, "segment_values": 10_000},
                "windows": ["5m"],
            }
        )
    )
    return path


@dataclass
class NumberedLog:
    """A log's writer; `name` distinguishes its lines from those of other logs."""

    path: Path
    name: str = "app"
    written: int = 0
    expected: Counter[int] = field(default_factory=Counter)

    def write(self, count: int = 1, to: Path | IO[bytes] | None = None) -> None:
        """Append the next lines to a path or an open file; by default to the log."""
        numbers = range(self.written, self.written + count)
        self.written += count
        self.expected.update(numbers)
        data = b"".join(self.line(number) for number in numbers)
        if to is None or isinstance(to, Path):
            with (to or self.path).open("ab") as file:
                file.write(data)
        else:
            to.write(data)
            to.flush()

    def line(self, number: int) -> bytes:
        """Return the line of a number."""
        block, label = divmod(number, CLASSES)
        record = {"request_id": str(number), "prediction": str(label), "block": f"{self.name}:{block}"}
        return json.dumps(record).encode() + b"\n"

    def counted(self, page: str) -> Counter[int]:
        """Return how often each line was counted, according to a page of metrics."""
        return counted(page)[self.name]


def counted(page: str) -> dict[str, Counter[int]]:
    """Return how often each line of each log was counted, according to a page of metrics."""
    found = defaultdict[str, Counter[int]](Counter)
    for label, name, block, count in COUNTED.findall(page):
        if float(count):
            found[name][int(block) * CLASSES + int(label)] = int(float(count))
    return found


def numbers_in(lines: bytes) -> Iterable[int]:
    """Return the numbers of the lines in a file's content."""
    return map(int, NUMBER.findall(lines))


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers as text, such as 1-3, 7."""
    groups = groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    ends = [(group[0], group[-1]) for group in ([number for _, number in pairs] for _, pairs in groups)]
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ends)
