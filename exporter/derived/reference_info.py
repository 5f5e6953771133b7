"""Reference info: which profile a sidecar compares with, and how many features of records it does not have."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.batch import Series
from exporter.derived.view import View
from exporter.families import Families, GaugeFamily
from exporter.stats import BASE_LABELS

# The name that alerts/ and dashboards/ use.
REFERENCE_INFO = "model_reference_info"


@dataclass(frozen=True)
class ReferenceInfo:
    """`model_reference_info`, which is 1 for each series."""

    reference_id: str

    def collect(self, view: View) -> Families:
        family = GaugeFamily(REFERENCE_INFO, "The reference profile in use.", (*BASE_LABELS, "reference_id"))
        for series in view.series:
            family.add((*series, self.reference_id), 1)
        yield family


class UnknownFeatureCount:
    """`model_unknown_features`: how many of them there were in a sample of the last day's records."""

    def count(self, view: View, series: Series) -> int:
        """Return the number of unknown features of a series."""
        return len(view.snapshot.unknown.get(series, ()))

    def collect(self, view: View) -> Families:
        family = GaugeFamily(
            "model_unknown_features",
            "Features that the reference does not know and a sample of records held in the last day.",
            BASE_LABELS,
        )
        for series in view.snapshot.unknown:
            family.add(series, self.count(view, series))
        yield family
