"""The report as a document: what its page, its JSON and its Markdown show.

Shares and ratios are 0 to 1, and times epoch seconds. An unknown number (no records, or too few) is NaN here and null
in JSON.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from exporter import __version__
from exporter.counted import counted, shortened
from exporter.derived import Measures
from exporter.derived.classification import Classification, ScoreQuality
from exporter.derived.drift import Drift
from exporter.derived.drift_level import MAJOR, MODERATE
from exporter.derived.feature_health import AbsentFeatures
from exporter.derived.standard_errors import StandardErrors
from exporter.exposition.collector import Collector
from exporter.model_key import ModelKey
from exporter.reference.profile import Categorical, Numeric, Vector, reference_counts
from exporter.reporting.timeline import Timeline
from exporter.stats.class_scores import ScoresByTruth
from exporter.stats.variable_kind import FEATURES, OUTPUTS, VariableKind
from exporter.status.findings import CRITICAL, FEATURE_CHECKS, WARNING, Finding
from exporter.status.model import ModelStatus, model
from exporter.status.performance import PerformanceStatus
from exporter.status.selection import Selection, Sparkline, ratio
from exporter.status.serving import ServingStatus, serving
from exporter.status.variables import VariableStatus

MOST_NAMED = 5
# Of a confusion matrix that is shown.
MOST_CLASSES = 20


class About(msgspec.Struct, frozen=True, kw_only=True):
    """How the report was made, and what was read.

    `rejected` counts rows by reason, and `unusable` values by field; `unknown` are columns that are neither features of
    the reference nor fields of a record. `first` and `last` are the times of records, NaN
    if they have none.
    """

    command: str
    version: str
    created: str
    current: list[str]
    reference: str
    reference_id: str
    reference_created: str
    reference_rows: int
    rows: int
    records: int
    rejected: dict[str, int]
    unusable: dict[str, int]
    unknown: list[str]
    first: float
    last: float
    limits: dict[str, float]


class VariableReport(msgspec.Struct, frozen=True, kw_only=True):
    """A feature or an output. `kind` is numeric, categorical or vector.

    `tests` are the results of the drift statistics, such as `ks_pvalue`. `missing_reference` is the share of missing
    values in the reference.
    """

    status: VariableStatus
    kind: str
    tests: dict[str, float]
    missing_reference: float


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The points of a class's ROC curve and precision-recall curve, from counts by bin of its score, highest first."""

    false_positive_rate: list[float]
    recall: list[float]
    precision: list[float]


class ModelReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one model and version: `status` is as in the status document.

    `confusion` has counts by predicted and actual class. `standard_errors` are those of measured figures.
    """

    status: ModelStatus
    findings: list[Finding]
    features: list[VariableReport]
    outputs: list[VariableReport]
    standard_errors: dict[str, float]
    confusion: dict[str, dict[str, int]]
    curves: dict[str, Curve]


class ReportDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report; `headline` says the most important things in words."""

    headline: list[str]
    about: About
    models: list[ModelReport]

    @property
    def level(self) -> int:
        """The highest level of drift of any feature or output."""
        variables = (each for model in self.models for each in (*model.features, *model.outputs))
        return max((each.status.level or 0 for each in variables), default=0)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where the data is from: the command, the names of the current data and of the reference, and the time."""

    command: str
    current: list[str]
    reference: str
    created: str


def document(
    models_of: Mapping[ModelKey, Measures],
    timeline: Timeline,
    origin: Origin,
    *,
    rows: int,
    rejected: Mapping[str, int],
    unusable: Mapping[str, int],
    unknown: Sequence[str],
) -> ReportDocument:
    """Return the report of what was tallied."""
    snapshot, window = timeline.result()
    collector = Collector(models_of, [window])
    models = []
    limits: Mapping[str, float] = {}
    for measures, view in collector.views(snapshot):
        for tallies in view.windows:
            sparkline = Sparkline([window], window, snapshot.time)
            selection = Selection(measures, view, window, tallies, sparkline)
            limits = selection.thresholds
            models.append(_model(selection))
    models.sort(key=lambda each: -each.status.serving.predictions)
    first, last = timeline.span
    has_times = last > first
    drift = models[0].status.drift if models else None
    about = About(
        **msgspec.structs.asdict(origin),
        version=__version__,
        reference_id=drift.reference_id if drift else "",
        reference_created=drift.reference_created if drift else "",
        reference_rows=drift.reference_rows if drift else 0,
        rows=rows,
        records=rows - sum(rejected.values()),
        rejected=dict(rejected),
        unusable=dict(unusable),
        unknown=[*unknown],
        first=first if has_times else math.nan,
        last=last if has_times else math.nan,
        limits=dict(limits),
    )
    return ReportDocument(headline=_headline(about, models), about=about, models=models)


def _model(selection: Selection) -> ModelReport:
    served = serving(selection)
    status = model(selection, served)
    errors = selection.measures.find(StandardErrors)
    return ModelReport(
        status=status,
        findings=[*_findings(status, selection.thresholds)],
        features=_variables(selection, FEATURES, status.features),
        outputs=_variables(selection, OUTPUTS, status.outputs),
        standard_errors=errors.errors(selection.outcomes) if errors and selection.outcomes else {},
        confusion=_confusion(selection),
        curves=_curves(selection),
    )


def _variables(selection: Selection, kind: VariableKind, statuses: Sequence[VariableStatus]) -> list[VariableReport]:
    health = selection.measures.find(AbsentFeatures)
    drift = selection.measures.find(Drift, kind=kind)
    if not health or not drift:
        return []
    result = drift.calculator.drift(selection.tallies)
    tests: dict[str, dict[str, float]] = {}
    for statistic in drift.statistics:
        for name, values in result.of(statistic).items():
            for variable, value in zip(drift.calculator.variables, values.tolist(), strict=True):
                if not math.isnan(value):
                    tests.setdefault(variable, {})[name] = value
    profile = health.profile
    variables = {"prediction": profile.prediction, "probability": profile.probability} | profile.features
    return [
        VariableReport(
            status=status,
            kind=_kind(variables.get(status.name)),
            tests=tests.get(status.name, {}),
            missing_reference=_missing(variables.get(status.name)),
        )
        for status in statuses
    ]


def _kind(feature: object) -> str:
    return "numeric" if isinstance(feature, Numeric) else "vector" if isinstance(feature, Vector) else "categorical"


def _missing(feature: object) -> float:
    """Return the share of missing values in the reference."""
    if not isinstance(feature, Numeric | Categorical):
        return math.nan
    bins, missing, other = reference_counts(feature)
    return ratio(missing, float(bins.sum()) + missing + other)


def _findings(status: ModelStatus, thresholds: Mapping[str, float]) -> Iterator[Finding]:
    """Yield what needs attention besides the drift of features."""
    yield from _of_serving(status.serving, thresholds)
    if status.performance:
        yield from _of_performance(status.performance, thresholds)
    for check, severity, one, many, is_found in FEATURE_CHECKS:
        names = [each.name for each in status.features if is_found(each)]
        if names and check != "drift":
            what = counted(len(names), f"feature {one}", f"features {many}")
            yield Finding(severity, f"feature_{check}", f"{what}: {shortened(names)}.")
    for output in status.outputs:
        if output.drifted:
            yield Finding(WARNING, f"{output.name}_drift", f"The {output.name} has drifted from the reference.")
    if status.quality and (count := status.quality.unknown_features):
        what = counted(count, "feature that is", "features that are")
        yield Finding(WARNING, "unknown_features", f"Records contain {what} not in the reference.")


def _of_serving(served: ServingStatus, thresholds: Mapping[str, float]) -> Iterator[Finding]:
    limit = thresholds.get("error_ratio", math.inf)
    if served.error_ratio > limit:
        yield Finding(
            CRITICAL, "error_ratio", f"{served.error_ratio:.1%} of requests failed; the limit is {limit:.1%}."
        )
    p99, limit = served.latency_seconds["0.99"], thresholds.get("latency_p99_seconds", math.inf)
    if p99 > limit:
        text = f"The 99th percentile of latency is {p99 * 1000:.3g} ms; the limit is {limit * 1000:.3g} ms."
        yield Finding(CRITICAL, "latency_p99_seconds", text)


def _of_performance(measured: PerformanceStatus, thresholds: Mapping[str, float]) -> Iterator[Finding]:
    accuracy, least = measured.figures.get("accuracy", math.nan), thresholds.get("accuracy", -math.inf)
    if accuracy < least:
        yield Finding(CRITICAL, "accuracy", f"Accuracy is {accuracy:.1%}; the limit is {least:.1%}.")
    if measured.degraded:
        text = f"Below the baseline by more than chance: {', '.join(measured.degraded)}."
        yield Finding(WARNING, "performance", text)


def _confusion(selection: Selection) -> dict[str, dict[str, int]]:
    classification, window = selection.measures.find(Classification), selection.outcomes
    if not classification or not window:
        return {}
    names, counts, _ = classification.confusion(window)
    shown = np.argsort(-(counts.sum(axis=0) + counts.sum(axis=1)), kind="stable")[:MOST_CLASSES]
    return {
        names[row]: {names[column]: int(counts[row, column]) for column in shown}
        for row in shown
        if counts[row].any() or counts[:, row].any()
    }


def _curves(selection: Selection) -> dict[str, Curve]:
    quality, window = selection.measures.find(ScoreQuality), selection.outcomes
    if not quality or not window:
        return {}
    scores: ScoresByTruth = quality.scores
    curves = {}
    for name, (others, of_class) in zip(scores.classes, window[scores], strict=True):
        if not others.sum() or not of_class.sum():
            continue
        # From the highest score down.
        false, true = others[::-1].cumsum(), of_class[::-1].cumsum()
        kept = np.flatnonzero(np.diff(np.concatenate(([0.0], false + true))) > 0)
        curves[name] = Curve(
            false_positive_rate=(false[kept] / false[-1]).round(6).tolist(),
            recall=(true[kept] / true[-1]).round(6).tolist(),
            precision=(true[kept] / (false[kept] + true[kept])).round(6).tolist(),
        )
    return curves


def _headline(about: About, models: Sequence[ModelReport]) -> list[str]:
    """Return what changed most, what needs attention, and what could not be judged."""
    lines = [] if models else ["There are no predictions in the data."]
    for each in models:
        of_model = f" of {each.status.name} {each.status.version}" if len(models) > 1 else ""
        by_level = {
            level: [feature for feature in each.features if feature.status.level == level]
            for level in (MAJOR, MODERATE)
        }
        judged = [feature for feature in each.features if feature.status.level is not None]
        unjudged = len(each.features) - len(judged)
        if by_level[MAJOR]:
            names = _named(by_level[MAJOR])
            has = "has" if len(by_level[MAJOR]) == 1 else "have"
            lines.append(f"{len(by_level[MAJOR])} of {len(judged)} features{of_model} {has} drifted: {names}.")
        elif judged:
            lines.append(f"None of {counted(len(judged), 'feature', 'features')}{of_model} has drifted.")
        if by_level[MODERATE]:
            lines.append(f"Moderate changes: {_named(by_level[MODERATE])}.")
        if unjudged:
            lines.append(f"Too few records to judge {counted(unjudged, 'feature', 'features')}{of_model}.")
        lines += [found.text for found in each.findings]
    if about.unknown:
        what = counted(len(about.unknown), "column is", "columns are")
        lines.append(f"{what} not in the reference: {shortened(about.unknown)}.")
    if rejected := sum(about.rejected.values()):
        reason = max(about.rejected, key=about.rejected.__getitem__).replace("_", " ")
        lines.append(f"{rejected:,} of {about.rows:,} rows were rejected, most of them for: {reason}.")
    return lines


def _named(features: Sequence[VariableReport]) -> str:
    names = [f"{each.status.name} (PSI {each.status.psi:.2g})" for each in features[:MOST_NAMED]]
    more = len(features) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
