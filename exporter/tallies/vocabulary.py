"""Labels from a log are untrusted: a `Vocabulary` admits a limited number, and the rest are `other`.

Admission depends on the order of arrival, so it comes before the statistics, and admitted labels are part of the state.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar

import numpy as np

from exporter.batch import Ints, Series
from exporter.encoded import Encoded

CLASS_LABEL = "prediction_class"
ERROR_LABEL = "error_type"
SERIES_LABEL = "model_version"
SEGMENT_LABEL = "segment_value"
OTHER = "other"
# The actual class of an outcome whose predicted class is `other` too, but not the same class.
DIFFERENT_OTHER = "other (different)"
MISSING = "missing"
MAX_LABEL_CHARACTERS = 128

T = TypeVar("T")


class Vocabulary(Generic[T]):
    """The names admitted for one label, in order of admission.

    `other` returns the name that replaces one that is not admitted; it does not count towards the limit.
    """

    def __init__(self, limit: int, other: Callable[[T], T], names: Iterable[T] = ()) -> None:
        self._limit = limit
        self._other = other
        self._codes: dict[T, int] = {}
        self._within = 0
        for name in names:
            self._add(name)

    @property
    def names(self) -> tuple[T, ...]:
        return tuple(self._codes)

    def code(self, name: T) -> tuple[int, bool]:
        """Return the code of `name`, or of its replacement, and whether it was replaced."""
        if name in self._codes:
            return self._codes[name], False
        if self._within < self._limit:
            return self._add(name), False
        other = self._other(name)
        return self._codes[other] if other in self._codes else self._add(other), name != other

    def admit(self, name: T) -> T:
        """Return `name`, or its replacement."""
        code, _ = self.code(name)
        return self.names[code]

    def encode(self, column: Encoded[T]) -> tuple[Encoded[T], int]:
        """Return a column in the codes of this vocabulary, and the number of rows whose name was replaced."""
        if not column.names:
            return Encoded(self.names, column.codes), 0
        pairs = [self.code(name) for name in column.names]
        codes = np.array([code for code, _ in pairs] + [-1], np.int64)
        capped = np.array([is_replaced for _, is_replaced in pairs] + [False])
        total = int(np.count_nonzero(capped[column.codes])) if capped.any() else 0
        spelt: Ints = codes[column.codes]
        return Encoded(self.names, spelt), total

    def forget(self, gone: Collection[T]) -> None:
        """Make room for others; codes from before mean nothing any more."""
        names = [name for name in self._codes if name not in gone]
        self._codes, self._within = {}, 0
        for name in names:
            self._add(name)

    def _add(self, name: T) -> int:
        self._codes[name] = len(self._codes)
        self._within += name != self._other(name)
        return self._codes[name]


def printable(label: str) -> str:
    """Return a label of limited length, without control characters, which cannot be typed in a query."""
    label = label[:MAX_LABEL_CHARACTERS]
    return label if label.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in label)


def other_label(_: str) -> str:
    return OTHER


def labels(limit: int, names: Iterable[str] = ()) -> Vocabulary[str]:
    """Return a vocabulary of plain labels."""
    return Vocabulary(limit, other_label, names)


def class_vocabulary(limit: int, names: Iterable[str] = ()) -> Vocabulary[str]:
    """Return a vocabulary of classes; DIFFERENT_OTHER has a place outside the limit."""
    return Vocabulary(limit, lambda name: name if name == DIFFERENT_OTHER else OTHER, names)


def segment_vocabulary(limit: int, names: Iterable[str] = ()) -> Vocabulary[str]:
    """Return a vocabulary of a segment's values; `missing` has a place outside the limit."""
    # Its code is always the first, so that it does not depend on the log.
    return Vocabulary(limit, lambda name: MISSING if name == MISSING else OTHER, dict.fromkeys((MISSING, *names)))


class SeriesVocabulary(Vocabulary[Series]):
    """Models and versions: a flood of versions of a known model stays under that model's name.

    `known` series are always admitted, and `models` are the names of models that are known before their first record.
    """

    def __init__(self, limit: int, names: Iterable[Series], known: Collection[Series], models: Collection[str]) -> None:
        self._known = known
        self._models = models
        super().__init__(limit, self._fallback, names)
        for series in known:
            if series not in self._codes:
                self._add(series)

    def _fallback(self, series: Series) -> Series:
        if series in self._known:
            return series
        own = {admitted.model_name for admitted in self._codes if {*admitted[1:]} != {OTHER}}
        name = series.model_name if series.model_name in own or series.model_name in self._models else OTHER
        return Series(name, *(OTHER for _ in series[1:]))
