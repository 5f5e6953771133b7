"""What a column is: numeric, categorical, a vector, or no feature; decided from all of its values.

- declared by --numeric or --categorical: that
- only lists of numbers, as many in each (two or more): a vector
- no values, or only objects, other lists or dates: left out
- only text and booleans: categorical; left out where nearly each row has its own text
- only numbers: numeric, however few distinct ones
- numbers and up to 10 % of anything else: numeric; the rest counts as `other`, as the sidecar counts it
- numbers and more of anything else: refused, since only the user knows
"""

from __future__ import annotations

from collections import Counter
from enum import Enum

from exporter.decoding.columns import label_of
from exporter.profiling.categorical import LabelSketch
from exporter.profiling.column import LISTS, Column, Spell, is_mostly
from exporter.profiling.errors import ProfilingError
from exporter.profiling.numeric import NumericSketch
from exporter.profiling.vector import VectorSketch

MIN_DIMENSION = 2
IDENTIFIERS = 1000
IDENTIFIER_SHARE = 0.5


class Kind(Enum):
    """What a feature is."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    VECTOR = "vector"


class LeftOutError(Exception):
    """A column is no feature; the message says why."""


class MixedError(Exception):
    """A column could be of either kind."""


class ColumnSketch:
    """The first look at a column. Its numbers are looked at as labels too where `spell` is given."""

    def __init__(self, spell: Spell | None = None) -> None:
        self._spell = spell
        self.numbers = NumericSketch()
        self.labels = LabelSketch()
        self.vectors = VectorSketch()
        self.other_than_numbers = 0
        self.unusable: Counter[str] = Counter()

    def add(self, column: Column) -> None:
        """Look at the next values."""
        self.numbers.add(column.numbers)
        labels = column if self._spell else Column(texts=column.texts, booleans=column.booleans)
        self.labels.add(labels.labels(self._spell or label_of))
        self.other_than_numbers += column.other_than_numbers
        self.unusable.update(column.unusable)
        self.vectors.add(column.vectors)

    @property
    def values(self) -> int:
        """How many values there are, of any type."""
        return self.numbers.finite + self.numbers.infinite + self.other_than_numbers

    @property
    def is_mostly_numbers(self) -> bool:
        return self.numbers.finite > 0 and is_mostly(self.values - self.other_than_numbers, self.values)

    def others(self) -> str:
        """Say what there is besides numbers."""
        example = next((f"text or booleans such as `{label:.40}`" for label in self.labels.frequent), "text")
        has_labels = self.other_than_numbers > self.unusable.total()
        return " and ".join([*([example] if has_labels else []), *sorted(self.unusable)])


def kind_of(name: str, column: ColumnSketch, declared: Kind | None) -> Kind:
    """Return the kind of a feature; raises LeftOutError, MixedError, or ProfilingError where it is declared wrongly."""
    numbers = column.values - column.other_than_numbers
    labels = column.values - column.unusable.total()
    if declared is Kind.NUMERIC:
        if not column.numbers.finite or column.other_than_numbers > numbers:
            raise ProfilingError(f"--numeric {name}: expected numbers, got {column.others() or 'no values'}")
        return Kind.NUMERIC
    if declared is Kind.CATEGORICAL:
        if not labels:
            raise ProfilingError(f"--categorical {name}: expected values, got {column.others() or 'none'}")
        return Kind.CATEGORICAL
    if not labels:
        _check_vectors(column)
        return Kind.VECTOR
    if not numbers:
        distinct = column.labels.distinct
        if distinct > max(IDENTIFIERS, IDENTIFIER_SHARE * labels):
            raise LeftOutError(f"identifies rows: {distinct} distinct texts in {labels}; --categorical {name} keeps it")
        return Kind.CATEGORICAL
    if not column.numbers.finite and not column.other_than_numbers:
        raise LeftOutError("has no finite number")
    if not column.is_mostly_numbers:
        raise MixedError
    return Kind.NUMERIC


def _check_vectors(column: ColumnSketch) -> None:
    """Raises LeftOutError where a column that holds no labels is not one of vectors."""
    vectors = column.vectors
    if not column.values:
        raise LeftOutError("has no values")
    if vectors.count < column.values or min(vectors.lengths) < MIN_DIMENSION:
        raise LeftOutError(f"holds only {column.others()}")
    if len(vectors.lengths) > 1:
        raise LeftOutError(f"holds only {LISTS}, of {min(vectors.lengths)} to {max(vectors.lengths)} numbers")
    if vectors.first is None:
        raise LeftOutError("has no finite vector")
    if not vectors.varies:
        raise LeftOutError("holds the same vector in each row")


def prediction_kind(column: ColumnSketch) -> Kind:
    """Return the kind of the predictions: classes, unless there are fractional numbers; raises LeftOutError."""
    if column.values == column.unusable.total():
        raise LeftOutError(f"holds only {column.others()}" if column.values else "has no values")
    return Kind.NUMERIC if column.numbers.fractional and column.is_mostly_numbers else Kind.CATEGORICAL


def actual_kind(column: ColumnSketch, *, is_value: bool) -> Kind:
    """Return the kind of the truth, of predictions that are values or not: as of these; raises LeftOutError."""
    kind = prediction_kind(column)
    return Kind.NUMERIC if is_value and column.is_mostly_numbers else kind


def probability_kind(column: ColumnSketch) -> Kind:
    """Return that probabilities are numbers; raises LeftOutError."""
    if not column.is_mostly_numbers:
        raise LeftOutError(f"holds {column.others()}" if column.values else "has no values")
    return Kind.NUMERIC
