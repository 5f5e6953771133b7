"""Business figures: a histogram of an amount in predictions or ground truth, such as revenue, by predicted class."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from exporter.batch import Batch, Floats, Reads
from exporter.families import Families, HistogramFamily
from exporter.stats import SERIES, LabelNames, Scope, Statistic
from exporter.tallies.tally import S
from exporter.tallies.vocabulary import CLASS_LABEL


@dataclass(frozen=True)
class Business(Statistic):
    """Counts by bucket (ascending bounds, then +Inf) and class, then sums by class; shape (buckets + 1, classes).

    `row` is the amount's row in a batch's amounts. Without bounds, there is only a count and a sum.
    """

    amount: str
    row: int
    bounds: tuple[float, ...]
    reads: Reads
    scope: Scope = field(default=SERIES, repr=False)

    @property
    def name(self) -> str:  # type: ignore[override]  # which is read-only here
        return f"business_{self.amount}"

    @property
    def has_sum(self) -> bool:
        """Whether sums are exported: as in OpenMetrics, not of a histogram with a bound below 0."""
        return not self.bounds or self.bounds[0] >= 0

    def zero(self) -> Floats:
        return np.zeros((len(self.bounds) + 2, 0))

    def tally(self, batch: Batch) -> Floats:
        tally = np.zeros((batch.groups, len(self.bounds) + 2, len(batch.prediction.names)))
        if batch.amounts is not None:
            amounts = batch.amounts[self.row]
            usable = ~np.isnan(amounts) & (batch.prediction.codes >= 0)
            amounts, group, code = amounts[usable], batch.group[usable], batch.prediction.codes[usable]
            np.add.at(tally, (group, np.searchsorted(self.bounds, amounts, side="left"), code), 1.0)
            np.add.at(tally, (group, -1, code), amounts)
        return tally

    def amounts(self, tally: Floats, names: LabelNames) -> dict[str, tuple[list[float], float]]:
        """Return cumulative counts by bucket, and the sum, of each class that has any."""
        return {
            name: (np.cumsum(counts).tolist(), total)
            for name, (*counts, total) in zip(names[CLASS_LABEL], tally.T.tolist(), strict=False)
            if any(counts)
        }

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        family = HistogramFamily(
            self.scope.name(f"model_business_{self.amount}"),
            "A configured business figure, by predicted class.",
            (*self.scope.labels, CLASS_LABEL),
            self.bounds,
        )
        for series, tally in tallies.items():
            for name, (counts, total) in self.amounts(tally, names).items():
                family.add((*series, name), counts, total)
        yield family
