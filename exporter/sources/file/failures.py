"""The files that cannot be opened or read at the moment; each is told once."""

from __future__ import annotations

from collections.abc import Container

import structlog

from exporter.sources.file.tail import Key

log = structlog.get_logger()


class Failures:
    """By path where a file cannot be opened, by key where one that is open cannot be read."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._reasons: dict[str | Key, str] = {}

    def __len__(self) -> int:
        return len(self._reasons)

    def add(self, which: str | Key, path: str, error: OSError | str) -> None:
        """It failed. That a file is gone by the time it is opened is no failure."""
        if isinstance(error, FileNotFoundError):
            return
        reason = error if isinstance(error, str) else error.strerror or "unknown"
        if self._reasons.get(which) != reason:
            self._reasons[which] = reason
            printable = path.encode(errors="backslashreplace").decode()
            log.warning("cannot read file; will try again", source=self._source, path=printable, error=reason)

    def discard(self, which: str | Key) -> None:
        """It can be read."""
        self._reasons.pop(which, None)

    def keep(self, there: Container[str | Key]) -> None:
        """Forget all but those that are there."""
        for which in [which for which in self._reasons if which not in there]:
            del self._reasons[which]
