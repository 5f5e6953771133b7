"""Principal components of the numeric features, and how far a record lies from what they make of it.

Features move together; the components of the reference say how. Where their relations change, records come to lie
further from the components, even though each feature alone may be distributed as ever.
Reference: Jackson and Mudholkar (1979), Control procedures for residuals associated with principal component analysis.
"""

from __future__ import annotations

import msgspec
import numpy as np

from exporter.batch import Floats

# Standard deviations that a value counts at most, so that one of 1e300 does not outweigh all others.
CLIP = 10.0


class Components(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The components of the reference: `loadings` has a row of unit length each, with a number a feature.

    `explained` is their share of the variance. `error_mean` and `error_stddev` are of the reconstruction errors of
    `rows` records of the reference, none of which the components were fitted on.
    """

    features: list[str]
    loadings: list[list[float]]
    explained: float
    rows: int
    error_mean: float
    error_stddev: float

    def problem(self) -> str | None:
        """Say what contradicts itself, if anything."""
        if not self.loadings or any(len(row) != len(self.features) for row in self.loadings):
            return f"expected `loadings` in rows of {len(self.features)} numbers, one a feature"
        if self.rows < 1 or self.error_stddev <= 0:
            return "expected `rows` and `error_stddev` above 0"
        return None


def standardised(numbers: Floats, mean: Floats, stddev: Floats) -> Floats:
    """Return numbers of shape (features, n) in standard deviations from their mean, within CLIP.

    `mean` and `stddev` have shape (features, 1). What is missing or infinite counts as the mean, 0.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (numbers - mean) / stddev
    scaled[~np.isfinite(numbers)] = 0.0
    np.minimum(scaled, CLIP, out=scaled)
    return np.maximum(scaled, -CLIP, out=scaled)


def reconstruction_error(values: Floats, loadings: Floats) -> Floats:
    """Return the distance of each record from its projection on the components, shape (n,).

    `values` are standardised, shape (features, n), and `loadings` have shape (components, features). The distance
    is at most CLIP * sqrt(features).
    """
    rest = values - loadings.T @ (loadings @ values)
    squares: Floats = np.multiply(rest, rest, out=rest).sum(axis=0)
    return np.sqrt(squares)
