"""An evaluation: archived logs and tables are decoded as the sidecar does, joined, and told in its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import msgspec

from exporter import data_files
from exporter.assembly import ground_truth, planning, source_list
from exporter.assembly.forms import Forms
from exporter.batch import Batch
from exporter.configuration import business
from exporter.configuration.settings import Config, GroundTruth
from exporter.configuration.source_options import Source
from exporter.configuration.units import Duration, SourceUrl
from exporter.decoding.intake import gather
from exporter.decoding.reading import Form
from exporter.evaluation import archives
from exporter.evaluation.figures import Evaluated, read
from exporter.evaluation.join import OfflineJoin, Which
from exporter.lines.stream import Stream
from exporter.reference.profile import Profile

# An archive may be of any age.
EVER = Duration.parse("36500d")
# All that is evaluated lies in one, whatever it is called.
WINDOW = Duration.parse("1h")


@dataclass(frozen=True)
class Span:
    """From `begin` until before `end`, epoch seconds."""

    begin: float
    end: float


@dataclass
class Evaluation:
    """What was found. `refused` counts lines by reason, `unused` are truths whose prediction was not evaluated."""

    models: list[Evaluated] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    revised: int = 0
    unused: int = 0


def evaluate(
    config: Config,
    profile: Profile | None,
    predictions: Sequence[Path],
    truths: Sequence[Path],
    span: Span,
    which: Which,
    now: float,
) -> Evaluation:
    """Join the predictions of a span with their truths, of which the configuration's databases have some too.

    Raises archives.ArchiveError, and sources.sql.QueryError.
    """
    truth = config.ground_truth or GroundTruth(sources=[])
    config = msgspec.structs.replace(
        config, ground_truth=truth, windows=(WINDOW,), limits=msgspec.structs.replace(config.limits, past=EVER)
    )
    plan, collector = planning.plan(config, profile)
    join, found = OfflineJoin(plan, now, which), Evaluation()
    limit = config.limits.line_bytes
    form = _form(Forms(config, profile, amounts=business.of_records(config)), config.sources)
    of_truths = _form(ground_truth.forms(config, truth), truth.sources)
    answers = chain(_lines(truths), chain.from_iterable(map(_rows, truth.sources)))
    for batch in _batches(answers, of_truths, limit, now, found.refused):
        join.add_truths(batch)
    for batch in _batches(_lines(predictions), form, limit, now, found.refused):
        join.add_predictions(batch, span.begin, span.end)
    snapshot = join.snapshot()
    found.models = read(collector.collect(snapshot))
    found.repeated, found.revised = join.counts.repeated, join.counts.revised
    found.unused = join.unused
    return found


def _form(forms: Forms, sources: Sequence[Source]) -> Form:
    """Return how archived files are read: as the first source that reads files, or as lines."""
    of_files = [source for source in sources if source.url.scheme == "file"]
    return forms.of(of_files[0] if of_files else Source(SourceUrl.parse("archive.jsonl")))


def _batches(
    blocks: Iterable[bytes], form: Form, line_bytes: int, now: float, refused: Counter[str]
) -> Iterator[Batch]:
    stream = Stream("archive", "archive")
    for block in blocks:
        gathered = gather(stream, line_bytes, block, form.framer)
        for bad in gathered.refused:
            refused[bad.reason] += bad.count
        for reading in form.decoder.read(gathered, now) if gathered.pieces else ():
            for bad in reading.refused:
                refused[bad.reason] += bad.count
            if reading.batch is not None:
                yield reading.batch


def _lines(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        for file in data_files.within(path):
            yield from archives.lines(file)


def _rows(source: Source) -> Iterator[bytes]:
    """Yield the rows of a database as lines; no other source has any that lie."""
    if not source.is_database:
        return
    database, mark = source_list.database(source), None
    while True:
        page = database.page(mark)
        for part in page.parts:
            yield part.lines
            mark = part.mark
        if page.is_whole or not page.parts:
            return
