"""Histogram: how many values of a column lie at or below each bound, and their sum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from exporter.batch import Batch, Floats, Reads
from exporter.families import Families, HistogramFamily
from exporter.stats import SERIES, LabelNames, Scope, Statistic, count_cells
from exporter.tallies.tally import S

# Upper bounds, ascending, and cumulative counts.
CumulativeBuckets = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Histogram(Statistic):
    """A Prometheus histogram of one column of the batch; NaN values are not observed.

    The tally contains the count of each bucket (ascending bounds, then +Inf), followed by the sum.
    """

    name: str
    help: str = field(repr=False)
    column: Literal["latency_seconds", "probability", "delay_seconds"]
    bounds: tuple[float, ...]
    reads: Reads = "predictions"
    scope: Scope = field(default=SERIES, repr=False)

    def zero(self) -> Floats:
        return np.zeros(len(self.bounds) + 2)

    def tally(self, batch: Batch) -> Floats:
        values: Floats = getattr(batch, self.column)
        observed = ~np.isnan(values)
        # A score may be below 0 by a rounding error, and a sum must not decrease.
        values, group = np.maximum(values[observed], 0.0), batch.group[observed]
        cells = np.searchsorted(self.bounds, values, side="left")
        counts = count_cells(cells, group, batch.groups, (len(self.bounds) + 1,))
        return np.column_stack((counts, np.bincount(group, values, batch.groups))).astype(np.float64)

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        family = HistogramFamily(self.scope.name(self.name), self.help, self.scope.labels, self.bounds)
        for series, tally in tallies.items():
            family.add(series, np.cumsum(tally[:-1]).tolist(), tally[-1])
        yield family

    def count(self, tally: Floats) -> float:
        """Return the number of values observed."""
        return float(tally[:-1].sum())

    def buckets(self, tally: Floats) -> CumulativeBuckets:
        """Return the upper bound and the cumulative count of each bucket."""
        return list(zip((*self.bounds, np.inf), np.cumsum(tally[:-1]).tolist(), strict=True))
