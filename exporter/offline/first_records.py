"""The first records of the logs of a configuration, and what they contradict."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from exporter.assembly import planning
from exporter.configuration.loading import LoadedConfig
from exporter.offline.evaluation.evaluate import Reader, archived
from exporter.offline.evaluation.join import OfflineJoin
from exporter.sources.file.pattern import Pattern
from exporter.sources.file.source import FileOptions

# Of a source.
MOST_FILES = 20


def notes(loaded: LoadedConfig, now: float) -> Iterator[str]:
    """Yield what the first records of the logs of a configuration contradict, and what to set."""
    of_archive = archived(loaded)
    plan, collector = planning.plan(*of_archive)
    join = OfflineJoin(plan, now, "last")
    for source in loaded.config.sources:
        if not isinstance(source.options, FileOptions):
            continue
        reader = Reader(of_archive, [source], join.key_of, now, Counter())
        files = filter(Path.is_file, map(Path, Pattern(source.options.url.path).paths(0.0)))
        for file in islice(files, MOST_FILES):
            # What cannot be read is reported by `run`.
            with suppress(OSError):
                for batch in reader.start(file):
                    join.add_predictions(batch, -math.inf, math.inf)
    for series, found in collector.contradictions(join.snapshot()).items():
        yield from (f"log of {' '.join(series)}: {note}" for note in found)
