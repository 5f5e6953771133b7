"""Record quality: how many predictions fail a check as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from exporter.batch import Batch, Floats, Series
from exporter.families import CounterFamily, Family
from exporter.stats import BASE_LABELS, Names
from exporter.tallies.tally import COUNTS, Tally

CHECKS = ("missing_feature", "duplicate_request_id")


@dataclass(frozen=True)
class RecordQuality:
    """The tally is how many records there are, and then how many fail each of CHECKS.

    A record misses a feature where any that the profile knows is absent or null. Of CHECKS, those are exported that
    `checks` names.
    """

    reference_id: str | None
    checks: tuple[str, ...] = field(repr=False)
    name = "record_quality"
    reads: Literal["predictions"] = "predictions"

    def zero(self) -> Floats:
        return np.zeros(1 + len(CHECKS))

    def tally(self, batch: Batch) -> Tally:
        counts = np.zeros((batch.groups, 1 + len(CHECKS)), COUNTS)
        counts[:, 0] = batch.sizes()
        absent = batch.absent()
        if np.count_nonzero(absent):
            counts[:, 1:2] = batch.count(np.logical_or.reduce(absent)[None])
        if batch.repeated is not None:
            counts[:, 2:3] = batch.count(batch.repeated[None])
        return counts

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        family = CounterFamily(
            "model_record_quality_total", "Predictions that failed a check as a whole.", (*BASE_LABELS, "check")
        )
        for series, tally in tallies.items():
            for check, count in zip(CHECKS, tally[1:].tolist(), strict=True):
                if check in self.checks:
                    family.add((*series, check), count)
        yield family
