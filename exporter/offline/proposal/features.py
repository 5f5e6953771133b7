"""Which value has the features: by the names in training data, else by the name of the value."""

from collections.abc import Sequence
from typing import Any

from exporter.decoding.conversions import number_of
from exporter.offline.proposal.candidates import Candidate
from exporter.offline.proposal.guess import Guess
from exporter.offline.proposal.training import TrainingData
from exporter.units import FieldPath

# The least share of the features of training data that an object has.
FEWEST_SHARE = 0.5
# The names of objects of features, the most certain first.
NAMES = ("features", "feature", "instances", "inputs", "input", "payload", "data", "request", "x")
SCALARS = (str, int, float, bool, type(None))


def features(found: Sequence[Candidate], training: TrainingData | None) -> Guess | None:
    """Return the guess of the features, if any value may be that."""
    guesses = [*_of_training(found, training)] if training else [*_by_name(found)]
    return max(guesses, key=lambda scored: scored[0])[1] if guesses else None


def _of_training(found: Sequence[Candidate], training: TrainingData) -> list[tuple[float, Guess]]:
    """Return the guesses with their scores: objects with the names, and lists of as many values of the right kinds."""
    guesses = []
    wanted = training.features
    for each in found:
        values = each.flat
        objects = [value for value in values if isinstance(value, dict)]
        lists = [value for value in values if _is_row(value, training)]
        bonus = _name_score(each) / 100
        if objects and len(objects) >= len(values) / 2:
            share = sum(len(value.keys() & set(wanted)) for value in objects) / (len(objects) * len(wanted))
            if share >= FEWEST_SHARE:
                count = sum(name in value for name in wanted for value in objects[:1])
                why = f"{count} of the {len(wanted)} features of {training.path.name}, in {len(objects)} rows"
                guesses.append((share + bonus, Guess("features", each, why, names=frozenset(wanted))))
        elif lists and len(lists) >= len(values) / 2:
            path = _names_path(found, wanted)
            why = f"as many values as {training.path.name} has features, in {len(lists)} rows; named "
            why += f"by `{path}`" if path else "in the order of its columns"
            names = str(path) if path else [*wanted]
            guesses.append((0.9 + bonus, Guess("features", each, why, (("names", names),))))
    return guesses


def _is_row(value: Any, training: TrainingData) -> bool:
    """Return whether a value is a list of the values of all features."""
    if not isinstance(value, list) or len(value) != len(training.features):
        return False
    kinds = zip(training.features, value, strict=True)
    return all(
        item is None or (isinstance(item, SCALARS) and (name not in training.numeric or number_of(item) is not None))
        for name, item in kinds
    )


def _names_path(found: Sequence[Candidate], wanted: Sequence[str]) -> FieldPath | None:
    """Return the path of a list of the names of the features."""
    for each in found:
        if not each.has_each and not each.decode and each.flat:
            names = each.flat[0]
            if isinstance(names, list) and len(names) == len(wanted) and set(map(str, names)) == set(wanted):
                return each.path
    return None


def _by_name(found: Sequence[Candidate]) -> list[tuple[float, Guess]]:
    guesses = []
    for each in found:
        values = each.flat
        objects = [value for value in values if isinstance(value, dict) and value and _are_scalars(value.values())]
        lists = [value for value in values if isinstance(value, list) and value and _are_scalars(value)]
        score = _name_score(each)
        if not score or not values:
            continue
        if len(objects) >= len(values) / 2:
            why = f"an object named like features, in {len(objects)} rows"
            guesses.append((score - len(each.path) / 10, Guess("features", each, why)))
        elif len(lists) >= len(values) / 2 and len({len(value) for value in lists}) == 1:
            names = [f"f{number}" for number in range(len(lists[0]))]
            why = f"a list named like features, in {len(lists)} rows; replace the names, or give --reference"
            guesses.append((score - len(each.path) / 10 - 0.5, Guess("features", each, why, (("names", names),))))
    return guesses


def _are_scalars(values: Any) -> bool:
    return all(isinstance(value, SCALARS) for value in values)


def _name_score(candidate: Candidate) -> float:
    name = candidate.names[0].lower() if candidate.names else ""
    return float(len(NAMES) - NAMES.index(name)) if name in NAMES else 0.0
