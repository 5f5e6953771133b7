"""The values of segments: labels of the log, bands of a number, or combinations of other segments' values."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from exporter.batch import Floats
from exporter.decoding.schema import SegmentField
from exporter.encoded import Encoded
from exporter.tallies.vocabulary import MISSING

JOINT = " / "


def band_names(bounds: Sequence[float]) -> tuple[str, ...]:
    """Return the names of the bands between ascending bounds.

    >>> band_names((25, 40.5))
    ('under 25', '25 to 40.5', '40.5 and over')
    """
    spelt = [str(int(bound)) if bound.is_integer() else str(bound) for bound in map(float, bounds)]
    between = [f"{low} to {high}" for low, high in pairwise(spelt)]
    return (f"under {spelt[0]}", *between, f"{spelt[-1]} and over")


def banded(values: Floats, bounds: Sequence[float]) -> Encoded[str]:
    """Return the band of each value; a bound belongs to the band above it, and NaN is absent."""
    codes = np.searchsorted(bounds, values, "right")
    return Encoded(band_names(bounds), np.where(np.isnan(values), -1, codes)).without_unused()


def combined(parts: Sequence[Encoded[str]]) -> Encoded[str]:
    """Return the values of several segments as one, such as `DE / web`; absent only if all of them are."""
    codes = np.zeros(len(parts[0].codes), np.int64)
    for part in parts:
        codes = codes * (len(part.names) + 1) + part.codes + 1
    used, inverse = np.unique(codes, return_inverse=True)
    names = []
    for number in used.tolist():
        values: list[str] = []
        for part in reversed(parts):
            number, code = divmod(number, len(part.names) + 1)  # noqa: PLW2901  # digits of mixed radix
            values.insert(0, part.names[code - 1] if code else MISSING)
        names.append(JOINT.join(values))
    # The number 0 comes first, and is that of rows without any value.
    has_empty = int(len(used) > 0 and used[0] == 0)
    return Encoded(tuple(names[has_empty:]), inverse - has_empty).without_unused()


def segment_columns(
    segments: Mapping[str, SegmentField],
    labels: Callable[[str], Encoded[str]],
    numbers: Callable[[str], Floats],
) -> tuple[Encoded[str], ...]:
    """Return a column per segment, given what returns the labels, or the numbers, of one that is read from the log."""
    read = {
        name: banded(numbers(name), segment.bounds) if segment.bounds else labels(name)
        for name, segment in segments.items()
        if not segment.of
    }
    return tuple(
        combined([read[part] for part in segment.of]) if segment.of else read[name]
        for name, segment in segments.items()
    )
