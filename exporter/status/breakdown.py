"""What the status document tells of some models alone: attributions, business figures and segments.

Numbers are spelt as in `document`.
"""

from __future__ import annotations

import msgspec


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """What the window's predictions are due to: a feature's share of all absolute attributions, and its place by it.

    In the window, null or NaN where it holds too few records, and in the reference. `drifted` is of its distribution.
    """

    name: str
    share: float
    reference_share: float
    rank: int | None
    reference_rank: int
    psi: float
    drifted: bool | None


class Attributions(msgspec.Struct, frozen=True, kw_only=True):
    """Attributions, by the window's rank where there is one; how well it agrees with the reference's (NDCG, 0 to 1).

    Below `threshold` that is too little.
    """

    ndcg: float
    threshold: float
    features: list[Attribution]


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of the window carried an amount; `sum` and `mean` are NaN where buckets begin below 0."""

    count: int
    sum: float
    mean: float


class BusinessFigure(msgspec.Struct, frozen=True, kw_only=True):
    """A business figure in the window, over all predicted classes and by them."""

    name: str
    total: Amount
    classes: dict[str, Amount]


class SegmentValue(msgspec.Struct, frozen=True, kw_only=True):
    """What was served to one value of a segment in the window. `accuracy` is NaN where no truth has come.

    `most_drifted` is the feature with the greatest PSI, null where there are too few records to tell.
    """

    value: str
    requests: int
    errors: int
    error_ratio: float
    accuracy: float
    most_drifted: str | None
    psi: float


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment, and its values: the busiest first."""

    name: str
    values: list[SegmentValue]
