"""Principal components of the numeric features, and the distance of a record from them.

The components describe how the reference's features vary together. If that relation changes, records lie further from
the components, even if the distribution of each single feature stays the same.
Reference: Jackson and Mudholkar (1979), Control procedures for residuals associated with principal component analysis.
"""

import math
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from exporter.batch import Floats
from exporter.reference.counts import Count

# In standard deviations. Larger values count as this, so that one value of 1e300 does not outweigh the rest.
CLIP = 10.0
# Of the length of a component, whose numbers have a few decimals.
ROUNDING = 1e-3


class Components(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The components of the reference: a row of `loadings` per component, of unit length, with a number per feature.

    `explained` is their share of the variance. `error_mean` and `error_stddev` describe the reconstruction errors of
    `rows` records of the reference that the components were not fitted on.
    """

    features: list[str]
    loadings: list[list[float]]
    explained: Annotated[float, Meta(ge=0, le=1)]
    rows: Count
    error_mean: Annotated[float, Meta(ge=0)]
    error_stddev: float

    def problem(self) -> str | None:
        """Return the first inconsistency, if there is any."""
        if not self.loadings or any(len(row) != len(self.features) for row in self.loadings):
            return f"expected `loadings` in rows of {len(self.features)} numbers, one per feature"
        if len(set(self.features)) < len(self.features):
            return "expected `features` without duplicates"
        if any(abs(math.hypot(*row) - 1) > ROUNDING for row in self.loadings):
            return "expected rows of `loadings` of unit length"
        if self.rows < 1 or self.error_stddev <= 0:
            return "expected `rows` and `error_stddev` above 0"
        return None


def standardised(numbers: Floats, mean: Floats, stddev: Floats) -> Floats:
    """Return numbers, shape (features, n), in standard deviations from their mean, clipped to -CLIP..CLIP.

    `mean` and `stddev` have shape (features, 1). Missing and infinite values count as the mean, 0.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (numbers - mean) / stddev
    scaled[~np.isfinite(numbers)] = 0.0
    np.minimum(scaled, CLIP, out=scaled)
    return np.maximum(scaled, -CLIP, out=scaled)


def reconstruction_error(values: Floats, loadings: Floats) -> Floats:
    """Return the distance of each record from its projection onto the components, shape (n,).

    `values` are standardised, shape (features, n); `loadings` has shape (components, features). The distance is at most
    CLIP * sqrt(features).
    """
    rest = values - loadings.T @ (loadings @ values)
    squares: Floats = np.multiply(rest, rest, out=rest).sum(axis=0)
    return np.sqrt(squares)
