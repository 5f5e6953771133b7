"""Coverage: the share of the predictions of a window that have their ground truth by now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.tallies.tally import TalliesBySeries


@dataclass(frozen=True)
class Coverage:
    """`model_ground_truth_coverage`; `predictions` and `labelled` name the statistics that count them."""

    predictions: str
    labelled: str

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        family = GaugeFamily(
            "model_ground_truth_coverage",
            "Share of the predictions made in a window that have their ground truth.",
            (*BASE_LABELS, "window"),
        )
        for label, tallies in windows.items():
            for series, row in tallies.items():
                if made := row[self.predictions].sum():
                    family.add((*series, label), row[self.labelled].sum() / made)
        yield family
