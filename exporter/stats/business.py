"""Business figures: histograms of an amount in predictions or ground truth, such as revenue, by predicted class.

A counter must not decrease, so amounts above and below 0 are summed separately. Their difference is the net sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from exporter.batch import NO_NUMBER, NOT_FINITE, Batch, Floats, Reads
from exporter.families import CounterFamily, Families, HistogramFamily
from exporter.stats import BASE_LABELS, SERIES, LabelNames, Scope, Statistic
from exporter.tallies.tally import COUNTS, S, Tally
from exporter.tallies.vocabulary import CLASS_LABEL

# A sum of larger amounts could overflow.
LARGEST_AMOUNT = 1e30


@dataclass(frozen=True)
class Business(Statistic):
    """Counts by bucket (ascending bounds, then +Inf) and class, then sums by class; shape (buckets + 1, classes).

    `row` is the amount's row in a batch's amounts. An amount below 0 is observed as 0. If `is_negative`, its absolute
    value is observed instead, and any other amount as 0. Without bounds, there is only a count and a sum.
    """

    amount: str
    row: int
    bounds: tuple[float, ...]
    reads: Reads
    is_negative: bool = field(default=False, repr=False)
    scope: Scope = field(default=SERIES, repr=False)

    @property
    def name(self) -> str:  # type: ignore[override]  # which is read-only here
        return f"business_{self.amount}" + "_negative" * self.is_negative

    def zero(self) -> Floats:
        return np.zeros((len(self.bounds) + 2, 0))

    def tally(self, batch: Batch) -> Floats:
        tally = np.zeros((batch.groups, len(self.bounds) + 2, len(batch.prediction.names)))
        if batch.amounts is not None:
            amounts = batch.amounts[self.row]
            usable = (np.abs(amounts) <= LARGEST_AMOUNT) & (batch.prediction.codes >= 0)
            amounts, group, code = amounts[usable], batch.group[usable], batch.prediction.codes[usable]
            amounts = np.maximum(-amounts if self.is_negative else amounts, 0.0)
            np.add.at(tally, (group, np.searchsorted(self.bounds, amounts, side="left"), code), 1.0)
            np.add.at(tally, (group, -1, code), amounts)
        return tally

    def amounts(self, tally: Floats, names: LabelNames) -> dict[str, tuple[list[float], float]]:
        """Return cumulative counts by bucket, and the sum, of each class that has any."""
        return {
            name: (np.cumsum(counts).tolist(), total)
            for name, (*counts, total) in zip(names.get(CLASS_LABEL, ()), tally.T.tolist(), strict=False)
            if any(counts)
        }

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        family = HistogramFamily(
            self.scope.name(f"model_{self.name}"),
            "Negative amounts of a configured business figure, as positive numbers, by predicted class; other amounts "
            "count as 0."
            if self.is_negative
            else "A configured business figure, by predicted class; a negative amount counts as 0.",
            (*self.scope.labels, CLASS_LABEL),
            self.bounds,
        )
        for series, tally in tallies.items():
            for name, (counts, total) in self.amounts(tally, names).items():
                family.add((*series, name), counts, total)
        yield family


@dataclass(frozen=True)
class RejectedAmounts(Statistic):
    """Counts of the amounts of a business figure that cannot be summed, by REASONS."""

    amount: str
    row: int
    reads: Reads
    REASONS = ("wrong_type", "non_finite", "out_of_range")
    shape = (len(REASONS),)

    @property
    def name(self) -> str:  # type: ignore[override]  # which is read-only here
        return f"business_{self.amount}_rejected"

    def tally(self, batch: Batch) -> Tally:
        if batch.amounts is None:
            return np.zeros((batch.groups, *self.shape), COUNTS)
        amounts = batch.amounts[self.row]
        is_large = np.isfinite(amounts) & (np.abs(amounts) > LARGEST_AMOUNT)
        return batch.count(np.stack([amounts == NO_NUMBER, amounts == NOT_FINITE, is_large])).astype(COUNTS)

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        text = "Amounts of a configured business figure that were not counted, by reason."
        family = CounterFamily(f"model_{self.name}_total", text, (*BASE_LABELS, "reason"))
        for series, tally in tallies.items():
            family.extend([(*series, reason) for reason in self.REASONS], tally.tolist())
        yield family
