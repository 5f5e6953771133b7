"""When the records of a log arrive: their timestamps, and lines that are written as time passes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

TICK_SECONDS = 0.1


def stamped(
    lines: Iterable[bytes], start: float, rate: float, style: Literal["epoch", "RFC 3339"] = "epoch"
) -> Iterator[bytes]:
    """Yield the lines with timestamps at even times, `rate` per second, from `start` on, a Unix time.

    What does not begin like a JSON object stays as it is.
    """
    for number, line in enumerate(lines):
        seconds = start + number / rate
        stamp = b"%.3f" % seconds if style == "epoch" else _rfc3339(seconds)
        yield b'{"timestamp":%s,%s' % (stamp, line[1:]) if line.startswith(b"{") else line


def _rfc3339(seconds: float) -> bytes:
    moment = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return b'"%sZ"' % moment.removesuffix("+00:00").encode()


def paced(lines: Iterator[bytes], rate: float) -> Iterator[bytes]:
    """Yield the lines that have become due, at `rate` per second, ten times per second until there are no more."""
    begin = time.monotonic()
    taken = 0
    while True:
        due = int((time.monotonic() - begin) * rate)
        block = b"".join(islice(lines, due - taken))
        if due > taken and not block:
            return
        taken = due
        yield block
        time.sleep(TICK_SECONDS)
