"""The errors of a regression model on the reference data: how large they were, and by which inputs they differ."""

from __future__ import annotations

import math
from collections import Counter
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from exporter.batch import Floats, Ints

MOST_LEAVES = 64
NotNegative = Annotated[float, Meta(ge=0)]


class ErrorEstimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mean error, in units of the predictions, and its standard error."""

    value: NotNegative
    stderr: NotNegative


class ErrorSums(NamedTuple):
    """The number of residuals, and sums of their first, second and fourth absolute powers."""

    number: float
    absolute: float
    squares: float
    fourth: float

    @classmethod
    def of(cls, residuals: Floats) -> ErrorSums:
        """Return the sums of residuals."""
        squares = np.square(residuals)
        return cls(
            len(residuals), float(np.abs(residuals).sum()), float(squares.sum()), float(np.square(squares).sum())
        )

    def plus(self, other: ErrorSums) -> ErrorSums:
        """Return the sums of both."""
        return ErrorSums(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def figures(self) -> dict[str, ErrorEstimate]:
        """MAE and RMSE, with their standard errors; that of the RMSE by the delta method. Empty without residuals."""
        n = self.number
        if not n:
            return {}
        mae, mse = self.absolute / n, self.squares / n
        of_mae = math.sqrt(max(mse - mae**2, 0.0) / n)
        of_mse = math.sqrt(max(self.fourth / n - mse**2, 0.0) / n)
        rmse = math.sqrt(mse)
        return {
            "mae": ErrorEstimate(mae, of_mae),
            "rmse": ErrorEstimate(rmse, of_mse / (2 * rmse) if rmse else 0.0),
        }


class ErrorBaseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mean absolute and root mean squared error over `samples` outcomes."""

    samples: Annotated[int, Meta(ge=1, le=2**53)]
    mae: ErrorEstimate
    rmse: ErrorEstimate

    @property
    def figures(self) -> dict[str, ErrorEstimate]:
        return {"mae": self.mae, "rmse": self.rmse}

    @property
    def summary(self) -> str:
        """The figures, for people."""
        return f"MAE {self.mae.value:.4g}, RMSE {self.rmse.value:.4g}"


class ErrorSplit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Splits records by a numeric feature, or by the prediction if that is null.

    Records whose value is less than the threshold, or missing, go to the node `below`, the others to `above`. A node is
    the number of a later split, or -1 - the number of a leaf.
    """

    feature: str | None
    threshold: float
    below: int
    above: int


class ErrorLeaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Records with similar errors: their number in the reference, and mean and deviation of their absolute errors."""

    rows: Annotated[int, Meta(ge=1, le=2**53)]
    mean: NotNegative
    stddev: NotNegative


class ErrorTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tree of the absolute error; its leaves were measured on records that it was not fitted to."""

    splits: list[ErrorSplit]
    leaves: list[ErrorLeaf]

    @property
    def features(self) -> set[str]:
        """The features that records are split by."""
        return {split.feature for split in self.splits if split.feature is not None}

    def problem(self) -> str | None:
        """Return the first inconsistency, if there is any."""
        if not 1 <= len(self.leaves) == len(self.splits) + 1 <= MOST_LEAVES:
            return f"expected 1 to {MOST_LEAVES} leaves, and one split fewer"
        nodes = Counter(node for split in self.splits for node in (split.below, split.above))
        expected = {*range(1, len(self.splits)), *(~leaf for leaf in range(len(self.leaves)))} if self.splits else set()
        follow = all(
            node < 0 or node > at for at, split in enumerate(self.splits) for node in (split.below, split.above)
        )
        if nodes.keys() != expected or set(nodes.values()) > {1} or not follow:
            return "expected each split but the first, and each leaf, exactly once, after the split that leads to it"
        return None

    def leaf_of(self, values: Floats, rows: dict[str | None, int]) -> Ints:
        """Return the leaf of each column of `values`; `rows` are those of features and, by None, of the prediction."""
        node = np.zeros(values.shape[1], np.int64) if self.splits else np.full(values.shape[1], -1)
        for number, split in enumerate(self.splits):
            here = node == number
            is_above = values[rows[split.feature]] >= split.threshold
            node[here & is_above] = split.above
            node[here & ~is_above] = split.below
        leaves: Ints = -1 - node
        return leaves
