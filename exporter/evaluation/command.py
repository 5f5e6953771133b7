"""What `prediction-exporter evaluate` is asked for, and what it answers."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exporter.configuration import loading as config
from exporter.configuration.settings import Config
from exporter.counted import counted
from exporter.decoding.columns import epoch
from exporter.evaluation import figures
from exporter.evaluation.archives import ArchiveError
from exporter.evaluation.join import Which
from exporter.evaluation.run import Evaluation, Span
from exporter.evaluation.run import evaluate as run
from exporter.reference.profile_file import ProfileError
from exporter.sources.database.source import QueryError

# Of which less is better.
LOSSES = ("log_loss", "brier_score", "expected_calibration_error", "mae", "rmse", "mape", "bias")


class EvaluationError(Exception):
    """There is nothing to evaluate; `problems` say why, a line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Asked:
    """The arguments and options of the command."""

    logs: Sequence[Path]
    truths: Sequence[Path]
    config_file: Path | None
    reference: str | None
    begin: str | None
    end: str | None
    revision: Which
    least: Sequence[str]
    max_drop: Sequence[str]
    is_json: bool


def evaluate(asked: Asked) -> tuple[list[str], bool]:
    """Return the lines to show, and whether a figure falls short. Raises EvaluationError."""
    span = Span(_time("--from", asked.begin, -math.inf), _time("--to", asked.end, math.inf))
    if span.begin >= span.end:
        raise EvaluationError([f"--to: expected a time after --from, which is {asked.begin}, got {asked.end!r}"])
    at_least, at_most = _limits("--least", asked.least), _limits("--max-drop", asked.max_drop)
    settings = _settings(asked.config_file, asked.reference)
    sources = settings.ground_truth.sources if settings.ground_truth else ()
    if not asked.truths and not any(source.is_database for source in sources):
        raise EvaluationError(["--truth: expected a file of ground truth, or a configuration whose databases have it"])
    try:
        profile = config.read_reference(settings)
        found = run(settings, profile, asked.logs, asked.truths, span, asked.revision, time.time())
    except (ArchiveError, QueryError) as error:
        raise EvaluationError([str(error)]) from None
    except ProfileError as error:
        raise EvaluationError([f"{settings.reference}: {error}"]) from None
    failed = [line for model in found.models for line in figures.short(model, at_least, at_most)]
    if (at_least or at_most) and not any(model.outcomes for model in found.models):
        failed.append("no prediction has its truth")
    return (_json if asked.is_json else _table)(found, failed), bool(failed)


def _settings(config_file: Path | None, reference: str | None) -> Config:
    if config_file and reference:
        raise EvaluationError(["--reference goes without --config; in a configuration it is a key"])
    try:
        return config.load(config_file) if config_file else config.from_options("archive.jsonl", reference, None)
    except config.ConfigError as error:
        raise EvaluationError(error.problems) from None


def _time(option: str, text: str | None, otherwise: float) -> float:
    if text is None:
        return otherwise
    try:
        return epoch(datetime.fromisoformat(text))
    except ValueError:
        raise EvaluationError([f"{option}: expected a date or time such as 2026-01-31, got {text!r}"]) from None


def _limits(option: str, given: Sequence[str]) -> dict[str, float]:
    limits = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in figures.ORDER:
            raise EvaluationError([f"{option}: no such figure {name!r}; known: {', '.join(figures.ORDER)}"])
        if name in LOSSES:
            raise EvaluationError([f"{option}: of {name} less is better, and it has no such limit"])
        try:
            limits[name] = float(value)
        except ValueError:
            raise EvaluationError([f"{option}: expected {name}=NUMBER, got {text!r}"]) from None
    return limits


def _table(found: Evaluation, failed: Sequence[str]) -> list[str]:
    lines = [line for model in found.models for line in figures.table(model)]
    told = [
        (found.unused, "truth that answers", "truths that answer", " no prediction of the span"),
        (found.repeated, "truth that says", "truths that say", " the same again"),
        (found.revised, "truth that says", "truths that say", " something else"),
        *((count, "line", "lines", f" refused: {reason}") for reason, count in sorted(found.refused.items())),
    ]
    lines += [counted(count, one, many) + text for count, one, many, text in told if count]
    return [*lines, *(f"FAILED {line}" for line in failed)] or ["no predictions"]


def _json(found: Evaluation, failed: Sequence[str]) -> list[str]:
    counts = {
        "unused_truths": found.unused,
        "repeated_truths": found.repeated,
        "revised_truths": found.revised,
        "refused_lines": dict(found.refused),
    }
    return [figures.as_json(found.models, failed, counts).decode()]
