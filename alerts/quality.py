"""Alerts of data quality: features that are missing, broken, stuck, unseen or new."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.alert import PERCENT, Alert, Look, limit_of, of_version, value
from alerts.feature_series import REFERENCE, REFERENCE_SIZE
from alerts.limits import over
from alerts.models import ENOUGH, PREDICTIONS, where_enough_predictions, where_known_since
from alerts.promql import FEATURE, VERSION, by
from alerts.rules import ALERT_INTERVAL, Group, Recording, RuleFile

CHECKED = "model_version_feature_check:model_feature_quality:increase1h"
FAILING = "model_version_feature_check:model_feature_quality_per_prediction:ratio_increase1h"
MISSING = "model_version_feature:model_feature_missing_per_prediction:excess_ratio1h"
INVALID = "model_version_feature:model_feature_invalid_per_prediction:ratio_increase1h"
UNSEEN = "model_version_feature:model_feature_unseen_per_prediction:excess_ratio1h"
ABSENT = "model_version_feature:model_feature_absent:ratio_of_pods"
STUCK = "model_version_feature:model_feature_stuck:ratio_of_pods"
BROKEN = "model_version_feature:model_feature_quality:broken"


def file() -> RuleFile:
    return RuleFile(
        "quality",
        "quality",
        "Data quality: what share of each feature's values fails a check, and alerts on it. Needs models.yaml, and of "
        "feature-drift.yaml what the reference itself lacks.",
        (
            Group("model-quality", (*_recorded(),), 50_000, "30s"),
            Group("model-quality-alerts", (*_alerts(),), 5_000, ALERT_INTERVAL),
        ),
    )


def _excess(check: str, bin_: str) -> str:
    """Return by how much the share exceeds the reference's own, if its bins are exported."""
    failing = f'sum by ({by(FEATURE)}) ({FAILING}{{check=~"{check}"}})'
    of_reference = f'sum without (bin) ({REFERENCE}{{bin="{bin_}"}}) / {REFERENCE_SIZE}'
    return f"{failing} - ({of_reference})\nor {failing}"


def _recorded() -> Iterator[Recording]:
    yield Recording(
        CHECKED,
        f"sum by ({by((*FEATURE, 'check'))}) (increase(model_feature_quality_total[1h]))",
        "Values that failed each check in the last hour.",
    )
    yield Recording(
        FAILING,
        f"{CHECKED}\n/ on ({by(VERSION)}) group_left() ({PREDICTIONS} >= {ENOUGH})",
        "Their share of the hour's predictions; nothing where there were few.",
    )
    yield Recording(MISSING, _excess("missing", "missing"), "Share missing, less what the reference lacks itself.")
    yield Recording(
        INVALID,
        f'sum by ({by(FEATURE)}) ({FAILING}{{check=~"wrong_type|non_finite"}})',
        "Share that is no value at all: of a wrong type, NaN or infinite.",
    )
    yield Recording(
        UNSEEN,
        _excess("out_of_range|unseen_category", "other"),
        "Share that the reference has never seen: out of its range, or an unknown category.",
    )
    # Of five minutes, because an hour's window holds what was there before.
    absent = 'model_feature_absent{window="5m"}'
    yield Recording(ABSENT, f"avg by ({by(FEATURE)}) ({absent}) >= 0.5", "Features that no record has.")
    stuck = 'model_feature_stuck{window="1h"}'
    yield Recording(STUCK, f"avg by ({by(FEATURE)}) ({stuck}) >= 0.5", "Features with one and the same value.")
    shares = "\nor ".join(
        f"({over(share, metric)})"
        for share, metric in ((MISSING, "missing_ratio"), (INVALID, "invalid_ratio"), (UNSEEN, "unseen_ratio"))
    )
    yield Recording(
        BROKEN,
        f"max by ({by(FEATURE)}) (\n{ABSENT}\nor {STUCK}\nor {shares}\n)",
        "There for a feature whose values are broken, so that it is not told as drift too.",
    )


def _alerts() -> Iterator[Alert]:
    yield Alert(
        "ModelFeatureAbsent",
        "quality",
        "critical",
        expression=f"count by ({by(VERSION)}) ({ABSENT}) > 0",
        pending="5m",
        summary="A feature has vanished from a model's requests.",
        says=f"{of_version('No request')} has had {Look(ABSENT).listed(['feature_name'])} for five "
        "minutes, so every prediction is made without.",
        first="First look for a field that a caller or feature pipeline has renamed or dropped; roll that back.",
        value=value("humanize"),
        dashboard="quality",
        limit="0",
        keep_firing_for="10m",
        action="hold",
    )
    yield _of_share(
        "ModelFeatureMissing",
        "missing_ratio",
        MISSING,
        "Values of a feature are missing more often than in the reference.",
        "Values are missing, more than the reference lacks itself",
        "First look at the join or service that these features come from.",
    )
    yield _of_share(
        "ModelFeatureInvalid",
        "invalid_ratio",
        INVALID,
        "Values of a feature are no values: of a wrong type, NaN or infinite.",
        "Values have a wrong type, or are NaN or infinite",
        "First look for a serialiser or schema that has changed, or a division by zero.",
    )
    yield _of_share(
        "ModelFeatureUnseen",
        "unseen_ratio",
        UNSEEN,
        "Values of a feature are ones that the reference has never seen.",
        "Values lie outside of the reference's range, or are unknown categories",
        "First look for a changed unit, a sentinel such as -999, or a new product or country.",
    )
    yield Alert(
        "ModelFeatureStuck",
        "quality",
        "warning",
        expression=f"count by ({by(VERSION)}) ({STUCK}) > 0\n{where_enough_predictions()}",
        pending="15m",
        summary="A feature has had one and the same value for an hour.",
        says=f"{of_version('All requests')} have had the same value for an hour of: "
        f"{Look(STUCK).listed(['feature_name'])}.",
        first="First look at the sensor, cache or default that the value comes from.",
        value=value("humanize"),
        dashboard="quality",
        limit="0",
        keep_firing_for="15m",
        action="hold",
    )
    unknown = f"max by ({by(VERSION)}) (model_unknown_features)"
    yield Alert(
        "ModelUnknownFeatures",
        "quality",
        "info",
        expression=f"{unknown} > {unknown[:-1]} offset 1d)\n{where_known_since('24h')}",
        pending="15m",
        summary="Requests have features that the reference does not know.",
        says=f"{of_version('Requests')} hold {value('humanize')} features that the reference does not know, more than "
        "a day "
        "ago; the sidecar's log names them.",
        first="First ask whether a release upstream renamed a feature that the model uses.",
        value=value("humanize"),
        dashboard="quality",
    )


def _of_share(name: str, metric: str, share: str, summary: str, says: str, first: str) -> Alert:
    listed = Look(share).listed(["feature_name"], PERCENT, "topk(5, %s > 0)")
    return Alert(
        name,
        "quality",
        "warning",
        expression=f"max by ({by(VERSION)}) (\n{over(share, metric)}\n) > 0",
        pending="10m",
        summary=summary,
        says=f"{says}, in requests to {{{{ $labels.model_name }}}}, version {{{{ $labels.model_version }}}}. Share of "
        "the last "
        f"hour by feature, the limit being {limit_of(metric, PERCENT)}: "
        f"{listed}.",
        first=first,
        value=value(PERCENT),
        dashboard="quality",
        limit=limit_of(metric, PERCENT),
        keep_firing_for="15m",
        action="hold",
    )
