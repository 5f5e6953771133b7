"""The reference profile: distributions of the model's inputs and outputs at training time, in a small JSON file.

`prediction-exporter profile` makes it, and sidecars read it. Feature types are declared here and never guessed from the
log.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection
from functools import cached_property
from itertools import pairwise
from typing import Annotated

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from exporter.batch import Floats
from exporter.reference.calibration import Calibration
from exporter.reference.components import Components
from exporter.reference.counts import Count, are_ascending
from exporter.reference.errors import ErrorBaseline, ErrorTree
from exporter.reference.performance import Baseline

VERSION = 1
MISSING_BIN = "missing"
OTHER_BIN = "other"
MAX_BINS = 100
MAX_PROJECTIONS = 64
# The directions of so many projections take 32 MiB, and more while they are computed.
MAX_DIMENSION = 1 << 16
# Larger attributions count as this, because a few of them would sum to infinity.
LARGEST_ATTRIBUTION = 1e140


class Numeric(msgspec.Struct, frozen=True, tag="numeric", tag_field="kind", forbid_unknown_fields=True):
    """A numeric feature of the reference.

    Bin i contains the values x with edges[i-1] <= x < edges[i]; the first and the last bin are open, so there is one
    more bin than edges. `cuts` are fine quantiles, with counts between them in the same way, for the Kolmogorov-Smirnov
    statistic and the Wasserstein distance. `tail_means` are the means of the values below the first cut and from the
    last cut on. Moments and extremes are those of the finite values; `other` counts the infinite ones.
    """

    edges: list[float]
    counts: list[Count]
    missing: Count
    other: Count
    mean: float
    stddev: float
    min: float
    max: float
    cuts: list[float]
    cut_counts: list[Count]
    tail_means: tuple[float, float]

    @property
    def is_discrete(self) -> bool:
        """Whether each distinct value has a cut of its own; the last cut is then the next float above the largest."""
        return len(self.cuts) > 1 and self.cuts[-1] == math.nextafter(self.cuts[-2], math.inf)

    def problem(self) -> str | None:
        """Return the first inconsistency, if there is any."""
        if len(self.counts) > MAX_BINS:
            return f"expected at most {MAX_BINS} bins, got {len(self.counts)}"
        for name, edges, counts in (("edges", self.edges, self.counts), ("cuts", self.cuts, self.cut_counts)):
            if len(counts) != len(edges) + 1:
                return f"expected one more count than `{name}`, got {len(counts)} for {len(edges)}"
            if not are_ascending(edges):
                return f"expected `{name}` in ascending order"
        if not self.cuts:
            return "expected at least one of `cuts`"
        total, of_cuts = sum(self.counts), sum(self.cut_counts)
        if not 0 < total == of_cuts:
            return f"expected the same sum above 0 of `counts` and of `cut_counts`, got {total} and {of_cuts}"
        is_possible = self.min <= self.max and self.stddev >= 0
        return None if is_possible else "expected a `max` of `min` or more, and a `stddev` of 0 or more"


class Attribution(Numeric, frozen=True, tag="attribution", tag_field="kind", forbid_unknown_fields=True):
    """Attributions of the reference's predictions to a feature, such as SHAP values.

    `missing` and `mean_abs`, the mean absolute attribution, are over the records with any attribution; a missing one
    counts as 0 in the mean.
    """

    mean_abs: float

    def problem(self) -> str | None:
        """Return the first inconsistency, if there is any."""
        return super().problem() or (None if self.mean_abs >= 0 else "expected a `mean_abs` of 0 or more")


class Categorical(msgspec.Struct, frozen=True, tag="categorical", tag_field="kind", forbid_unknown_fields=True):
    """A categorical feature of the reference: counts by category; `other` counts all rarer categories."""

    categories: dict[str, Count]
    missing: Count
    other: Count
    distinct: Count

    def problem(self) -> str | None:
        """Return the first inconsistency, if there is any."""
        return None if any(self.categories.values()) else "expected at least one category with a count above 0"


class Vector(msgspec.Struct, frozen=True, tag="vector", tag_field="kind", forbid_unknown_fields=True):
    """A feature that is a list of `dimension` numbers, such as an embedding.

    `edges` and `counts` describe bins, as for a numeric feature, one list per direction of `projections.directions`.
    `spread` is the root mean squared distance from `mean`; `other` counts the vectors that are not finite.
    """

    dimension: Annotated[int, Meta(ge=1, le=MAX_DIMENSION)]
    mean: list[float]
    spread: float
    missing: Count
    other: Count
    edges: list[list[float]]
    counts: list[list[Count]]

    @property
    def count(self) -> int:
        return sum(self.counts[0]) if self.counts else 0

    def problem(self) -> str | None:
        """Return the first inconsistency, if there is any."""
        if len(self.mean) != self.dimension or self.spread <= 0:
            return f"expected a `mean` of {self.dimension} numbers, and a `spread` above 0"
        if not 1 <= len(self.edges) == len(self.counts) <= MAX_PROJECTIONS:
            return f"expected `edges` and `counts` of the same 1 to {MAX_PROJECTIONS} projections"
        for edges, counts in zip(self.edges, self.counts, strict=True):
            if len(counts) != len(edges) + 1 or len(counts) > MAX_BINS:
                return f"expected one more count than edges, and at most {MAX_BINS}, got {len(counts)} for {len(edges)}"
            if not are_ascending(edges):
                return "expected `edges` in ascending order"
            if sum(counts) != self.count or not self.count:
                return "expected the same number of vectors in each of `counts`, and not none"
        return None


# Features with bins.
Feature = Numeric | Categorical


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """The reference of one model, made from `rows` records.

    `actual` describes their ground truth, and `baseline` or `error_baseline` the performance of their predictions,
    which are classes or values. `errors` says how large the errors of values are for which records. So many records as
    `overdispersion` count as one independent record.

    Fields that are UNSET are not written, so the `reference_id` of a profile without them is the same as before these
    fields existed.
    """

    version: int
    rows: Annotated[int, Meta(ge=1, le=2**53)]
    features: dict[str, Feature | Vector]
    prediction: Feature | None = None
    probability: Numeric | None = None
    components: Components | UnsetType = UNSET
    actual: Feature | UnsetType = UNSET
    attributions: dict[str, Attribution] | UnsetType = UNSET
    baseline: Baseline | UnsetType = UNSET
    calibration: Calibration | UnsetType = UNSET
    error_baseline: ErrorBaseline | UnsetType = UNSET
    errors: ErrorTree | UnsetType = UNSET
    overdispersion: Annotated[float, Meta(ge=1)] | UnsetType = UNSET
    model_name: str | UnsetType = UNSET
    model_version: str | UnsetType = UNSET
    created: str = ""
    made_by: str = ""

    @cached_property
    def reference_id(self) -> str:
        """A hash of the distributions, independent of when, by which release and for which model it was made."""
        content = msgspec.structs.replace(
            self, model_name=UNSET, model_version=UNSET, overdispersion=UNSET, created="", made_by=""
        )
        return hashlib.blake2b(msgspec.json.encode(content, order="sorted"), digest_size=6).hexdigest()

    def without(self, names: Collection[str]) -> Profile:
        """Return the profile without some features, and without the components and errors that depend on them."""
        components, errors = self.components, self.errors
        if components and not {*names}.isdisjoint(components.features):
            components = UNSET
        if errors and not {*names}.isdisjoint(errors.features):
            errors = UNSET
        features = {name: feature for name, feature in self.features.items() if name not in names}
        return msgspec.structs.replace(self, features=features, components=components, errors=errors)

    @cached_property
    def outputs(self) -> Profile:
        """The outputs that are described, `prediction` and `probability`, as features."""
        outputs = {"prediction": self.prediction, "probability": self.probability}
        return Profile(self.version, self.rows, {name: feature for name, feature in outputs.items() if feature})

    @cached_property
    def attributed(self) -> Profile:
        """The attributions, as features."""
        return Profile(self.version, self.rows, dict(self.attributions or {}))

    @property
    def classes(self) -> tuple[str, ...]:
        """The predicted classes, in the order of Batch.scores; empty if predictions are values."""
        return tuple(self.prediction.categories) if isinstance(self.prediction, Categorical) else ()

    @property
    def predicts_values(self) -> bool:
        """Whether predictions are values, as of a regression."""
        return isinstance(self.prediction, Numeric)

    @cached_property
    def labels(self) -> Profile:
        """The ground truth, if it is described, as a feature named `label`."""
        return Profile(self.version, self.rows, {"label": self.actual} if self.actual else {})

    @cached_property
    def ordered(self) -> dict[str, Feature]:
        """The features with bins in the order of tallies: numeric ones first, then categorical ones."""
        return {**self.numeric, **self.categorical}

    @cached_property
    def numeric(self) -> dict[str, Numeric]:
        return {name: feature for name, feature in self.features.items() if isinstance(feature, Numeric)}

    @cached_property
    def categorical(self) -> dict[str, Categorical]:
        return {name: feature for name, feature in self.features.items() if isinstance(feature, Categorical)}

    @cached_property
    def vectors(self) -> dict[str, Vector]:
        return {name: feature for name, feature in self.features.items() if isinstance(feature, Vector)}


def bin_labels(feature: Feature) -> tuple[str, ...]:
    """Return the label of each bin; a numeric bin's label starts with its number, so that labels sort."""
    if isinstance(feature, Categorical):
        return tuple(name for name in feature.categories if name not in (MISSING_BIN, OTHER_BIN))
    edges = feature.edges
    # An edge just above another one ends the bin of a single value.
    ends_value = [low < high == math.nextafter(low, math.inf) for low, high in pairwise(edges)]
    ends_value = [False, *(ends and not before for before, ends in pairwise([False, *ends_value]))]
    values = [low if ends else edge for low, edge, ends in zip([math.nan, *edges], edges, ends_value, strict=False)]
    distinct = len(edges) - sum(ends_value)
    texts = [f"{value:.6g}" for value in values]
    if len(set(texts)) < distinct:
        texts = list(map(repr, values))
    width = len(str(len(edges)))
    labels = []
    for index in range(len(edges) + 1):
        is_value = index < len(edges) and ends_value[index]
        opening = "(" if not index or ends_value[index - 1] else "["
        low, high = texts[index - 1] if index else "-inf", texts[index] if index < len(edges) else "+inf"
        labels.append(f"{index:0{width}}: " + (low if is_value else f"{opening}{low}, {high})"))
    return tuple(labels)


def reference_counts(feature: Feature) -> tuple[Floats, float, float]:
    """Return the reference's counts: of each bin of `bin_labels`, of missing values, and of other values.

    A category named "missing" or "other" shares the bin of that name.
    """
    if isinstance(feature, Numeric):
        return np.array(feature.counts, dtype=np.float64), float(feature.missing), float(feature.other)
    categories = feature.categories
    counts = [categories[label] for label in bin_labels(feature)]
    missing, other = categories.get(MISSING_BIN, 0), categories.get(OTHER_BIN, 0)
    return np.array(counts, dtype=np.float64), float(feature.missing + missing), float(feature.other + other)


def records(feature: Feature | Vector) -> int:
    """Return the number of the reference's records, with and without a value of the feature."""
    if isinstance(feature, Vector):
        values = feature.count
    else:
        values = sum(feature.counts if isinstance(feature, Numeric) else feature.categories.values())
    return values + feature.missing + feature.other


def missing_share(feature: Feature | Vector) -> float:
    """Return the share of the reference's records without a value."""
    return feature.missing / records(feature)


def commonest_share(feature: Feature) -> float:
    """Return an upper bound of the share of the reference's commonest value; 1 without values.

    It is exact for a categorical feature and for a numeric feature with few distinct values; otherwise it is the share
    of a fine bin.
    """
    counts = feature.cut_counts if isinstance(feature, Numeric) else [*feature.categories.values(), feature.other]
    total = sum(counts)
    return max(counts) / total if total else 1.0
