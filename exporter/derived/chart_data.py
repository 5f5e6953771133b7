"""Data for charts of drift: the bins of each variable beside the reference's, and its PSI over time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import msgspec
import numpy as np

from exporter.batch import Floats
from exporter.derived import psi
from exporter.derived.drift import DriftCalculator, is_enough
from exporter.derived.view import WindowTallies
from exporter.tallies.tally import S

# More digits would make the document of many features long.
SHARE_DIGITS, PSI_DIGITS = 6, 4


class Bin(msgspec.Struct, frozen=True):
    """A bin: its share of the values in a window and in the reference, NaN without values."""

    name: str
    share: float
    reference_share: float


@dataclass(frozen=True)
class ChartData:
    """Charts of the variables of a calculator."""

    calculator: DriftCalculator

    def bins(self, window: WindowTallies[S]) -> dict[str, list[Bin]]:
        """Return the bins of each variable, without those that are empty on both sides."""
        bins = self.calculator.bins
        found = {}
        for index, (name, shares, reference) in enumerate(
            zip(bins.features, _shares(window[bins]), self._reference, strict=True)
        ):
            cells = [Bin(label, shares[cell], reference[cell]) for cell, label in bins.cells(index)]
            found[name] = [each for each in cells if each.share > 0 or each.reference_share > 0]
        return found

    @cached_property
    def _reference(self) -> list[list[float]]:
        return _shares(self.calculator.bins.reference)

    def psi(self, counts: Floats) -> dict[str, list[float]]:
        """Return the PSI of each variable at several times, NaN with too few records; counts have an axis for time."""
        bins, criteria = self.calculator.bins, self.calculator.criteria
        enough = is_enough(counts / criteria.overdispersion, bins.reference)
        values = np.where(enough, psi.psi(counts, bins.reference, criteria.epsilon), np.nan)
        return dict(zip(bins.features, values.round(PSI_DIGITS).T.tolist(), strict=True))


def _shares(counts: Floats) -> list[list[float]]:
    with np.errstate(invalid="ignore"):
        shares: Floats = counts / counts.sum(axis=-1, keepdims=True)
    return cast(list[list[float]], shares.round(SHARE_DIGITS).tolist())
