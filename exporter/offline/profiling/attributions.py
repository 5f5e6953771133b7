"""The attributions of the reference data, such as SHAP values.

Values that are not numbers are missing, as in the sidecar. A record without any attribution does not count.
"""

from collections.abc import Mapping

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from exporter.offline.profiling.blocks import Block
from exporter.offline.profiling.column import Column
from exporter.offline.profiling.numeric import finite, running_sums
from exporter.offline.profiling.options import Options
from exporter.offline.profiling.survey import ColumnSketch
from exporter.reference.profile import LARGEST_ATTRIBUTION, Attribution


class AttributionTally:
    """The second pass over all attributions: exact counts, and the mean of their absolute values."""

    def __init__(self, sketches: Mapping[str, ColumnSketch], options: Options) -> None:
        self._tallies = {name: sketch.numeric(options) for name, sketch in sketches.items() if sketch.numbers.finite}
        self._sizes = {name: np.zeros(1) for name in self._tallies}
        self._explained = 0

    def add(self, block: Block) -> None:
        """Count the next records."""
        is_explained = np.zeros(block.rows, np.bool_)
        for name, tally in self._tallies.items():
            if (column := block.attributions.get(name)) is not None:
                is_explained[column.rows] = True
                tally.add(Column(column.numbers, column.rows))
                sizes = np.minimum(np.abs(finite(column.numbers)), LARGEST_ATTRIBUTION)
                self._sizes[name] = running_sums(self._sizes[name], sizes[None])
        self._explained += int(np.count_nonzero(is_explained))

    def attributions(self) -> dict[str, Attribution] | UnsetType:
        """Return the attributions to each feature; UNSET if there are none."""
        attributions = {
            name: Attribution(
                **msgspec.structs.asdict(tally.feature(self._explained)),
                mean_abs=float(self._sizes[name][0]) / self._explained,
            )
            for name, tally in self._tallies.items()
        }
        return attributions or UNSET
