"""Features, outputs and attributions against the reference, and failed checks of their values."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np

from exporter.derived.attribution_ranking import AttributionRanking
from exporter.derived.context import ExpectedChanges, ReferenceInfo
from exporter.derived.distributions import shares
from exporter.derived.drift import Drift
from exporter.derived.drift_level import MAJOR
from exporter.derived.drift_statistics import PSI
from exporter.derived.feature_health import (
    AbsentFeatures,
    FeatureHealth,
    OutlierRatio,
    StuckFeatures,
    UnknownFeatureCount,
)
from exporter.derived.multivariate_drift import EmbeddingDrift
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.record_quality import RecordQuality
from exporter.stats.variable_kind import ATTRIBUTIONS, FEATURES, OUTPUTS
from exporter.status.selection import Selection, ratio

# More digits would make the document of many features long.
SHARE_DIGITS, PSI_DIGITS = 6, 4


class Bin(msgspec.Struct, frozen=True):
    """A bin: its share of the values in a window and in the reference, NaN without values."""

    name: str
    share: float
    reference_share: float


class VariableStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A feature, or an output of the model, against the reference.

    `drifted`, `level`, `absent` and `stuck` are null if the window has too few records. `level` is 1 for a moderate and
    2 for a major drift, which counts as drifted. `expected_until` is the last day on which its drift does not alert.
    `checks` counts values of the window that failed a check. `psi_limit` is the PSI from which its drift is major. An
    embedding has no bins. Shares are rounded to 6 digits, and `psi_course` to 4.
    """

    name: str
    psi: float
    psi_critical: float
    drifted: bool | None
    psi_limit: float = math.nan
    level: int | None = None
    expected_until: str | None = None
    absent: bool | None = None
    stuck: bool | None = None
    missing_ratio: float = math.nan
    outlier_ratio: float = math.nan
    checks: dict[str, int] = {}
    bins: list[Bin] = []
    psi_course: list[float] = []


class DriftStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How many features were judged, how many of them have drifted, and the PSI above which drift matters.

    The reference was made of `reference_rows` records at `reference_created` (ISO 8601, empty if unknown). The course
    counts the features above that PSI, whether by chance or not.
    """

    judged: int
    drifted: int
    threshold: float
    reference_id: str
    reference_created: str
    reference_rows: int
    over_threshold_course: list[float]


class QualityStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Failed checks in the window: of values, over all features, and of records; and the number of unknown features."""

    checks: dict[str, int]
    records: dict[str, int]
    unknown_features: int


class AttributionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A feature's share of all absolute attributions, and its rank by that share, in the window and in the reference.

    Those of the window are null if it has too few records. `psi` and `drifted` describe the distribution of the
    feature's attributions.
    """

    name: str
    share: float
    reference_share: float
    rank: int | None
    reference_rank: int
    psi: float
    drifted: bool | None


class AttributionsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Attributions by rank, and how well the ranking agrees with the reference's (NDCG, 0 to 1).

    An agreement below `threshold` is too little.
    """

    ndcg: float
    threshold: float
    features: list[AttributionStatus]


def outputs(selection: Selection, *, charted: bool = True) -> list[VariableStatus]:
    """Return the prediction and its probability, if the reference describes them."""
    drift = selection.measures.find(Drift, kind=OUTPUTS)
    if drift is None:
        return []
    found = _charted(selection, drift) if charted else _judged(selection, drift)
    limit = selection.thresholds["feature_drift_psi"]
    return [msgspec.structs.replace(each, psi_limit=limit) for each in found.values()]


def features(selection: Selection, *, charted: bool = True) -> list[VariableStatus]:
    """Return the features, embeddings among them.

    Absent features are first, then those that are furthest over their limit, and those with too few records last.
    """
    measures, tallies = selection.measures, selection.tallies
    drift = measures.find(Drift, kind=FEATURES)
    if drift is None:
        return []
    quality = measures.one(FeatureQuality)
    variables = _charted(selection, drift) if charted else _judged(selection, drift)
    variables |= _embeddings(selection, charted=charted)
    absent = measures.one(AbsentFeatures).absent(tallies)
    stuck = measures.one(StuckFeatures).stuck(tallies)
    changes = measures.find(ExpectedChanges)
    expected = changes.present(selection.view.snapshot.time) if changes else {}
    missing = measures.one(FeatureHealth).missing_ratio(tallies)
    outliers = measures.one(OutlierRatio).ratio(tallies)
    embeddings = measures.find(EmbeddingDrift)
    embedding_limit = embeddings.criteria.threshold if embeddings else math.nan
    embedded = {each.feature for each in embeddings.embeddings} if embeddings else set()
    found = [
        msgspec.structs.replace(
            variables.get(name) or VariableStatus(name=name, psi=math.nan, psi_critical=math.nan, drifted=None),
            psi_limit=embedding_limit if name in embedded else selection.limit(name),
            expected_until=_day(expected.get(name)),
            absent=absent.get(name),
            stuck=_flag(stuck.get(name, math.nan)),
            missing_ratio=missing.get(name, math.nan),
            outlier_ratio=outliers.get(name, math.nan),
            checks={check: int(count) for check, count in failures.items()},
        )
        for name, failures in quality.failures(tallies[quality]).items()
    ]
    return sorted(found, key=by_drift)


def drifted_features(selection: Selection) -> int | None:
    """Return how many features have drifted; None if none was judged."""
    drift = selection.measures.find(Drift, kind=FEATURES)
    if drift is None:
        return None
    levels, embeddings = drift.levels(selection.tallies), _embeddings(selection, charted=False).values()
    if np.isnan(levels).all() and not embeddings:
        return None
    return int(np.count_nonzero(levels >= MAJOR)) + sum(embedding.drifted is True for embedding in embeddings)


def attributions(selection: Selection) -> AttributionsStatus | None:
    """Return the attributions; None if the reference has none."""
    ranking = selection.measures.find(AttributionRanking)
    if ranking is None:
        return None
    result = ranking.result(selection.tallies)
    drifts = _judged(selection, selection.measures.one(Drift, kind=ATTRIBUTIONS))
    reference = {name: each.mean_abs for name, each in ranking.reference.items()}
    total = math.fsum(reference.values())
    found = [
        AttributionStatus(
            name=name,
            share=result.share.get(name, math.nan),
            reference_share=ratio(reference[name], total),
            rank=result.rank.get(name),
            reference_rank=place,
            psi=drifts[name].psi,
            drifted=drifts[name].drifted,
        )
        for place, name in enumerate(sorted(reference, key=lambda name: -reference[name]), 1)
    ]
    return AttributionsStatus(
        ndcg=result.ndcg,
        threshold=selection.thresholds["attribution_ranking_ndcg"],
        features=sorted(found, key=lambda each: each.rank or each.reference_rank),
    )


def _judged(selection: Selection, drift: Drift) -> dict[str, VariableStatus]:
    """Return the variables of a kind and their drift, without charts."""
    calculator = drift.calculator
    result = calculator.drift(selection.tallies)
    # PSI always decides about drift, but is only shown if it is exported.
    hidden = np.full(len(calculator.variables), np.nan)
    psi, critical = (result.psi, result.psi_critical) if PSI in drift.statistics else (hidden, hidden)
    levels = [None if math.isnan(level) else int(level) for level in drift.levels(selection.tallies)]
    rows = zip(calculator.variables, psi.tolist(), critical.tolist(), levels, strict=True)
    return {
        name: VariableStatus(
            name=name,
            psi=value,
            psi_critical=by_chance,
            drifted=None if level is None else level >= MAJOR,
            level=level,
        )
        for name, value, by_chance, level in rows
    }


def _charted(selection: Selection, drift: Drift) -> dict[str, VariableStatus]:
    """Return the variables of a kind with their bins and sparklines."""
    calculator = drift.calculator
    counts = selection.sums(calculator.bins)
    values = np.empty((0, len(calculator.variables))) if counts is None else calculator.psi(counts)
    courses = values.round(PSI_DIGITS).T.tolist()
    rows = zip(_judged(selection, drift).items(), _bins(selection, calculator.bins), courses, strict=True)
    return {name: msgspec.structs.replace(each, bins=bins, psi_course=course) for (name, each), bins, course in rows}


def _bins(selection: Selection, counted: FeatureBins) -> list[list[Bin]]:
    """Return the bins of each variable, without those that are empty on both sides."""
    now, reference = (
        shares(counts).round(SHARE_DIGITS).tolist() for counts in (selection.tallies[counted], counted.reference)
    )
    variables = [
        [Bin(label, now[row][cell], reference[row][cell]) for cell, label in counted.cells(row)]
        for row in range(len(now))
    ]
    return [[each for each in bins if each.share > 0 or each.reference_share > 0] for bins in variables]


def _embeddings(selection: Selection, *, charted: bool) -> dict[str, VariableStatus]:
    """Return the embeddings of which the window has enough vectors."""
    drift = selection.measures.find(EmbeddingDrift)
    if drift is None:
        return {}
    past = [drift.results(window) for window in selection.past_windows] if charted else []
    return {
        name: VariableStatus(
            name=name,
            psi=each.psi,
            psi_critical=each.psi_critical,
            drifted=each.drifted,
            level=MAJOR if each.drifted else 0,
            psi_course=[round(then[name].psi, PSI_DIGITS) if name in then else math.nan for then in past],
        )
        for name, each in drift.results(selection.tallies).items()
    }


def drift(selection: Selection, found: Sequence[VariableStatus]) -> DriftStatus | None:
    """Return how many features have drifted; None without a reference."""
    reference = selection.measures.find(ReferenceInfo)
    if reference is None:
        return None
    threshold = selection.thresholds["feature_drift_psi"]
    profile = selection.measures.one(AbsentFeatures).profile
    courses = [feature.psi_course for feature in found if feature.bins]
    return DriftStatus(
        judged=sum(feature.drifted is not None for feature in found),
        drifted=sum(feature.drifted is True for feature in found),
        threshold=threshold,
        reference_id=reference.reference_id,
        reference_created=profile.created,
        reference_rows=profile.rows,
        over_threshold_course=[_count_over(threshold, values) for values in zip(*courses, strict=True)],
    )


def quality(selection: Selection, found: Sequence[VariableStatus]) -> QualityStatus | None:
    """Return the failed checks, summed up over all features; None without a reference."""
    unknown = unknown_features(selection)
    if unknown is None:
        return None
    checks: Counter[str] = Counter()
    for feature in found:
        for check, count in feature.checks.items():
            checks[check] += count
    records = selection.measures.one(RecordQuality)
    return QualityStatus(
        checks=dict(checks),
        records={check: int(count) for check, count in records.failures(selection.tallies[records]).items()},
        unknown_features=unknown,
    )


def unknown_features(selection: Selection) -> int | None:
    """Return how many features in the log are not in the reference; None without a reference."""
    unknown = selection.measures.find(UnknownFeatureCount)
    return None if unknown is None else unknown.count(selection.view, selection.series)


def _day(end: float | None) -> str | None:
    return None if end is None else datetime.fromtimestamp(end, UTC).date().isoformat()


def _flag(value: float) -> bool | None:
    return None if math.isnan(value) else bool(value)


def _count_over(threshold: float, values: Sequence[float]) -> float:
    """Return how many values are above the threshold; NaN if all are unknown."""
    return math.nan if all(map(math.isnan, values)) else float(sum(value > threshold for value in values))


def by_drift(feature: VariableStatus) -> tuple[bool, bool, int, float, str]:
    """Sort absent features first, then by level and by PSI as a share of its limit; those with too few records last."""
    share = feature.psi / feature.psi_limit
    return (
        not feature.absent,
        feature.drifted is None,
        -(feature.level or 0),
        math.inf if math.isnan(share) else -share,
        feature.name,
    )
