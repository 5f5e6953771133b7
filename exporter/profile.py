"""The reference profile: what the model's inputs looked like when it was trained, as a small JSON file.

Sidecars load only this; `prediction-exporter profile` makes it (exporter/profiling). Types are declared here and
never guessed from a window.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from exporter.batch import Floats
from exporter.components import Components

VERSION = 1
MISSING_BIN = "missing"
OTHER_BIN = "other"
MAX_BINS = 100
MAX_PROJECTIONS = 64


class ProfileError(ValueError):
    """The profile cannot be used; the message says why."""


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

    What is UNSET is not written, so that a profile from before it was known is the same as ever.
    """

    version: int
    rows: int
    features: dict[str, Feature | Vector]
    prediction: Feature | None = None
    probability: Numeric | None = None
    components: Components | UnsetType = UNSET
    created: str = ""
    made_by: str = ""

    @property
    def reference_id(self) -> str:
        """A hash of the content: the same for the same statistics, whenever and by whatever made."""
        content = msgspec.structs.replace(self, created="", made_by="")
        return hashlib.blake2b(msgspec.json.encode(content, order="sorted"), digest_size=6).hexdigest()

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


def load(data: bytes) -> Profile:
    """Read a profile; raises ProfileError, in one line."""
    try:
        profile = msgspec.json.decode(data, type=Profile)
    except msgspec.ValidationError as error:
        raise ProfileError(f"not a profile of version {VERSION}: {error}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProfileError(f"not JSON: {error}") from None
    if profile.version != VERSION:
        raise ProfileError(f"version: expected {VERSION}, got {profile.version}; make the profile anew")
    for name, feature in profile.features.items():
        if problem := feature.problem():
            raise ProfileError(f"features.{name}: {problem}")
    if profile.components and (problem := _problem_of(profile.components, profile)):
        raise ProfileError(f"components: {problem}")
    return profile


def _problem_of(components: Components, profile: Profile) -> str | None:
    for name in components.features:
        if name not in profile.numeric or profile.numeric[name].stddev <= 0:
            return f"expected `{name}` among the numeric features, with a standard deviation above 0"
    return components.problem()


def dump(profile: Profile) -> bytes:
    """Write a profile as JSON for people: short lists on one line."""
    text = msgspec.json.format(msgspec.json.encode(profile), indent=2).decode()
    return (_fold_lists(text) + "\n").encode()


def _fold_lists(text: str) -> str:
    """Put each list on one line; strings keep their escapes, so a bracket in one is never alone on its line."""
    lines: list[str] = []
    inside = False
    for line in text.split("\n"):
        if inside:
            lines[-1] += line.strip() + ("" if line.strip().startswith("]") or not line.endswith(",") else " ")
        else:
            lines.append(line)
        if line.endswith("["):
            inside = True
        elif line.strip() in ("]", "],"):
            inside = False
    return "\n".join(lines)
