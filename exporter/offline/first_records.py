"""The first records of logs, as the sidecar would read them: what `check` and `init` look at."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.batch import Batch
from exporter.configuration.loading import LoadedConfig
from exporter.configuration.source_config import SourceConfig
from exporter.decoding.rows import KeyOf
from exporter.offline.log_reader import LogReader
from exporter.sources.file.pattern import Pattern
from exporter.sources.file.source import FileOptions

# Of each source, and of each of its files.
MOST_FILES = 20
MOST_BYTES = 1024 * 1024
# Of a source, of which the values are kept.
MOST_VALUES = 2000


@dataclass
class FirstRecords:
    """What the first lines of a source are.

    `rejected` counts lines by reason, `details` has an example of each reason, and `unusable` counts values by field.
    `values` are those of lines that can be read, skipped ones included; `records` have each field under its own name.
    """

    lines: int = 0
    accepted: int = 0
    skipped: int = 0
    waiting: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)
    unusable: Counter[str] = field(default_factory=Counter)
    batches: list[Batch] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)

    @property
    def errors(self) -> Counter[str]:
        """The errors by type."""
        of_batches = ((batch.error.names, batch.error.codes.tolist()) for batch in self.batches)
        return Counter(names[code] for names, codes in of_batches for code in codes if code >= 0)


def files_of(source: SourceConfig) -> list[str]:
    """Return the first files of a source; none if it reads no files, or there are none yet."""
    if not isinstance(source.options, FileOptions):
        return []
    return [path for path in Pattern(source.options.url.path).paths(0.0) if Path(path).is_file()][:MOST_FILES]


def first_records(
    loaded: LoadedConfig, source: SourceConfig, files: Iterable[str], now: float, key_of: KeyOf | None = None
) -> FirstRecords:
    """Read the first lines of some files of a source, at epoch time `now`."""
    reader, seen = LogReader(loaded, source, now, key_of), FirstRecords()
    for path in files:
        for pending in reader.lines(path, [first_lines(Path(path))]):
            seen.lines += sum(bad.count for bad in pending.rejected)
            seen.rejected.update({bad.reason: bad.count for bad in pending.rejected})
            for result in reader.results(pending):
                seen.lines += result.lines
                seen.skipped += result.skipped
                seen.unusable.update(result.unusable)
                for bad in result.rejected:
                    seen.rejected[bad.reason] += bad.count
                    seen.details.setdefault(bad.reason, bad.detail)
                if result.batch is not None:
                    seen.accepted += len(result.batch)
                    seen.batches.append(result.batch)
            if len(seen.values) < MOST_VALUES:
                seen.values += reader.values(pending)[:MOST_VALUES]
                if reader.reads_lines:
                    seen.records += [row for rows in reader.rows(pending) for row in rows.objects[:MOST_VALUES]]
    seen.waiting = reader.waiting()
    return seen


def first_lines(path: Path) -> bytes:
    """Return the first whole lines of a file; nothing if it cannot be read, which `run` reports."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES)
    except OSError:
        return b""
    return data if len(data) < MOST_BYTES else data[: data.rfind(b"\n") + 1]
