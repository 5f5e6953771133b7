"""What a column is: numeric, categorical, a vector, or no feature; this follows from all of its values.

- declared by --numeric or --categorical: that
- only lists of numbers, all of the same length (two or more): a vector
- no values, or only objects, other lists or dates: left out
- only text and booleans: categorical; left out if most rows have a text of their own
- only numbers: numeric, however few distinct ones
- numbers and up to 10 % of anything else: numeric; the rest counts as `other`, as in the sidecar
- numbers and more of anything else: refused, since only the user knows
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import Enum

from exporter.decoding.columns import label_of
from exporter.offline import OfflineError
from exporter.offline.profiling.categorical import CategoryTally, LabelSketch
from exporter.offline.profiling.column import LISTS, Column, ToLabel
from exporter.offline.profiling.numeric import NumericSketch, NumericTally
from exporter.offline.profiling.options import Options
from exporter.offline.profiling.vector import VectorSketch
from exporter.offline.tables.table import NUMERIC_SHARE

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


class ColumnSketch:
    """The first pass over a column. Its numbers are labels too if `to_label` is given."""

    def __init__(self, to_label: ToLabel | None = None) -> None:
        self._to_label = to_label
        self.numbers = NumericSketch()
        self.labels = LabelSketch()
        self.vectors = VectorSketch()
        self.other_than_numbers = 0
        self.unusable: Counter[str] = Counter()

    def add(self, column: Column) -> None:
        """Take the next values."""
        self.numbers.add(column.numbers)
        self.labels.add(column.labels(self._to_label) if self._to_label else column.texts)
        self.other_than_numbers += column.other_than_numbers
        self.unusable.update(column.unusable)
        self.vectors.add(column.vectors)

    @property
    def values(self) -> int:
        """How many values there are, of any type."""
        return self.numbers.finite + self.numbers.infinite + self.other_than_numbers

    @property
    def is_mostly_numbers(self) -> bool:
        return self.numbers.finite > 0 and self.values - self.other_than_numbers >= NUMERIC_SHARE * self.values

    def tally(self, kind: Kind, options: Options) -> NumericTally | CategoryTally:
        """Return what counts a column that is not of vectors in the second pass."""
        if kind is Kind.CATEGORICAL:
            return CategoryTally(self.labels, self._to_label or label_of)
        return NumericTally(self.numbers, self.numbers.edges(options.bins, options.binning), self.numbers.cuts())

    def others(self) -> str:
        """Return what there is besides numbers, in words."""
        example = next((f"text or booleans such as `{label:.40}`" for label in self.labels.frequent), "text")
        has_labels = self.other_than_numbers > self.unusable.total()
        return " and ".join([*([example] if has_labels else []), *sorted(self.unusable)])


def kind_of(name: str, column: ColumnSketch, option: str | None) -> Kind | None:
    """Return the kind of a feature, None if it is ambiguous; `option` is the one that declares it.

    Raises LeftOutError, or OfflineError if it is declared wrongly.
    """
    numbers = column.values - column.other_than_numbers
    labels = column.values - column.unusable.total()
    if option == "--numeric":
        if not column.numbers.finite or column.other_than_numbers > numbers:
            raise OfflineError(f"{option} {name}: expected numbers, got {column.others() or 'no values'}")
        return Kind.NUMERIC
    if option == "--categorical":
        if not labels:
            raise OfflineError(f"{option} {name}: expected values, got {column.others() or 'none'}")
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
    return Kind.NUMERIC if column.is_mostly_numbers else None


def _check_vectors(column: ColumnSketch) -> None:
    """Raise LeftOutError unless a column without labels contains vectors."""
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


def target_kinds(targets: Mapping[str, ColumnSketch]) -> dict[str, Kind]:
    """Return the kinds of the prediction, probability and ground truth; those without usable values are left out.

    A prediction is a class, unless some are fractional. The ground truth of a prediction that is a number is one too.
    """
    kinds = {}
    is_number = {name: column.is_mostly_numbers for name, column in targets.items()}
    is_value = {name: is_number[name] and column.numbers.fractional for name, column in targets.items()}
    for name, column in targets.items():
        if name == "probability":
            if is_number[name]:
                kinds[name] = Kind.NUMERIC
        elif column.values > column.unusable.total():
            is_numeric = is_value[name] or (is_value["prediction"] and is_number[name])
            kinds[name] = Kind.NUMERIC if is_numeric else Kind.CATEGORICAL
    return kinds
