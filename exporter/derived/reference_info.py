"""Reference info: which profile a sidecar compares with; a fleet that has several of a version compares nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.tallies.tally import TalliesBySeries

# The rules in alerts/ know it by this.
REFERENCE_INFO = "model_reference_info"


@dataclass(frozen=True)
class ReferenceInfo:
    """`model_reference_info`, 1 for each series."""

    reference_id: str

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        family = GaugeFamily(REFERENCE_INFO, "The reference profile in use.", (*BASE_LABELS, "reference_id"))
        for series in next(iter(windows.values()), {}):
            family.add((*series, self.reference_id), 1)
        yield family
