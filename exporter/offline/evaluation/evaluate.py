"""An evaluation: archived logs and tables are decoded and joined as in the sidecar, and described by its metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from exporter.assembly import ground_truth, planning, source_list
from exporter.assembly.forms import Forms
from exporter.batch import Batch
from exporter.configuration import business, presets
from exporter.configuration.settings import Config, GroundTruth
from exporter.configuration.source_options import Source
from exporter.configuration.units import Duration, SourceUrl
from exporter.configuration.validation import nearest
from exporter.decoding.intake import BadLine, Intake
from exporter.decoding.reading import Form
from exporter.decoding.schema import Schema
from exporter.lines.framing import Lines
from exporter.offline import OfflineError
from exporter.offline.evaluation.figures import ModelFigures, model_figures
from exporter.offline.evaluation.join import OfflineJoin, Revision
from exporter.offline.tables.data_set import AnyTable, DataSet
from exporter.offline.tables.files import DataFile, FileType, find
from exporter.offline.tables.table import json_values
from exporter.reference.profile import Profile
from exporter.tallies.snapshot import Stream

# An archive may be of any age.
EVER = Duration.parse("36500d")
# The only window, which contains everything; its length has no meaning.
WINDOW = Duration.parse("1h")
STREAM = Stream("archive", "archive")
CHUNK_BYTES = 1 << 20

_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


class Evaluation(msgspec.Struct):
    """The result, as it is written in JSON: `failed` are the lines of figures that fall short.

    `unused_truths` have no prediction in the time span. `refused_lines` counts rejected lines by reason.
    """

    models: list[ModelFigures]
    unused_truths: int
    repeated_truths: int
    revised_truths: int
    refused_lines: dict[str, int]
    failed: list[str] = []


def evaluate(
    config: Config,
    profile: Profile | None,
    predictions: Sequence[Path],
    truths: Sequence[Path],
    begin: float,
    end: float,
    revision: Revision,
    now: float,
) -> Evaluation:
    """Join the predictions from `begin` until before `end` with their ground truth; times are epoch seconds.

    The databases that the configuration names may have some of the ground truth. Raises OfflineError, and
    sources.sql.QueryError.
    """
    truth = config.ground_truth or GroundTruth(sources=[])
    config = msgspec.structs.replace(
        config, ground_truth=truth, windows=(WINDOW,), limits=msgspec.structs.replace(config.limits, past=EVER)
    )
    plan, collector = planning.plan(config, profile)
    join, rejected = OfflineJoin(plan, now, revision), Counter[str]()
    of_predictions = _Reader(Forms(config, profile, amounts=business.of_records(config)), now, rejected)
    of_truths = _Reader(ground_truth.forms(config, truth), now, rejected)
    for batch in chain(of_truths.files(truths), of_truths.databases(truth.sources)):
        join.add_truths(batch)
    for batch in of_predictions.files(predictions):
        join.add_predictions(batch, begin, end)
    snapshot = join.snapshot()
    counts = snapshot.join_counts
    models = model_figures(collector.collect(snapshot))
    return Evaluation(models, join.unused, counts.repeated, counts.revised, dict(rejected))


class _Reader:
    """Reads archives as the first source that reads files would, and tables as records of the same schema."""

    def __init__(self, forms: Forms, now: float, rejected: Counter[str]) -> None:
        of_files = [source for source in forms.config.sources if source.url.scheme == "file"]
        source = of_files[0] if of_files else Source(SourceUrl.parse("archive.jsonl"))
        self._form = forms.of(source)
        self._rows = Form(Lines, self._form.decoder)
        # Features and segments do not matter here.
        self._schema = Schema(presets.fields(source, forms.config.fields), asked_for=("request_id",))
        self._paths = self._schema.paths()
        self._line_bytes = forms.config.limits.line_bytes
        self._now = now
        self._rejected = rejected

    def files(self, paths: Sequence[Path]) -> Iterator[Batch]:
        """Yield the records of files; raises OfflineError."""
        data = DataSet(find(paths, otherwise=FileType.JSON_LINES), self._schema)
        for file in data.files:
            if file.type is FileType.JSON_LINES:
                with file.opened() as (_, stream):
                    yield from self._batches(iter(lambda: stream.read(CHUNK_BYTES), b""), self._form)
            else:
                yield from self._batches(map(_lines, self._checked(file, data.tables(file))), self._rows)

    def _checked(self, file: DataFile, tables: Iterable[AnyTable]) -> Iterator[AnyTable]:
        """Yield the tables of a file; raises OfflineError if a column is missing without which no row can be used."""
        for table in tables:
            for field in ("request_id", "prediction"):
                is_missing = table.at(self._paths[field]) is None
                if is_missing and (field == "request_id" or table.at(self._paths["error_type"]) is None):
                    column = ".".join(self._paths[field])
                    raise OfflineError(f"{file.path}: no column `{column}`{nearest(column, table.columns)}")
            yield table

    def databases(self, sources: Sequence[Source]) -> Iterator[Batch]:
        """Yield the records of those sources that are databases."""
        for source in sources:
            if source.is_database:
                yield from self._batches(_pages(source), self._rows)

    def _batches(self, blocks: Iterable[bytes], form: Form) -> Iterator[Batch]:
        """Yield the records of a stream of bytes, and count what is rejected."""
        intake = Intake(self._line_bytes, {}, {STREAM.source: form.framer})
        intake.open(STREAM, None, b"")
        for block in chain(blocks, (None,)):
            if block is None:
                intake.close(STREAM)
            else:
                intake.feed(STREAM, block)
            for gathered in intake.take().values():
                self._reject(gathered.refused)
                for reading in form.decoder.read(gathered, self._now) if gathered.pieces else ():
                    self._reject(reading.refused)
                    if reading.batch is not None:
                        yield reading.batch

    def _reject(self, lines: Iterable[BadLine]) -> None:
        for line in lines:
            self._rejected[line.reason] += line.count


def _lines(table: AnyTable) -> bytes:
    """Return the rows of a table as JSON lines; a column `features.age` is the `age` of `features`."""
    tree: dict[str, Any] = {}
    for name, values in table.columns.items():
        *path, last = name.split(".")
        node = tree
        for key in path:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                break
        else:
            node[last] = json_values(values)
    return _encoder.encode_lines(_objects(tree))


def _objects(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an object per row of a tree of columns."""
    columns = [_objects(column) if isinstance(column, dict) else column for column in tree.values()]
    return [dict(zip(tree, row, strict=True)) for row in zip(*columns, strict=True)]


def _pages(source: Source) -> Iterator[bytes]:
    """Yield the rows of a database as lines."""
    database, mark = source_list.database(source), None
    while True:
        page = database.page(mark)
        for part in page.parts:
            yield part.lines
            mark = part.mark
        if page.is_whole or not page.parts:
            return
