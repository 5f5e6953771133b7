"""The attributions of the reference: what its predictions were attributed to, such as SHAP values.

Those that are no numbers are missing, as they are to the sidecar. A record that has none at all was not explained, and
does not count.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from exporter.profiling.column import Column
from exporter.profiling.inference import ColumnSketch
from exporter.profiling.moments import Moments
from exporter.profiling.numeric import NumericTally, finite
from exporter.profiling.options import Options
from exporter.profiling.records import Block
from exporter.profiling.report import Report
from exporter.reference.profile import LARGEST_ATTRIBUTION, Attribution


class AttributionTally:
    """The second look at all attributions: exact counts, and the mean of their absolute values."""

    def __init__(self, sketches: Mapping[str, ColumnSketch], options: Options) -> None:
        numbers = {name: sketch.numbers for name, sketch in sketches.items() if sketch.numbers.finite}
        self._tallies = {
            name: NumericTally(sketch, sketch.edges(options.bins, options.binning), sketch.cuts())
            for name, sketch in numbers.items()
        }
        self._sizes = {name: Moments() for name in numbers}
        self._explained = 0

    def add(self, block: Block) -> None:
        """Count the next records."""
        is_explained = np.zeros(block.rows, np.bool_)
        for name, tally in self._tallies.items():
            if (column := block.attributions.get(name)) is not None:
                is_explained[column.rows] = True
                tally.add(Column(column.numbers, column.rows))
                self._sizes[name].add(np.minimum(np.abs(finite(column.numbers)), LARGEST_ATTRIBUTION))
        self._explained += int(np.count_nonzero(is_explained))

    def attributions(self) -> dict[str, Attribution] | UnsetType:
        """Return the attributions to each feature; UNSET where there are none."""
        made = {
            name: Attribution(
                **msgspec.structs.asdict(tally.feature(self._explained)),
                mean_abs=self._sizes[name].mean * self._sizes[name].count / self._explained,
            )
            for name, tally in self._tallies.items()
        }
        return made or UNSET


def tell(sketches: Mapping[str, ColumnSketch], report: Report) -> None:
    """Report the attributions that are left out, or are not all numbers."""
    for name, sketch in sketches.items():
        if not sketch.numbers.finite:
            report.left_out[f"attributions.{name}"] = "has no finite number"
        elif count := sketch.other_than_numbers:
            report.notes.append(f"attributions.{name}: {count:,} values are no numbers, and missing: {sketch.others()}")
