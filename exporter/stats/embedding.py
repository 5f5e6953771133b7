"""Embeddings: counts by bin of the vectors' random projections, and sums of their coordinates."""

import numpy as np

from exporter.batch import Batch, Floats, Ints
from exporter.reference.profile import Profile
from exporter.reference.projections import directions
from exporter.stats import Statistic, count_cells, padded

# In spreads of the reference. A coordinate further from the mean counts as this far, so that none outweighs the rest.
CLIP = 16.0


class Embedding(Statistic):
    """Counts by projection and bin, followed by the sum of each coordinate.

    Coordinates are measured from CLIP spreads below the reference's mean, so that sums only grow. Missing and unusable
    vectors are not counted.
    """

    def __init__(self, profile: Profile, feature: str) -> None:
        self.name = f"embedding of {feature}"
        self.identity = f"{profile.reference_id}, {feature!r}"
        self.feature = feature
        self._index = list(profile.vectors).index(feature)
        vector = profile.vectors[feature]
        self._spread = vector.spread
        self._least = np.array(vector.mean) - CLIP * vector.spread
        self._directions = directions(vector.dimension, len(vector.edges)).T
        self.reference = padded(vector.counts, 0.0)
        self.shape = (self.reference.size + vector.dimension,)
        # Edges by position, shape (positions, 1, projections); +inf after a projection's last edge. `tally` projects
        # vectors shifted by the least coordinates, and clipped so that nothing overflows.
        edges = np.ascontiguousarray(padded(vector.edges, np.inf).T)[:, None]
        self._edges = edges - self._least @ self._directions

    def tally(self, batch: Batch) -> Floats:
        vectors = batch.vectors[self._index]
        usable = ~np.isnan(vectors[:, 0])
        group = batch.group
        if not usable.all():
            vectors, group = vectors[usable], group[usable]
        with np.errstate(over="ignore"):
            above = vectors - self._least
        np.clip(above, 0.0, 2 * CLIP * self._spread, out=above)
        tally = np.zeros((batch.groups, *self.shape))
        size = self.reference.size
        tally[:, :size] = count_cells(self._cells(above), group[:, None], batch.groups, (size,))
        sums = tally[:, size:]
        if batch.groups == 1:
            above.sum(axis=0, out=sums[0])
        else:
            np.add.at(sums, group, above)
        return tally

    def _cells(self, above: Floats) -> Ints:
        """Return the cell of each vector in each projection; shape (n, projections)."""
        projections, width = self.reference.shape
        passed = np.count_nonzero(above @ self._directions >= self._edges, axis=0)
        cells: Ints = passed + np.arange(projections) * width
        return cells

    def counts(self, tally: Floats) -> Floats:
        """Return the counts of a tally, shape (projections, bins)."""
        return tally[: self.reference.size].reshape(self.reference.shape)

    def mean_shift(self, tally: Floats) -> float:
        """Return the distance of the vectors' mean from the reference's, in spreads; the tally must not be empty."""
        mean = tally[self.reference.size :] / self.counts(tally)[0].sum()
        return float(np.linalg.norm(mean / self._spread - CLIP))
