"""Record quality: how many predictions fail a check of the whole record."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from exporter.batch import Batch, Floats, Reads
from exporter.families import CounterFamily, Families
from exporter.stats import BASE_LABELS, LabelNames, Statistic
from exporter.tallies.tally import COUNTS, S, Tally

CHECKS = ("missing_feature", "duplicate_request_id")


@dataclass(frozen=True)
class RecordQuality(Statistic):
    """The number of records, followed by how many of them fail each of CHECKS.

    A record fails `missing_feature` if any feature of the profile is absent or null. Only `checks` are exported.
    """

    reference_id: str | None
    checks: tuple[str, ...] = field(repr=False)
    name = "record_quality"
    reads: Reads = "predictions"
    shape = (1 + len(CHECKS),)

    def tally(self, batch: Batch) -> Tally:
        counts = np.zeros((batch.groups, *self.shape), COUNTS)
        counts[:, 0] = batch.sizes()
        absent = batch.absent()
        if np.count_nonzero(absent):
            counts[:, 1:2] = batch.count(np.logical_or.reduce(absent)[None])
        if batch.repeated is not None:
            counts[:, 2:3] = batch.count(batch.repeated[None])
        return counts

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        family = CounterFamily(
            "model_record_quality_total", "Records that failed a check of the whole record.", (*BASE_LABELS, "check")
        )
        for series, tally in tallies.items():
            for check, count in self.failures(tally).items():
                family.add((*series, check), count)
        yield family

    def failures(self, tally: Floats) -> dict[str, float]:
        """Return the failures by exported check."""
        return {check: count for check, count in zip(CHECKS, tally[1:].tolist(), strict=True) if check in self.checks}
