"""A categorical column: a first pass finds the frequent categories, a second one counts them exactly.

Memory does not grow with the number of distinct values. Beyond TRACKED of them, the first pass is a Misra-Gries
summary, which finds every category that more than one row in TRACKED has. The second pass counts the categories found.
Misra and Gries (1982), Finding repeated elements.

Of more than CATEGORIES, those with the most rows have a bin each. In these rows they have more than their true share,
so that every other sample seems to have drifted. Therefore a random half of the rows chooses them, and the other half
is counted.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from exporter.batch import Floats
from exporter.offline.profiling.column import Column, ToLabel
from exporter.reference.profile import MISSING_BIN, Categorical

CATEGORIES = 50
TRACKED = 10_000
HASHES = 4096
HASH_BYTES = 8
# Of more than CATEGORIES, the least share with a bin. With few records in a bin, p-values would be wrong.
FREQUENT = 0.005
# Of more rows, exactly half are as good as a random half.
MOST_TOSSED = 1 << 23


class LabelSketch:
    """The first pass over a column: its frequent labels, and how many distinct ones there are."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._distinct = Distinct()
        self._pruned = False

    def add(self, counts: Mapping[str, int]) -> None:
        """Take the next labels, each with its number of occurrences."""
        self._distinct.add(label for label in counts if label not in self._counts)
        self._counts.update(counts)
        if len(self._counts) > 2 * TRACKED:
            # The count of the first label that has no place among TRACKED is subtracted from all.
            least = heapq.nlargest(TRACKED + 1, self._counts.values())[-1]
            self._counts = Counter({label: count - least for label, count in self._counts.items() if count > least})
            self._pruned = True

    @property
    def frequent(self) -> tuple[str, ...]:
        """All labels while there are few, later only the frequent ones."""
        return tuple(self._counts)

    @property
    def distinct(self) -> int:
        """The number of distinct labels, exact up to TRACKED and beyond that within about 3%."""
        return self._distinct.estimate() if self._pruned else len(self._counts)


class Distinct:
    """Estimates the number of distinct labels from the HASHES lowest hashes.

    Bar-Yossef et al. (2002), Counting distinct elements in a data stream: the k-th lowest of n uniform values is
    about k / n.
    """

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._limit = 1 << 8 * HASH_BYTES

    def add(self, labels: Iterable[str]) -> None:
        hashes = (int.from_bytes(hashlib.blake2b(label.encode(), digest_size=HASH_BYTES).digest()) for label in labels)
        self._hashes.update(value for value in hashes if value < self._limit)
        if len(self._hashes) > 2 * HASHES:
            self._shrink()

    def estimate(self) -> int:
        self._shrink()
        if len(self._hashes) < HASHES:
            return len(self._hashes)
        return round((HASHES - 1) * (1 << 8 * HASH_BYTES) / max(self._hashes))

    def _shrink(self) -> None:
        if len(self._hashes) > HASHES:
            self._hashes = set(heapq.nsmallest(HASHES, self._hashes))
            self._limit = max(self._hashes)


class CategoryTally:
    """The second pass: `counts` are exact counts of the frequent labels, over all rows."""

    def __init__(self, sketch: LabelSketch, to_label: ToLabel) -> None:
        self._to_label = to_label
        self._distinct = sketch.distinct
        self.counts = dict.fromkeys(sketch.frequent, 0)
        self._rare = 0
        self._unusable = 0

    def add(self, column: Column) -> None:
        """Count the next values."""
        self._unusable += column.other_than_labels
        for label, count in column.labels(self._to_label).items():
            if label in self.counts:
                self.counts[label] += count
            elif label != MISSING_BIN:
                self._rare += count

    @property
    def by_bin(self) -> Floats:
        """The number of values of each frequent label, and of the others."""
        return np.array([*self.counts.values(), self._rare, self._unusable], np.float64)

    def feature(self, rows: int) -> Categorical:
        """Return the feature of data with `rows` rows; `other` counts rare labels, and values that are no labels.

        A rare label with the name of the bin of missing values counts there, as in the sidecar. With more labels than
        CATEGORIES, the counts are those of about half of the rows.
        """
        counts, rest = self.counts, {"rare": self._rare, "unusable": self._unusable}
        rest["missing"] = rows - sum(counts.values()) - sum(rest.values())
        kept = sorted(counts, key=lambda label: (-counts[label], label))
        if self._distinct > CATEGORIES:
            chosen = {label: half(f"label {label}", count) for label, count in counts.items()}
            counts = {label: count - chosen[label] for label, count in counts.items()}
            rest = {name: count - half(name, count) for name, count in rest.items()}
            least = FREQUENT * (sum(chosen.values()) + self._rare / 2)
            ranked = sorted(filter(counts.get, counts), key=lambda label: (-chosen[label], label))
            kept = [label for label in ranked[:CATEGORIES] if chosen[label] >= least] or ranked[:1]
        missing = 0 if MISSING_BIN in kept else counts.get(MISSING_BIN, 0)
        rare = sum(counts.values()) - sum(counts[label] for label in kept) - missing
        return Categorical(
            categories={label: counts[label] for label in kept},
            missing=rest["missing"] + missing,
            other=rest["rare"] + rest["unusable"] + rare,
            distinct=self._distinct,
        )


def half(name: str, count: int) -> int:
    """Return how many of `count` rows are in the first half: a binomial number that depends only on the arguments."""
    if count > MOST_TOSSED:
        return count // 2
    tosses = int.from_bytes(hashlib.shake_128(name.encode()).digest((count + 7) // 8))
    return (tosses >> -count % 8).bit_count()
