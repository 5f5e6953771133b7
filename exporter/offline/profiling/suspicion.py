"""Columns that are hardly features: ids, targets, predictions, constants and codes, by their names and their values."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from exporter.offline.profiling.categorical import LabelSketch
from exporter.offline.profiling.numeric import CODES, NumericSketch

FEWEST_ROWS = 100
# The least share of distinct values of an id, which may be that of a customer with several rows.
ID_SHARE = 0.5
FEWEST_CODES = 3
ID = re.compile(
    r"(.*[^a-z0-9])?(id|ids|uuid|guid|rowid|row_?num|row_?number)|index|unnamed: \d+|"
    r".*(customer|user|passenger|client|account|session|request|transaction|order|record|row)id",
    re.IGNORECASE,
)
CAMEL_CASE_ID = re.compile(r".*[a-z0-9](Id|ID|Uuid|UUID|Guid|GUID)")
TARGETS = {"target", "ytrue", "groundtruth", "truelabel", "trueclass", "actuallabel", "actualclass"}
PREDICTIONS = {"ypred", "yhat", "predictedlabel", "predictedclass", "predictedvalue", "predictedprobability", "yproba"}
# These may be features too.
MAYBE_TARGETS = {"label", "y", "class", "outcome", "labels", "targets"}
MAYBE_PREDICTIONS = {"pred", "predicted", "predictions", "score", "proba"}


class Suspicion(NamedTuple):
    """Why a column is hardly a feature; if that `is_obvious`, it is left out."""

    why: str
    is_obvious: bool = False


def suspicions(
    name: str, numbers: NumericSketch, labels: LabelSketch, values: int, *, is_flat: bool
) -> Iterator[Suspicion]:
    """Yield why a column with so many values of one kind, numbers or labels, is hardly a feature, the gravest first.

    In data that `is_flat`, columns are features because nothing says otherwise. In other data the log says which are
    features, and only ids are obvious.
    """
    are_numbers = numbers.finite > 0
    is_named_id = bool(ID.fullmatch(name) or CAMEL_CASE_ID.fullmatch(name))
    are_codes = not are_numbers or not numbers.fractional
    if are_codes and values >= FEWEST_ROWS:
        distinct = numbers.distinct_share if are_numbers else labels.distinct / values
        if is_named_id and distinct >= ID_SHARE:
            yield Suspicion("is named like an id, and most values are distinct", is_obvious=True)
        if are_numbers and distinct == 1:
            yield Suspicion("has another whole number in each row, like an id or a time")
    if is_named_id:
        yield Suspicion("is named like an id")
    if (numbers.low == numbers.high) if are_numbers else labels.distinct == 1:
        yield Suspicion("is constant: only new values can show as drift")
    plain = re.sub(r"[^a-z]", "", name.lower())
    for names, maybe, role, field in (
        (TARGETS, MAYBE_TARGETS, "the target", "actual"),
        (PREDICTIONS, MAYBE_PREDICTIONS, "a prediction", "prediction"),
    ):
        if plain in names | maybe:
            hint = f"is named like {role}, and is one with `fields: {{{field}: {name}}}` in --config"
            yield Suspicion(hint, is_obvious=is_flat and plain in names)
    few = numbers.few if are_numbers and are_codes else None
    if few is not None and FEWEST_CODES <= len(few) <= CODES:
        yield Suspicion(f"has {len(few)} distinct whole numbers; if they are codes, consider --categorical {name}")
