"""A column of few distinct values, dictionary-encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Encoded(Generic[T]):
    """A column of few distinct values, dictionary-encoded as in Arrow: row i holds `names[codes[i]]`.

    A negative code is an absent value.
    """

    names: tuple[T, ...]
    codes: Ints

    @classmethod
    def of(cls, values: tuple[T | None, ...]) -> Encoded[T]:
        """Encode a column; `None` is absent."""
        distinct = dict.fromkeys(values)
        names = tuple(name for name in distinct if name is not None)
        codes: dict[T | None, int] = {name: code for code, name in enumerate(names)}
        codes[None] = -1
        if len(distinct) == 1:
            return cls(names, np.full(len(values), len(names) - 1))
        return cls(names, np.fromiter(map(codes.__getitem__, values), np.int64, len(values)))

    def where(self, mask: Bools) -> Encoded[T]:
        """Return the rows for which `mask` is true."""
        return Encoded(self.names, self.codes[mask])

    def without_unused(self) -> Encoded[T]:
        """Return the same column with only the names that occur, in the order of their first occurrence."""
        used, codes = in_order(self.codes, len(self.names))
        return Encoded(tuple(self.names[code] for code in used.tolist()), codes)

    def without(self, name: T) -> Encoded[T]:
        """Return the same column with `name` absent."""
        if name not in self.names:
            return self
        gone = self.names.index(name)
        codes = np.where(self.codes == gone, -1, self.codes - (self.codes > gone))
        return Encoded(self.names[:gone] + self.names[gone + 1 :], codes)


def in_order(codes: Ints, size: int) -> tuple[Ints, Ints]:
    """Return the codes below `size` that occur, in the order of their first occurrence, and each row's index in them.

    The index of a negative code, which is an absent value, is -1.
    """
    first = np.full(size + 1, len(codes))
    # The last assignment to an entry counts, which is that of the first row. -1 is the last entry.
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    used = np.flatnonzero(first[:-1] < len(codes))
    used = used[np.argsort(first[used])]
    places = np.full(size + 1, -1)
    places[used] = np.arange(len(used))
    return used, places[codes]
