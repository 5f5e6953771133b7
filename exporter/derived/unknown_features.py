"""Unknown features: features of records that the reference does not have."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.batch import Series
from exporter.derived.view import View
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS


class UnknownFeatures:
    """`model_unknown_features`: how many of them there were in a sample of the last day's records."""

    def count(self, view: View, series: Series) -> int:
        """Return the number of unknown features of a series."""
        return len(view.snapshot.unknown.get(series, ()))

    def collect(self, view: View) -> Iterator[Family]:
        family = GaugeFamily(
            "model_unknown_features",
            "Features that the reference does not know and a sample of records held in the last day.",
            BASE_LABELS,
        )
        for series in view.snapshot.unknown:
            family.add(series, self.count(view, series))
        yield family
