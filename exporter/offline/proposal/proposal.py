"""A proposal: what a source of one log should be, with the reason for each setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.configuration import loading
from exporter.decoding.conversions import number_of
from exporter.offline import OfflineError
from exporter.offline.first_records import MOST_VALUES, first_records
from exporter.offline.log_reader import LogReader
from exporter.offline.proposal import guesses
from exporter.offline.proposal.candidates import Candidate, candidates
from exporter.offline.proposal.features import features
from exporter.offline.proposal.guess import Guess
from exporter.offline.proposal.layout import layout
from exporter.offline.proposal.line_choice import LineChoice, chosen_lines, chosen_requests
from exporter.offline.proposal.pairing import pairing
from exporter.offline.proposal.training import TrainingData

# Predictions that are mostly fractions are values, as of a regression.
MOSTLY = 0.9
# A log to look at may be old.
ANY_AGE = {"limits": {"past": "36500d"}}


@dataclass
class Proposal:
    """The settings of a source, and the reasons: for its format, for `where`, and with each guess.

    `keys` are those of the source apart from `where` and `fields`. `accepted` records were read of `lines`. `kind` is
    that of predictions, if it has to be set.
    """

    keys: dict[str, Any]
    why: str
    lines: int
    accepted: int = 0
    where: LineChoice | None = None
    fields: list[Guess] = field(default_factory=list)
    positive_class: str | None = None
    kind: str | None = None

    @property
    def source(self) -> dict[str, Any]:
        """The source as in a configuration."""
        set_fields = {guess.name: guess.setting for guess in self.fields if not guess.is_default}
        optional = {"where": dict(self.where.where) if self.where else {}, "fields": set_fields}
        return self.keys | {key: value for key, value in optional.items() if value}


def proposals(logs: Sequence[Path], training: TrainingData | None, now: float) -> list[Proposal]:
    """Return what the source of each log should be, at epoch time `now`; raises OfflineError and ConfigError."""
    loading.from_data({"sources": [str(log.absolute()) for log in logs]})
    return [propose(log, training, now) for log in logs]


def propose(log: Path, training: TrainingData | None, now: float) -> Proposal:
    """Return what a source of a log should be, at epoch time `now`; raises OfflineError and ConfigError."""
    if not log.is_file():
        raise OfflineError(f"{log}: {'expected a file' if log.exists() else 'no such file'}")
    found = layout(log)
    keys = {"url": str(log.absolute()), **found.keys}
    loaded = loading.from_data(ANY_AGE | {"sources": [keys]})
    (source,) = loaded.config.sources
    seen = first_records(loaded, source, [str(log)], now)
    proposal = Proposal(keys, found.why, seen.lines)
    if LogReader(loaded, source, now).reads_lines:
        # Headers are skipped lines.
        lines = len(seen.values) if len(seen.values) >= MOST_VALUES else seen.lines - seen.skipped
        rows: Sequence[Any] = seen.values[:MOST_VALUES]
        pairs = pairing(rows)
        # A line that has features and a prediction is whole.
        if pairs and not any(all(_main(candidates(side), training)) for side in pairs.sides):
            keys["pair"], rows, lines = pairs.setting, pairs.rows, lines // 2
            proposal.why = "; ".join(filter(None, (proposal.why, pairs.why)))
        _guess(proposal, rows, lines, training)
    elif training:
        keys["features"] = [*training.features]
    loaded = loading.from_data(ANY_AGE | {"sources": [proposal.source]})
    (source,) = loaded.config.sources
    proposal.accepted = first_records(loaded, source, [str(log)], now).accepted
    return proposal


def _guess(proposal: Proposal, rows: Sequence[Any], lines: int, training: TrainingData | None) -> None:
    """Add what can be guessed of some rows, which are those of so many lines."""
    found = candidates(rows)
    of_features, predicted = _main(found, training)
    mains = [guess.candidate for guess in (of_features, predicted) if guess]
    is_likely = [any(number in each.values for each in mains) for number in range(len(rows))]
    proposal.where = chosen_lines(rows, found, is_likely, lines)
    if proposal.where:
        rows = _matching(rows, proposal.where.where)
        found = candidates(rows)
        of_features, predicted = _main(found, training)
    others = _others(found, of_features)
    score = guesses.probability(others, predicted, training)
    error = guesses.error(others, len(rows))
    if not predicted and not score:
        proposal.where = chosen_requests(rows, others, lines) or proposal.where
        status = guesses.status(others) or guesses.outcome(others)
        if status:
            predicted = Guess(
                "prediction", status, "nothing looks like a prediction, so the outcome of requests is counted"
            )
    guessed = (guesses.timestamp(others), of_features, predicted, score, guesses.latency(others), error)
    proposal.fields = [guess for guess in (*guesses.model(others), *guessed, guesses.request_id(others)) if guess]
    if predicted and score and not score.options and not isinstance(score.candidate.flat[0], (list, dict)):
        proposal.positive_class = guesses.positive_class(predicted, score)
    if (training and training.has_values) or (predicted and _are_values(predicted.candidate)):
        proposal.kind = "value"


def _main(found: Sequence[Candidate], training: TrainingData | None) -> tuple[Guess | None, Guess | None]:
    """Return the guesses of the features and of the prediction, by which records are known."""
    of_features = features(found, training)
    has_each = bool(of_features and of_features.candidate.has_each)
    return of_features, guesses.prediction(_others(found, of_features), training, has_each)


def _others(found: Sequence[Candidate], of_features: Guess | None) -> list[Candidate]:
    """Return the candidates outside of the features."""
    if of_features is None:
        return [*found]
    own = of_features.candidate
    if not own.path:
        return [each for each in found if each.path and each.path[0] not in of_features.names]
    return [each for each in found if not each.is_within(own)]


def _matching(rows: Sequence[Any], where: Mapping[str, Any]) -> list[Any]:
    conditions = loading.from_data({"sources": ["-"], "where": dict(where)}).config.where
    return [row for row in rows if conditions.matches(row)]


def _are_values(candidate: Candidate) -> bool:
    numbers = [number_of(value) for value in candidate.flat if not isinstance(value, (list, dict))]
    fractions = [number for number in numbers if number is not None and not float(number).is_integer()]
    return bool(numbers) and len(fractions) >= MOSTLY * len(numbers)
