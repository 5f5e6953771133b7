"""The reference profile: what the model's inputs looked like when it was trained, as a small JSON file.

Sidecars load only this; `prediction-exporter profile` (exporter/offline/profiling) makes it. Types are declared here
and never guessed from a window.
"""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from exporter.batch import Floats
from exporter.reference.baseline import Baseline
from exporter.reference.calibration import Calibration
from exporter.reference.components import Components

VERSION = 1
MISSING_BIN = "missing"
OTHER_BIN = "other"
MAX_BINS = 100
MAX_PROJECTIONS = 64
# As which a larger one counts, or the sum of a few would be infinite.
LARGEST_ATTRIBUTION = 1e140


class Numeric(msgspec.Struct, frozen=True, tag="numeric", tag_field="kind", forbid_unknown_fields=True):
    """A numeric feature of the reference.

    Bin i holds the values x with edges[i-1] <= x < edges[i]; the first and the last bin are open, so there is
    one more bin than edges. `cuts` are fine quantiles with the counts between them in the same manner: what
    Kolmogorov-Smirnov and Wasserstein need. `tail_means` are the means of the values below the first cut and
    from the last cut on. Moments and extremes are of the finite values; `other` counts the infinite ones.
    """

    edges: list[float]
    counts: list[int]
    missing: int
    other: int
    mean: float
    stddev: float
    min: float
    max: float
    cuts: list[float]
    cut_counts: list[int]
    tail_means: tuple[float, float]

    @property
    def is_discrete(self) -> bool:
        """Whether each distinct value of the reference has a cut of its own; then the last cut is just above them."""
        return len(self.cuts) > 1 and self.cuts[-1] == math.nextafter(self.cuts[-2], math.inf)

    def problem(self) -> str | None:
        """Say what contradicts itself, if anything."""
        if len(self.counts) > MAX_BINS:
            return f"expected at most {MAX_BINS} bins, got {len(self.counts)}"
        for name, edges, counts in (("edges", self.edges, self.counts), ("cuts", self.cuts, self.cut_counts)):
            if len(counts) != len(edges) + 1:
                return f"expected one more count than `{name}`, got {len(counts)} for {len(edges)}"
            if any(b <= a for a, b in pairwise(edges)):
                return f"expected `{name}` in ascending order"
        return None


class Attribution(Numeric, frozen=True, tag="attribution", tag_field="kind", forbid_unknown_fields=True):
    """What the reference's predictions were attributed to a feature, such as its SHAP values.

    `missing` is of the records that have an attribution to any feature. So is `mean_abs`, the mean absolute
    attribution, which takes a missing one for 0.
    """

    mean_abs: float

    def problem(self) -> str | None:
        """Say what contradicts itself, if anything."""
        return super().problem() or (None if self.mean_abs >= 0 else "expected a `mean_abs` of 0 or more")


class Categorical(msgspec.Struct, frozen=True, tag="categorical", tag_field="kind", forbid_unknown_fields=True):
    """A categorical feature of the reference: the count of each category; `other` holds the rarer ones' counts."""

    categories: dict[str, int]
    missing: int
    other: int
    distinct: int

    def problem(self) -> str | None:
        """Say what contradicts itself, if anything."""
        return None if self.categories else "expected at least one category"


class Vector(msgspec.Struct, frozen=True, tag="vector", tag_field="kind", forbid_unknown_fields=True):
    """A feature that is a list of `dimension` numbers, such as an embedding.

    `edges` and `counts` are of the bins, as of a numeric feature, of the vectors' coordinates along as many
    `projections.directions`. `spread` is the root of the mean squared distance from `mean`; `other` counts the
    vectors that are not finite.
    """

    dimension: int
    mean: list[float]
    spread: float
    missing: int
    other: int
    edges: list[list[float]]
    counts: list[list[int]]

    @property
    def count(self) -> int:
        return sum(self.counts[0])

    def problem(self) -> str | None:
        """Say what contradicts itself, if anything."""
        if self.dimension < 1 or len(self.mean) != self.dimension or self.spread <= 0:
            return f"expected a `mean` of {self.dimension} numbers, and a `spread` above 0"
        if not 1 <= len(self.edges) == len(self.counts) <= MAX_PROJECTIONS:
            return f"expected `edges` and `counts` of the same 1 to {MAX_PROJECTIONS} projections"
        for edges, counts in zip(self.edges, self.counts, strict=True):
            if len(counts) != len(edges) + 1 or len(counts) > MAX_BINS:
                return f"expected one more count than edges, and at most {MAX_BINS}, got {len(counts)} for {len(edges)}"
            if any(b <= a for a, b in pairwise(edges)):
                return "expected `edges` in ascending order"
            if sum(counts) != self.count or not self.count:
                return "expected the same number of vectors in each of `counts`, and not none"
        return None


# What has bins.
Feature = Numeric | Categorical


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reference of one model. `rows` is how many records it was made from.

    `actual` is their truth, and `baseline` how good the predictions of it were.

    What is UNSET is not written, so that a profile from before it was known is the same as ever.
    """

    version: int
    rows: int
    features: dict[str, Feature | Vector]
    prediction: Feature | None = None
    probability: Numeric | None = None
    components: Components | UnsetType = UNSET
    actual: Feature | UnsetType = UNSET
    attributions: dict[str, Attribution] | UnsetType = UNSET
    baseline: Baseline | UnsetType = UNSET
    calibration: Calibration | UnsetType = UNSET
    created: str = ""
    made_by: str = ""

    @property
    def reference_id(self) -> str:
        """A hash of the content: the same for the same statistics, whenever and by whatever made."""
        content = msgspec.structs.replace(self, created="", made_by="")
        return hashlib.blake2b(msgspec.json.encode(content, order="sorted"), digest_size=6).hexdigest()

    @property
    def outputs(self) -> Profile:
        """The model's outputs, what is known of them, as if they were features: `prediction` and `probability`."""
        known = {"prediction": self.prediction, "probability": self.probability}
        return Profile(self.version, self.rows, {name: feature for name, feature in known.items() if feature})

    @property
    def attributed(self) -> Profile:
        """The attributions as if they were features."""
        return Profile(self.version, self.rows, dict(self.attributions or {}))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that were predicted, in the order of Batch.scores; none where predictions are values."""
        return tuple(self.prediction.categories) if isinstance(self.prediction, Categorical) else ()

    @property
    def truth(self) -> Profile:
        """The truth, if it is known, as if it were a feature called `label`."""
        return Profile(self.version, self.rows, {"label": self.actual} if self.actual else {})

    @property
    def ordered(self) -> dict[str, Feature]:
        """The features that have bins, in the order of every tally: numeric ones first, then categorical ones."""
        return {**self.numeric, **self.categorical}

    @property
    def numeric(self) -> dict[str, Numeric]:
        return {name: feature for name, feature in self.features.items() if isinstance(feature, Numeric)}

    @property
    def categorical(self) -> dict[str, Categorical]:
        return {name: feature for name, feature in self.features.items() if isinstance(feature, Categorical)}

    @property
    def vectors(self) -> dict[str, Vector]:
        return {name: feature for name, feature in self.features.items() if isinstance(feature, Vector)}


def bin_labels(feature: Feature) -> tuple[str, ...]:
    """Return the label of each bin; numeric ones begin with their number, so that they sort."""
    if isinstance(feature, Categorical):
        return tuple(name for name in feature.categories if name not in (MISSING_BIN, OTHER_BIN))
    spelt = [f"{edge:.6g}" for edge in feature.edges]
    if len(set(spelt)) < len(spelt):
        spelt = [repr(edge) for edge in feature.edges]
    bounds = ["-inf", *spelt, "+inf"]
    width = len(str(len(feature.edges)))
    return tuple(
        f"{index:0{width}}: {'[' if index else '('}{low}, {high})" for index, (low, high) in enumerate(pairwise(bounds))
    )


def reference_counts(feature: Feature) -> tuple[Floats, float, float]:
    """Return the reference's counts: of each bin of `bin_labels`, missing, and other.

    A category spelt "missing" or "other" shares the bin of that name.
    """
    if isinstance(feature, Numeric):
        return np.array(feature.counts, dtype=np.float64), float(feature.missing), float(feature.other)
    named = feature.categories
    counts = [named[label] for label in bin_labels(feature)]
    missing, other = named.get(MISSING_BIN, 0), named.get(OTHER_BIN, 0)
    return np.array(counts, dtype=np.float64), float(feature.missing + missing), float(feature.other + other)


def missing_share(feature: Feature | Vector) -> float:
    """Return which share of the reference's records has no value."""
    if isinstance(feature, Vector):
        values = feature.count
    else:
        values = sum(feature.counts if isinstance(feature, Numeric) else feature.categories.values())
    total = values + feature.missing + feature.other
    return feature.missing / total if total else 1.0


def commonest_share(feature: Feature) -> float:
    """Return at most which share of the reference's values are the same; 1 where there are none.

    Exact for a categorical feature, and for a numeric one of few distinct values; of more, it is that of a fine bin.
    """
    counts = feature.cut_counts if isinstance(feature, Numeric) else [*feature.categories.values(), feature.other]
    total = sum(counts)
    return max(counts) / total if total else 1.0
