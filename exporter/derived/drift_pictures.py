"""What pictures of drift are drawn from: a window's bins beside the reference's, and how the PSI went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from exporter.batch import Floats
from exporter.derived import Bin, psi
from exporter.derived.comparison import Comparison, is_enough
from exporter.tallies.tally import StatisticArrays

# More would make a long document of many features.
SHARE_DIGITS, COURSE_DIGITS = 6, 4


@dataclass(frozen=True)
class DriftPictures:
    """Of the variables of a comparison: features, or outputs."""

    comparison: Comparison

    @property
    def reads(self) -> str:
        """The name of the statistic that all is read from."""
        return self.comparison.bins.name

    @property
    def of_features(self) -> bool:
        return self.comparison.subject.name == "feature"

    def bins(self, row: StatisticArrays) -> Iterator[tuple[str, list[Bin]]]:
        """Yield each variable with those of its bins that are not empty on both sides."""
        bins = self.comparison.bins
        shares = _shares(row.get(bins.name, bins.zero()))
        for index, (name, held, reference) in enumerate(zip(bins.features, shares, self._reference, strict=True)):
            cells = [Bin(label, held[cell], reference[cell]) for cell, label in bins.cells(index)]
            yield name, [each for each in cells if each.share > 0 or each.reference_share > 0]

    @cached_property
    def _reference(self) -> list[list[float]]:
        return _shares(self.comparison.bins.reference)

    def course(self, stack: StatisticArrays) -> dict[str, list[float]]:
        """Return the PSI of each variable at several times, NaN for want of records; tallies have an axis for time."""
        bins, judgement = self.comparison.bins, self.comparison.judgement
        counts: Floats = stack.get(bins.name, np.zeros((0, *bins.zero().shape)))
        enough = is_enough(counts / judgement.overdispersion, bins.reference)
        values = np.where(enough, psi.psi(counts, bins.reference, judgement.epsilon), np.nan)
        return dict(zip(bins.features, values.round(COURSE_DIGITS).T.tolist(), strict=True))


def _shares(counts: Floats) -> list[list[float]]:
    with np.errstate(invalid="ignore"):
        shares: Floats = counts / counts.sum(axis=-1, keepdims=True)
    return cast(list[list[float]], shares.round(SHARE_DIGITS).tolist())
