"""Features and outputs against the reference, the most drifted first, and what is wrong with their values."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from exporter.batch import Series
from exporter.derived import Pictures
from exporter.status.course import Course
from exporter.status.document import Bin, Drift, Quality, Variable
from exporter.status.figures import NAN, Figures, flag
from exporter.tallies.tally import StatisticArrays

QUALITY = "model_feature_quality_total"


def features(
    figures: Figures, pictures: Pictures, row: StatisticArrays, series: Series, course: Course
) -> list[Variable]:
    """Return the features, embeddings among them, by drift."""
    values = {
        name: figures.by("feature_name", f"model_feature_{name}")
        for name in ("drift_psi", "drift_psi_critical", "drifted", "absent", "stuck", "missing_ratio", "outlier_ratio")
    }
    embeddings = figures.by("feature_name", "model_embedding_drift_psi")
    critical = figures.by("feature_name", "model_embedding_drift_psi_critical")
    checks: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (feature, check), count in figures.rows(QUALITY, "feature_name", "check"):
        checks[feature][check] = int(count)
    went = pictures.course(course.stacks.get(series, {}))
    binned = dict(pictures.bins(row))
    names = (*binned, *(name for name in checks if name not in binned))
    found = [
        Variable(
            name=name,
            psi=values["drift_psi"].get(name, embeddings.get(name, NAN)),
            psi_critical=values["drift_psi_critical"].get(name, critical.get(name, NAN)),
            drifted=flag(values["drifted"].get(name, NAN)),
            absent=flag(values["absent"].get(name, NAN)),
            stuck=flag(values["stuck"].get(name, NAN)),
            missing_ratio=values["missing_ratio"].get(name, NAN),
            outlier_ratio=values["outlier_ratio"].get(name, NAN),
            checks=checks[name],
            bins=[Bin(*each) for each in binned.get(name, ())],
            psi_course=went.get(name, []),
        )
        for name in names
    ]
    return sorted(found, key=_by_drift)


def outputs(
    figures: Figures, pictures: Pictures, row: StatisticArrays, series: Series, course: Course
) -> list[Variable]:
    """Return the prediction and its probability, where the reference knows them."""
    went = pictures.course(course.stacks.get(series, {}))
    return [
        Variable(
            name=name,
            psi=figures.one(f"model_{name}_drift_psi"),
            psi_critical=figures.one(f"model_{name}_drift_psi_critical"),
            drifted=flag(figures.one(f"model_{name}_drifted")),
            bins=[Bin(*each) for each in bins],
            psi_course=went.get(name, []),
        )
        for name, bins in pictures.bins(row)
    ]


def drift(figures: Figures, found: Sequence[Variable]) -> Drift:
    """Return how many have drifted."""
    threshold = figures.one("model_threshold", metric="feature_drift_psi")
    courses = [feature.psi_course for feature in found if feature.psi_course]
    return Drift(
        judged=sum(feature.drifted is not None for feature in found),
        drifted=sum(feature.drifted is True for feature in found),
        threshold=threshold,
        reference_id=next(iter(figures.by("reference_id", "model_reference_info")), ""),
        over_threshold_course=[_count_over(threshold, values) for values in zip(*courses, strict=True)],
    )


def quality(figures: Figures, found: Sequence[Variable]) -> Quality:
    """Return the failed checks of all features together."""
    checks: defaultdict[str, int] = defaultdict(int)
    for feature in found:
        for check, count in feature.checks.items():
            checks[check] += count
    records = figures.by("check", "model_record_quality_total")
    unknown = figures.one("model_unknown_features")
    return Quality(
        checks=dict(checks),
        records={check: int(count) for check, count in records.items()},
        unknown_features=0 if math.isnan(unknown) else int(unknown),
    )


def _count_over(threshold: float, values: Sequence[float]) -> float:
    """Return how many values are over it; NaN where none is known."""
    return NAN if all(map(math.isnan, values)) else float(sum(value > threshold for value in values))


def _by_drift(feature: Variable) -> tuple[bool, float, str]:
    """What is absent, or has drifted, comes first, then the larger PSI; what cannot be told comes last."""
    least = math.inf if math.isnan(feature.psi) else -feature.psi
    return not (feature.drifted or feature.absent), least, feature.name
