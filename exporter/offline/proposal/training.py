"""What training data says about a log: the names of the features, which are numbers, and the classes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from exporter.decoding.columns import label_of
from exporter.decoding.conversions import number_of
from exporter.decoding.schema import FEATURES, RECORD_FIELDS, Schema
from exporter.offline import OfflineError
from exporter.offline.profiling.suspicion import MAYBE_PREDICTIONS, MAYBE_TARGETS, PREDICTIONS, TARGETS
from exporter.offline.tables.data_set import DataSet
from exporter.offline.tables.files import find
from exporter.offline.tables.table import NUMERIC_SHARE, json_values
from exporter.reference import profile_file
from exporter.reference.profile import Profile
from exporter.reference.profile_file import ProfileError

MOST_CLASSES = 50
TARGET_NAMES = TARGETS | PREDICTIONS | MAYBE_TARGETS | MAYBE_PREDICTIONS
# The columns that say which classes there are, the most certain first.
CLASS_COLUMNS = ("prediction", "actual", "target", "label", "class", "y")


@dataclass(frozen=True)
class TrainingData:
    """The features in the order of their columns, those that are `numeric`, and the classes, sorted.

    `path` is the file, which may be a profile; `has_values` is whether the model predicts numbers rather than classes.
    """

    path: Path
    features: tuple[str, ...]
    numeric: frozenset[str]
    classes: tuple[str, ...] = ()
    has_values: bool = False
    is_profile: bool = False


def read_training(path: Path) -> TrainingData:
    """Read the first rows of training data, or a profile of it; raises OfflineError."""
    if profile := _profile(path):
        known = tuple(sorted(profile.classes))
        numeric = frozenset(profile.numeric)
        return TrainingData(path, tuple(profile.features), numeric, known, profile.predicts_values, is_profile=True)
    try:
        data = DataSet(find([path]), Schema())
        table = next((table for file in data.files for table in islice(data.tables(file), 1)), None)
    except pa.ArrowException as error:
        raise OfflineError(f"--reference {path}: {str(error).splitlines()[0]}") from None
    if table is None or not table.rows:
        raise OfflineError(f"--reference {path}: no rows")
    columns = {name: json_values(values) for name, values in table.columns.items()}
    features = {name: json_values(values) for name, values in table.below((FEATURES,)).items()}
    features = features or {
        name.removeprefix(f"{FEATURES}."): values for name, values in columns.items() if not _is_other(name)
    }
    if not features:
        raise OfflineError(f"--reference {path}: no columns that could be features")
    targets = [columns[name] for name in CLASS_COLUMNS if name in columns]
    present = [value for value in targets[0] if value is not None] if targets else []
    classes = sorted({label_of(value) for value in present if isinstance(value, (str, int, float, bool))})
    has_fractions = any(isinstance(value, float) and not value.is_integer() for value in present)
    has_values = bool(classes) and (has_fractions or (len(classes) > MOST_CLASSES and _are_numbers(present)))
    return TrainingData(
        path,
        tuple(features),
        frozenset(name for name, values in features.items() if _are_numbers(values)),
        () if has_values or len(classes) > MOST_CLASSES else tuple(classes),
        has_values,
    )


def _profile(path: Path) -> Profile | None:
    """Return a profile; None if the file is not one."""
    if path.suffix != ".json":
        return None
    try:
        return profile_file.read(path)
    except (OSError, ProfileError):
        return None


def _is_other(name: str) -> bool:
    """Return whether a column of flat data is hardly a feature."""
    return name in RECORD_FIELDS or re.sub(r"[^a-z]", "", name.lower()) in TARGET_NAMES


def _are_numbers(values: Iterable[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and sum(number_of(value) is not None for value in present) >= NUMERIC_SHARE * len(present)
