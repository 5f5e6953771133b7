"""The options of `prediction-exporter profile`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from exporter.decoding.columns import PredictionKind, Spelling, class_of, label_of
from exporter.decoding.schema import Schema
from exporter.offline import OfflineError
from exporter.offline.profiling.logs import RECORDS, ConfiguredLogs
from exporter.offline.tables.data_set import DataSet, Progress
from exporter.offline.tables.files import DataFile, FileType, find
from exporter.reference.profile import MAX_BINS

MIN_BINS = 2


@dataclass(slots=True)
class Options:
    """How to make a profile; raises OfflineError if options contradict each other.

    `numeric` and `categorical` declare features whose values suggest another kind; `exclude` leaves features out, and
    `include` keeps columns that are hardly features.
    `schema` has the paths of the fields of a record, in files that are not among the `logs`. Only records of `model`
    and `version` are described, if they are given, and records that name none. A single score is that of the
    `positive_class`, if there is one. `named` maps all features that are named to the option.
    """

    bins: int = 10
    binning: Literal["quantile", "uniform"] = "quantile"
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    schema: Schema = field(default_factory=Schema)
    logs: ConfiguredLogs | None = None
    model: str | None = None
    version: str | None = None
    prediction: PredictionKind | None = None
    positive_class: str | None = None
    named: dict[str, str] = field(init=False, default_factory=dict)

    @property
    def spell(self) -> Spelling:
        """What spells a prediction or its ground truth as a class."""
        return label_of if self.prediction == "class" else class_of

    def data(self, paths: Sequence[Path], passes: int = 1, progress: Progress = lambda _done, _total: None) -> DataSet:
        """Return the data set of some files; raises OfflineError."""
        if self.logs is None:
            return DataSet(find(paths), self.schema, passes=passes, progress=progress)
        found = find(paths, default=FileType.JSON_LINES)
        return DataSet(found, self.schema, passes=passes, progress=progress, logs=self.logs.tables)

    def schema_of(self, file: DataFile) -> Schema:
        """Return the paths of the fields of a file's records."""
        return RECORDS if self.logs and self.logs.source_of(file) else self.schema

    def __post_init__(self) -> None:
        if self.version is not None and self.model is None:
            raise OfflineError("--version: give --model too")
        if not MIN_BINS <= self.bins <= MAX_BINS:
            raise OfflineError(f"--bins: expected {MIN_BINS} to {MAX_BINS}, got {self.bins}")
        options = {
            "--exclude": self.exclude,
            "--include": self.include,
            "--categorical": self.categorical,
            "--numeric": self.numeric,
        }
        for option, names in options.items():
            for name in names:
                if self.named.setdefault(name, option) != option:
                    raise OfflineError(f"{option} {name}: also given as {self.named[name]}")
