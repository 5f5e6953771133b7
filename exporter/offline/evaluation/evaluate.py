"""An evaluation: archived logs and tables are decoded and joined as in the sidecar, and the figures are its metrics."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from exporter.assembly import planning
from exporter.assembly.planning import pipeline
from exporter.batch import Batch
from exporter.configuration.loading import LoadedConfig
from exporter.configuration.schemas import needs_mapping, schema_of, where_of
from exporter.configuration.settings import Config, GroundTruthConfig
from exporter.configuration.source_config import SourceConfig
from exporter.counted import shortened
from exporter.decoding.pipeline import Pipeline
from exporter.decoding.rows import KeyOf
from exporter.formats.arrow import Arrow
from exporter.lines.buffer import BadLine, LineBuffer, PendingLines
from exporter.lines.stream import Stream
from exporter.model_key import OTHERS, ModelKey
from exporter.offline import OfflineError
from exporter.offline.columns import pending, record_batch
from exporter.offline.evaluation.figures import ModelFigures, model_figures
from exporter.offline.evaluation.join import OfflineJoin, Revision
from exporter.offline.tables.data_set import AnyTable, DataSet
from exporter.offline.tables.files import DataFile, FileType, find
from exporter.offline.tables.table import json_values
from exporter.sources.database.source import QueryOptions
from exporter.units import Duration
from exporter.validation import nearest

# An archive may be of any age.
EVER = Duration.parse("36500d")
# The only window. All predictions are tallied at the same time, so its length does not matter.
WINDOW = Duration.parse("1h")
STREAM = Stream("archive", "archive")
# How files are read if the configuration has no source of files.
PREDICTIONS, LABELS = SourceConfig.parse("predictions.jsonl"), SourceConfig.parse("labels.jsonl")
CHUNK_BYTES = 1 << 20

_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


class Evaluation(msgspec.Struct):
    """The result, as it is written in JSON; `failed` has a line for each figure that falls short.

    `notes` point out predictions of another kind than declared.

    `unused_truths` counts labels without a prediction in the time span, `rejected_lines` rejected lines by reason.
    """

    models: list[ModelFigures]
    unused_truths: int
    repeated_truths: int
    revised_truths: int
    rejected_lines: dict[str, int]
    notes: list[str] = []
    failed: list[str] = []


def evaluate(
    loaded: LoadedConfig,
    predictions: Sequence[Path],
    truths: Sequence[Path],
    begin: float,
    end: float,
    revision: Revision,
    now: float,
) -> Evaluation:
    """Join the predictions from `begin` until before `end` with their ground truth; times are epoch seconds.

    Ground truth is also read from the databases of the configuration. If nothing declares what the predictions of a
    model are, they are values if they look like it. Raises OfflineError and QueryError.
    """
    of_archive = archived(loaded)
    plan, collector = planning.plan(*of_archive)
    join, rejected = OfflineJoin(plan, now, revision), Counter[str]()
    of_predictions = Reader(of_archive, of_archive.config.sources, join.key_of, now, rejected)
    of_truths = Reader(of_archive, of_archive.config.label_sources, join.key_of, now, rejected)
    for batch in chain(of_truths.files(truths), of_truths.databases()):
        join.add_truths(batch)
    for batch in of_predictions.files(predictions):
        join.add_predictions(batch, begin, end)
    snapshot = join.snapshot()
    if values := [*collector.undeclared_values(snapshot)]:
        models = dict(loaded.models)
        for series in values:
            key = join.key_of(series)
            as_values = msgspec.structs.replace(models[key].config, prediction="value")
            models[ModelKey(series.model_name) if key == OTHERS else key] = models[key]._replace(config=as_values)
        found = evaluate(LoadedConfig(loaded.config, models), predictions, truths, begin, end, revision, now)
        names = shortened(sorted({series.model_name for series in values}))
        found.notes.insert(0, f"predictions of {names} are taken for values; --prediction class changes this")
        return found
    notes = [
        f"{' '.join(series)}: {note}" for series, found in collector.contradictions(snapshot).items() for note in found
    ]
    figures = model_figures(collector.collect(snapshot))
    return Evaluation(figures, join.unused, join.repeated, join.revised, dict(rejected), notes)


def archived(loaded: LoadedConfig) -> LoadedConfig:
    """Return the configuration for archives of any age, with one window that contains all records."""
    models = {key: model._replace(config=_archived(model.config)) for key, model in loaded.models.items()}
    return LoadedConfig(_archived(loaded.config), models)


def _archived(config: Config) -> Config:
    """Return the configuration with ground truth, one window, no limit on age, and a source of files on both sides."""
    labels = config.ground_truth or GroundTruthConfig(sources=[])
    return msgspec.structs.replace(
        config,
        sources=[*config.sources, PREDICTIONS],
        ground_truth=msgspec.structs.replace(labels, sources=[*labels.sources, LABELS], coverage=0.0, settled=None),
        windows=(WINDOW,),
        limits=msgspec.structs.replace(config.limits, past=EVER),
    )


class Reader:
    """Reads archives as the first source of files would, and tables as records of the same schema.

    Rejected lines are counted in `rejected`, by reason.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        sources: Sequence[SourceConfig],
        key_of: KeyOf,
        now: float,
        rejected: Counter[str],
    ) -> None:
        config, models = loaded
        source = next(source for source in sources if source.options.scheme == "file")
        self._sources = sources
        self._key_of = key_of
        self._lines = pipeline(config, source, models)
        # Tables have no wrapper around their records.
        self._records = pipeline(config, SourceConfig(source.options, source.formats[-1:], source.records), models)
        # Unless fields need more than a path of keys, columns of Parquet are read without an object per row. CSV may
        # have numbers and texts in one column.
        needs_rows = needs_mapping(config, source) or where_of(config, source)
        self._columns = None if needs_rows else _of_columns(loaded, source)
        # The paths of a record's fields are those of every model.
        self._schema = schema_of(models[OTHERS], source)
        self._line_bytes = config.limits.line_bytes
        self._now = now
        self._rejected = rejected

    def files(self, paths: Sequence[Path]) -> Iterator[Batch]:
        """Yield the records of files; raises OfflineError."""
        data = DataSet(find(paths, default=FileType.JSON_LINES), self._schema)
        for file in data.files:
            if file.type is FileType.JSON_LINES:
                with file.opened() as (_, stream):
                    yield from self._batches(iter(lambda: stream.read(CHUNK_BYTES), b""), self._lines)
            elif self._columns is None or file.type is FileType.CSV:
                yield from self._batches(map(_lines, self._checked(file, data.tables(file))), self._records)
            else:
                for table in self._checked(file, data.tables(file)):
                    yield from self._read(self._columns, pending(record_batch(table), self._columns))

    def _checked(self, file: DataFile, tables: Iterable[AnyTable]) -> Iterator[AnyTable]:
        """Yield the tables of a file; raises OfflineError if a required column is missing."""
        for table in tables:
            paths = self._schema.paths
            has_errors = "error_type" in paths and table.at(paths["error_type"]) is not None
            for field in ("request_id",) if has_errors else ("request_id", "prediction"):
                if table.at(paths[field]) is None:
                    column = ".".join(self._schema.paths[field])
                    raise OfflineError(f"{file.path}: no column `{column}`{nearest(column, table.columns)}")
            yield table

    def databases(self) -> Iterator[Batch]:
        """Yield the records of the sources that are databases; raises QueryError."""
        for source in self._sources:
            if isinstance(source.options, QueryOptions):
                yield from self._batches(_pages(source.options), self._records)

    def _batches(self, blocks: Iterable[bytes], pipeline: Pipeline) -> Iterator[Batch]:
        """Yield the records of a stream of bytes, and count rejected lines."""
        buffer = LineBuffer(self._line_bytes, {}, {STREAM.source: pipeline.framer})
        buffer.open(STREAM, None, b"")
        for block in chain(blocks, (None,)):
            if block is None:
                buffer.close(STREAM)
            else:
                buffer.feed(STREAM, block)
            for lines in buffer.take().values():
                self._reject(lines.rejected)
                yield from self._read(pipeline, lines)

    def _read(self, pipeline: Pipeline, lines: PendingLines) -> Iterator[Batch]:
        for result in pipeline.read(lines, self._now, lambda _: True, self._key_of) if lines.chunks else ():
            self._reject(result.rejected)
            if result.batch is not None:
                yield result.batch

    def _reject(self, lines: Iterable[BadLine]) -> None:
        for line in lines:
            self._rejected[line.reason] += line.count


def _of_columns(loaded: LoadedConfig, source: SourceConfig) -> Pipeline:
    """Return what reads columns as the records of a source, which may be ground truth."""
    arrow = SourceConfig(source.options, (Arrow(),), source.records)

    def reading(config: Config) -> Config:
        if source not in config.label_sources or config.ground_truth is None:
            return config
        labels = msgspec.structs.replace(config.ground_truth, sources=[arrow])
        return msgspec.structs.replace(config, ground_truth=labels)

    models = {key: model._replace(config=reading(model.config)) for key, model in loaded.models.items()}
    return pipeline(reading(loaded.config), arrow, models)


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


def _pages(options: QueryOptions) -> Iterator[bytes]:
    """Yield the rows of a database as lines."""
    database, mark = options.database(), None
    while True:
        page = database.page(mark)
        for part in page.parts:
            yield part.lines
            mark = part.mark
        if page.is_whole or not page.parts:
            return
