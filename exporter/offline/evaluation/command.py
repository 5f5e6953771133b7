"""The command `prediction-exporter evaluate`: its options and its output."""

import math
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from exporter.configuration import loading
from exporter.configuration.loading import LoadedConfig
from exporter.counted import counted
from exporter.decoding.columns import PredictionKind
from exporter.decoding.conversions import epoch
from exporter.offline import OfflineError
from exporter.offline.evaluation import figures
from exporter.offline.evaluation.evaluate import Evaluation
from exporter.offline.evaluation.evaluate import evaluate as run
from exporter.offline.evaluation.join import Revision
from exporter.sources.database.marks import QueryError
from exporter.sources.database.source import QueryOptions
from exporter.validation import nearest

# Figures that are better if they are smaller.
LOSSES = ("log_loss", "brier_score", "expected_calibration_error", "mae", "rmse", "mape", "bias")


def evaluate(
    logs: Sequence[Path],
    truths: Sequence[Path],
    *,
    config_file: Path | None,
    reference: str | None,
    begin: str | None,
    end: str | None,
    revision: Revision,
    prediction: PredictionKind | None,
    least: Sequence[str],
    max_drop: Sequence[str],
    is_json: bool,
) -> tuple[list[str], bool]:
    """Return the lines to show, and whether a figure falls short; raises ConfigError and OfflineError."""
    span = _time("--from", begin, -math.inf), _time("--to", end, math.inf)
    if span[0] >= span[1]:
        raise OfflineError(f"--to: expected a time after --from, which is {begin}, got {end!r}")
    at_least, at_most = _limits("--least", least), _limits("--max-drop", max_drop)
    if config_file and reference:
        raise OfflineError("--reference cannot be given with --config; in a configuration it is a key")
    loaded = loading.load(config_file) if config_file else loading.from_options("archive.jsonl", reference, None)
    if prediction:
        loaded = _declared(loaded, prediction)
    if not truths and not any(isinstance(source.options, QueryOptions) for source in loaded.config.label_sources):
        raise OfflineError("--truth: expected a file of ground truth, or a configuration whose databases have it")
    try:
        found = run(loaded, logs, truths, *span, revision, time.time())
    except QueryError as error:
        raise OfflineError(str(error)) from None
    found.failed = [line for model in found.models for line in figures.shortfalls(model, at_least, at_most)]
    if (at_least or at_most) and not any(model.outcomes for model in found.models):
        found.failed.append("no prediction has ground truth")
    lines = [msgspec.json.format(msgspec.json.encode(found), indent=2).decode()] if is_json else _table(found)
    return lines, bool(found.failed)


def _declared(loaded: LoadedConfig, kind: PredictionKind) -> LoadedConfig:
    """Return the configuration with the kind of all predictions; raises OfflineError if a reference contradicts it."""
    models = {}
    for key, model in loaded.models.items():
        if model.profile and model.profile.prediction and model.profile.predicts_values != (kind == "value"):
            raise OfflineError(f"--prediction {kind}: the reference was made with another kind of predictions")
        models[key] = model._replace(config=msgspec.structs.replace(model.config, prediction=kind))
    return LoadedConfig(loaded.config, models)


def _time(option: str, text: str | None, otherwise: float) -> float:
    if text is None:
        return otherwise
    try:
        return epoch(datetime.fromisoformat(text))
    except ValueError:
        raise OfflineError(f"{option}: expected a date or time such as 2026-01-31, got {text!r}") from None


def _limits(option: str, given: Sequence[str]) -> dict[str, float]:
    limits = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in figures.ORDER:
            raise OfflineError(f"{option}: no such figure {name!r}{nearest(name, figures.ORDER)}")
        if name in LOSSES:
            raise OfflineError(f"{option}: does not apply to {name}, for which less is better")
        try:
            limits[name] = float(value)
        except ValueError:
            raise OfflineError(f"{option}: expected {name}=NUMBER, got {text!r}") from None
    return limits


def _table(found: Evaluation) -> list[str]:
    lines = [line for model in found.models for line in figures.table(model)]
    counts = [
        (found.unused_truths, "ground-truth label has", "ground-truth labels have", " no prediction in the time span"),
        (found.repeated_truths, "ground-truth label is", "ground-truth labels are", " repeated"),
        (found.revised_truths, "ground-truth label is", "ground-truth labels are", " revised"),
        *((count, "line", "lines", f" rejected: {reason}") for reason, count in sorted(found.rejected_lines.items())),
    ]
    lines += [counted(count, one, many) + text for count, one, many, text in counts if count]
    lines += [f"note: {note}" for note in found.notes]
    return [*lines, *(f"FAILED {line}" for line in found.failed)] or ["no predictions"]
