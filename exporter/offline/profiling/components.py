"""The principal components of the numeric features, from a sample of whole rows."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import UNSET, UnsetType

from exporter.batch import Floats
from exporter.offline.profiling.blocks import Block
from exporter.offline.profiling.column import Column
from exporter.offline.profiling.sample import Sample
from exporter.reference.components import Components, reconstruction_error, standardised
from exporter.reference.profile import Numeric

EXPLAINED = 0.65
# The number of multiplications per feature and record in the sidecar.
COMPONENTS = 32
# The mean error of half of these rows is known within 1.1 % of its standard deviation.
SAMPLED_ROWS = 16_384
# 32 MiB; with more than 256 features, these are fewer rows.
SAMPLED_NUMBERS = 1 << 22
MIN_ROWS = 100
ROWS_PER_FEATURE = 10
DECIMALS = 6
# If features are functions of each other, only rounding errors remain, which may differ in a log.
MIN_ERROR_STDDEV = 1e-3


class RowSample:
    """The second pass over the numeric features together."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._sample = Sample(min(SAMPLED_ROWS, SAMPLED_NUMBERS // max(len(names), 1)))

    def add(self, block: Block) -> None:
        """Take the next rows."""
        if self.names:
            columns = [block.features.get(name, Column()).by_row(block.rows) for name in self.names]
            self._sample.add(np.column_stack(columns))

    def components(self, features: Mapping[str, Numeric]) -> Components | UnsetType:
        """Return the components of the features that vary; UNSET if there are fewer than two, or too few rows."""
        names = [name for name in self.names if features[name].stddev > 0]
        if len(names) < 2:  # noqa: PLR2004  # one feature correlates with nothing
            return UNSET
        numbers = self._sample.values()[:, [self.names.index(name) for name in names]].T
        mean = np.array([[features[name].mean] for name in names])
        stddev = np.array([[features[name].stddev] for name in names])
        return fit(names, standardised(numbers, mean, stddev))


def fit(names: list[str], values: Floats) -> Components | UnsetType:
    """Fit components to the first half of standardised rows, shape (features, n), and measure errors on the second.

    Rows that a component was fitted on are closer to it than later records, and that difference would look like drift.
    """
    features, n = values.shape
    fitted, held = values[:, : n // 2], values[:, n // 2 :]
    if n < max(MIN_ROWS, ROWS_PER_FEATURE * features) or not fitted.any():
        return UNSET
    variances, vectors = (array[..., ::-1] for array in np.linalg.eigh(fitted @ fitted.T / fitted.shape[1]))
    shares = np.cumsum(variances) / variances.sum()
    count = min(int(np.searchsorted(shares, EXPLAINED)) + 1, features - 1, COMPONENTS)
    loadings = _signed(vectors[:, :count].T).round(DECIMALS)
    errors = reconstruction_error(held, loadings)
    return Components(
        features=names,
        loadings=loadings.tolist(),
        explained=round(float(shares[count - 1]), DECIMALS),
        rows=held.shape[1],
        error_mean=round(float(errors.mean()), DECIMALS),
        error_stddev=max(round(float(errors.std()), DECIMALS), MIN_ERROR_STDDEV),
    )


def _signed(loadings: Floats) -> Floats:
    """Return components whose greatest loading is positive: their direction is arbitrary."""
    greatest = np.abs(loadings).argmax(axis=1)[:, None]
    signed: Floats = loadings * np.sign(np.take_along_axis(loadings, greatest, axis=1))
    return signed
