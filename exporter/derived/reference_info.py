"""Reference info: which profile a sidecar compares with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.derived.view import View
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS

# The name that alerts/ and dashboards/ use.
REFERENCE_INFO = "model_reference_info"


@dataclass(frozen=True)
class ReferenceInfo:
    """`model_reference_info`, which is 1 for each series."""

    reference_id: str

    def collect(self, view: View) -> Iterator[Family]:
        family = GaugeFamily(REFERENCE_INFO, "The reference profile in use.", (*BASE_LABELS, "reference_id"))
        for series in view.series:
            family.add((*series, self.reference_id), 1)
        yield family
