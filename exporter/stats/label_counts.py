"""Label counts: how many records have each value of a label."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from exporter.batch import Batch, Floats, Reads
from exporter.encoded import Encoded
from exporter.families import CounterFamily, Families
from exporter.stats import SERIES, LabelNames, Scope, Statistic, count_cells
from exporter.tallies.tally import S, Tally


@dataclass(frozen=True)
class LabelCounts(Statistic):
    """A counter of one label column of the batch.

    The tally contains the count of each value admitted so far. The values in `known` are exported from the start at 0,
    so that Prometheus sees their first increase.
    """

    name: str
    help: str = field(repr=False)
    column: Literal["prediction", "error"]
    label: str
    reads: Reads
    known: frozenset[str] = field(default=frozenset(), repr=False)
    scope: Scope = field(default=SERIES, repr=False)
    shape = (0,)

    def tally(self, batch: Batch) -> Tally:
        column: Encoded[str] = getattr(batch, self.column)
        return count_cells(column.codes, batch.group, batch.groups, (len(column.names),))

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        family = CounterFamily(self.scope.name(self.name), self.help, (*self.scope.labels, self.label))
        for series, tally in tallies.items():
            for name, count in self.counts(tally, names).items():
                family.add((*series, name), count)
        yield family

    def counts(self, tally: Floats, names: LabelNames) -> dict[str, float]:
        """Return the count of each value that is known or has occurred."""
        admitted = names.get(self.label, ())
        counts = dict.fromkeys(admitted, 0.0) | dict(zip(admitted, tally.tolist(), strict=False))
        return {name: count for name, count in counts.items() if count or name in self.known}
