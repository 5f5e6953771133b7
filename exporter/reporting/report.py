"""A report of a data set against a reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from exporter.assembly import planning
from exporter.batch import Batch
from exporter.configuration import loading, schemas
from exporter.configuration.loading import LoadedConfig
from exporter.configuration.models import LoadedModel
from exporter.configuration.settings import Config, GroundTruthConfig
from exporter.model_key import OTHERS
from exporter.offline import OfflineError
from exporter.offline.evaluation.evaluate import EVER, LABELS, WINDOW
from exporter.offline.profiling import Options
from exporter.offline.tables.data_set import DataSet
from exporter.offline.tables.files import FileType, find
from exporter.reference.profile import Profile
from exporter.reporting.data import Data, LocalCopies, is_stream, name_of, profile_of, record_batches
from exporter.reporting.document import Origin, ReportDocument, document
from exporter.reporting.evidently import legacy
from exporter.reporting.gates import Gates
from exporter.reporting.junit import test_suite
from exporter.reporting.markdown import summary
from exporter.reporting.reader import DataReader
from exporter.reporting.timeline import Timeline

# What the configuration is for: the data is given otherwise.
SOURCE = "current.jsonl"


@dataclass(frozen=True)
class Report:
    """A report. In a notebook it shows itself."""

    document: ReportDocument
    gates: Gates = field(default_factory=Gates)

    @property
    def failures(self) -> list[str]:
        """What does not fulfil the gates, one line each."""
        return self.gates.failures(self.document)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, by the names of the JSON."""
        found: dict[str, Any] = msgspec.json.decode(self.as_json())
        return found

    def as_json(self) -> str:
        """Return the figures as JSON."""
        return msgspec.json.format(msgspec.json.encode(self.document), indent=2).decode()

    def as_html(self) -> str:
        """Return a page that needs no other file."""
        # Imported here because jinja2 is only needed for it.
        from exporter.reporting.rendering import page  # noqa: PLC0415

        return page(self.document)

    def as_markdown(self) -> str:
        """Return a summary for pull requests and Slack."""
        return summary(self.document, self.failures)

    def as_junit(self) -> str:
        """Return a test case per feature, output and gate."""
        return test_suite(self.document, self.gates)

    def as_evidently(self) -> dict[str, Any]:
        """Return the figures in the dictionary of Evidently's drift metrics before its version 0.7."""
        return legacy(self.document)

    def save(self, path: str | Path) -> None:
        """Write the report; the name ends in .html, .json, .md or .xml (JUnit). Raises OfflineError."""
        kinds = {".html": self.as_html, ".json": self.as_json, ".md": self.as_markdown, ".xml": self.as_junit}
        suffix = Path(path).suffix
        if suffix not in kinds:
            raise OfflineError(f"{path}: expected a name that ends in {', '.join(kinds)}")
        try:
            Path(path).write_text(kinds[suffix](), encoding="utf-8")
        except OSError as error:
            raise OfflineError(f"{path}: {error.strerror}") from None

    def _repr_html_(self) -> str:
        return self.as_html()


def report(
    current: Data | Sequence[Data],
    reference: Data | Sequence[Data],
    *,
    config: str | Path | None = None,
    fields: Mapping[str, Any] | None = None,
    prediction: str | None = None,
    positive_class: str | None = None,
    segments: Sequence[str] = (),
    thresholds: Mapping[str, float] | None = None,
    gates: Gates | None = None,
    command: str = "exporter.report",
    now: datetime | None = None,
) -> Report:
    """Compare data with a reference.

    `current` and `reference` are files, folders, patterns, addresses such as s3://bucket/folder, or data frames; the
    reference may also be a profile. `config` is a configuration of the sidecar, whose settings apply. `fields`,
    `prediction`, `positive_class`, `segments` and `thresholds` are keys of a configuration, over it. `gates` must be
    fulfilled. The report says that it was made by `command` at the time `now`.

    Raises OfflineError if data cannot be read, and ConfigError if settings are wrong.
    """
    now = now or datetime.now(UTC)
    currents, references = _several(current), _several(reference)
    keys = {
        "fields": dict(fields or {}),
        "prediction": prediction,
        "positive_class": positive_class,
        "segments": [*segments],
        "thresholds": dict(thresholds or {}),
    }
    given = {key: value for key, value in keys.items() if value}
    with LocalCopies() as files:
        settings = (
            loading.load(Path(config)).config if config else loading.from_keys({"sources": [SOURCE]} | given).config
        )
        if config and given:
            settings = msgspec.structs.replace(
                settings,
                **{key: getattr(loading.from_keys({"sources": [SOURCE]} | given).config, key) for key in given},
            )
        settings = _archived(settings)
        reading = DataReader(_loaded(settings, None), lambda _: OTHERS, now.timestamp())
        options = Options(
            schema=reading.schema,
            prediction=settings.prediction,
            positive_class=None if settings.positive_class is None else str(settings.positive_class),
        )
        profile = profile_of(references, options, files, now)
        loaded = _loaded(settings, profile)
        if problems := [*schemas.problems(loaded.models)]:
            raise OfflineError(f"the reference: {problems[0]}")
        plan, collector = planning.plan(*loaded)
        timeline = Timeline(plan, now.timestamp())
        records = DataReader(loaded, timeline.key_of, now.timestamp())
        for batch in _batches(currents, records, files):
            timeline.add(batch)
        found = document(
            collector.models,
            timeline,
            Origin(
                command=command,
                current=[name_of(each) for each in currents],
                reference=", ".join(map(name_of, references)),
                created=now.isoformat(timespec="seconds"),
            ),
            rows=records.rows,
            rejected={reason: count for reason, count in records.rejected.items() if count},
            unusable=records.unusable,
            unknown=[*records.unknown],
        )
    return Report(found, gates or Gates())


def _several(data: Data | Sequence[Data]) -> list[Data]:
    is_one = isinstance(data, (str, Path)) or is_stream(data)
    return [data] if is_one else [*data]  # type: ignore[list-item, misc]


def _archived(config: Config) -> Config:
    """Return the configuration for data of any age, whose ground truth lies beside the predictions."""
    labels = config.ground_truth or GroundTruthConfig(sources=[])
    return msgspec.structs.replace(
        config,
        ground_truth=msgspec.structs.replace(labels, sources=[LABELS], coverage=0.0, settled=None),
        windows=(WINDOW,),
        limits=msgspec.structs.replace(config.limits, past=EVER),
        reference=None,
        models={},
    )


def _loaded(config: Config, profile: Profile | None) -> LoadedConfig:
    """Return the settings with the reference for the records of all models."""
    return LoadedConfig(config, {OTHERS: LoadedModel(config, profile, tuple(profile.features) if profile else ())})


def _batches(currents: Sequence[Data], records: DataReader, files: LocalCopies) -> Iterator[Batch]:
    paths = [files.path(each) for each in currents if isinstance(each, (str, Path))]
    if paths:
        yield from records.of_files(DataSet(find(paths, default=FileType.JSON_LINES), records.schema))
    for each in currents:
        if not isinstance(each, (str, Path)):
            yield from records.of_tables(record_batches(each), name_of(each))
