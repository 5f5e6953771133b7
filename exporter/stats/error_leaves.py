"""Error leaves: how many predictions of a value fall in each leaf of the reference's tree of errors."""

import numpy as np

from exporter.batch import Batch
from exporter.reference.errors import ErrorTree
from exporter.reference.profile import Profile
from exporter.stats import Statistic, count_cells
from exporter.tallies.tally import Tally


class ErrorLeaves(Statistic):
    """Counts by leaf, shape (leaves,); a prediction that is no finite number is not counted."""

    name = "error_leaves"

    def __init__(self, profile: Profile, tree: ErrorTree) -> None:
        self.tree = tree
        self.identity = profile.reference_id
        self.shape = (len(tree.leaves),)
        places = {name: row for row, name in enumerate(profile.numeric)}
        self._features = sorted(tree.features, key=places.__getitem__)
        self._places = [places[name] for name in self._features]
        self._rows: dict[str | None, int] = {None: 0} | {name: row for row, name in enumerate(self._features, 1)}

    def tally(self, batch: Batch) -> Tally:
        usable = np.isfinite(batch.value)
        values = np.vstack((batch.value[None], batch.numbers[self._places]))[:, usable]
        return count_cells(self.tree.leaf_of(values, self._rows), batch.group[usable], batch.groups, self.shape)
