"""Business figures: a histogram of an amount that records or truths carry, such as revenue, by predicted class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from exporter.batch import Batch, Floats, Reads
from exporter.families import Family, HistogramFamily
from exporter.stats import SERIES, Names, Scope
from exporter.tallies.tally import S
from exporter.tallies.vocabulary import CLASS_LABEL


@dataclass(frozen=True)
class Business:
    """The tally is by bucket (bounds ascending, then +Inf) and class, shape (buckets + 1, classes); sums come last.

    `row` is the amount's among those of a batch. Without bounds there is only how many there are, and their sum.
    """

    amount: str
    row: int
    bounds: tuple[float, ...]
    reads: Reads
    scope: Scope = field(default=SERIES, repr=False)

    @property
    def name(self) -> str:
        return f"business_{self.amount}"

    def zero(self) -> Floats:
        return np.zeros((len(self.bounds) + 2, 0))

    def tally(self, batch: Batch) -> Floats:
        buckets, classes = len(self.bounds) + 1, len(batch.prediction.names)
        if batch.amounts is None:
            return np.zeros((batch.groups, buckets + 1, classes))
        amounts = batch.amounts[self.row]
        seen = ~np.isnan(amounts) & (batch.prediction.codes >= 0)
        amounts, group, code = amounts[seen], batch.group[seen], batch.prediction.codes[seen]
        tally = np.zeros((batch.groups, buckets + 1, classes))
        np.add.at(tally, (group, np.searchsorted(self.bounds, amounts, side="left"), code), 1.0)
        np.add.at(tally, (group, buckets, code), amounts)
        return tally

    def collect(self, tallies: Mapping[S, Floats], names: Names) -> Iterator[Family]:
        family = HistogramFamily(
            self.scope.name(f"model_business_{self.amount}"),
            "A business figure as the configuration has it, by predicted class.",
            (*self.scope.labels, CLASS_LABEL),
            self.bounds,
        )
        for labels, tally in tallies.items():
            for name, (*counts, total) in zip(names[CLASS_LABEL], tally.T.tolist(), strict=False):
                if any(counts):
                    family.add((*labels, name), np.cumsum(counts).tolist(), total)
        yield family
