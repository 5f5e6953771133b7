"""Alerts of drift of a model's inputs: large, beyond chance, and not of broken data.

One alert is told of a model version, however many of its features have drifted; they are listed in its text.
"""

from __future__ import annotations

from collections.abc import Iterator

from alerts.alert import TWO_DIGITS, Alert, Look, limit_of, of_version, value
from alerts.drift_of_outputs import alerts_of_outputs
from alerts.drift_recordings import DRIFTED_INSTANCES, recordings
from alerts.limits import over
from alerts.models import where_enough_predictions, where_known_since
from alerts.promql import FEATURE, VERSION, by
from alerts.rules import ALERT_INTERVAL, Group, RuleFile


def file() -> RuleFile:
    return RuleFile(
        "drift",
        "drift",
        "Alerts on the drift of all but single features. Needs models.yaml, and of feature-drift-instances.yaml the "
        "alert on pods that see another world than the rest.",
        (
            Group("model-drift", (*recordings(),), 50_000, "30s"),
            Group("model-drift-alerts", (*_alerts(), *alerts_of_outputs()), 5_000, ALERT_INTERVAL),
        ),
    )


def _alerts() -> Iterator[Alert]:
    limit_of_psi = limit_of("feature_drift_psi", TWO_DIGITS)
    distance, zscore = 'abs(model_multivariate_drift{window="1h"})', 'abs(model_multivariate_drift_zscore{window="1h"})'
    yield Alert(
        "ModelMultivariateDrift",
        "drift",
        "warning",
        expression=f"{over(f'quantile by ({by(VERSION)}) (0.5, {distance})', 'multivariate_drift')}\n"
        f"and avg by ({by(VERSION)}) ({zscore} > bool 6) >= 0.5\n{where_known_since('1h')}",
        pending="15m",
        summary="A model's inputs do not belong together as they did in training.",
        says=f"{of_version('The features')} no longer move together as in the reference: their distance from its "
        "principal "
        f"components has moved by {value(TWO_DIGITS)} of the reference's standard deviations; the limit is "
        f"{limit_of('multivariate_drift', TWO_DIGITS)}.",
        first="First look for features that are shifted in time, joined to the wrong record or missing.",
        value=value(TWO_DIGITS),
        dashboard="drift",
        limit=limit_of("multivariate_drift", TWO_DIGITS),
        keep_firing_for="30m",
    )
    psi_of_embeddings = Look("model_embedding_drift_psi", 'window="1h"')
    embeddings = psi_of_embeddings.listed(["feature_name"], TWO_DIGITS, "topk(5, max by (feature_name) (%s))")
    embedding = 'model_embedding_drift_psi{window="1h"}'
    yield Alert(
        "ModelEmbeddingDrift",
        "drift",
        "warning",
        expression=f"max by ({by(VERSION)}) (\n"
        f"  {over(f'quantile by ({by(FEATURE)}) (0.5, {embedding})', 'embedding_drift_psi')}\n)\n"
        f"{where_enough_predictions()}\n{where_known_since('1h')}",
        pending="15m",
        summary="A model's embeddings are not what it was trained on.",
        says=f"{of_version('Embeddings')} have moved away from the reference. Mean PSI of their projections, the "
        "limit being "
        f"{limit_of('embedding_drift_psi', TWO_DIGITS)}: {embeddings}.",
        first="First see whether the encoder is the one of the training.",
        value=value(TWO_DIGITS),
        dashboard="drift",
        limit=limit_of("embedding_drift_psi", TWO_DIGITS),
        keep_firing_for="30m",
    )
    yield Alert(
        "ModelInstanceDrift",
        "drift",
        "warning",
        expression=f"max by ({by(VERSION)}) ({DRIFTED_INSTANCES})\n> 0",
        pending="30m",
        summary="Some pods of a model see other inputs than the rest.",
        says=f"{of_version('Pods')} get inputs unlike those of all other pods. Greatest PSI of a feature, the limit "
        "being "
        f"{limit_of_psi}: {Look(DRIFTED_INSTANCES).listed(['pod', 'instance'], TWO_DIGITS)}.",
        first="First look at how requests are routed to these pods, and what their feature store or cache returns.",
        value=value(TWO_DIGITS),
        dashboard="compare",
        limit=limit_of_psi,
        keep_firing_for="30m",
    )
    ids = f"count by ({by((*VERSION, 'reference_id'))}) (model_reference_info)"
    pods = "topk(5, count by (reference_id) (%s))"
    references = Look("model_reference_info").listed(["reference_id"], "humanize", pods)
    yield Alert(
        "ModelReferencesDiffer",
        "drift",
        "warning",
        expression=f"count by ({by(VERSION)}) (\n  {ids}\n) > 1",
        pending="30m",
        summary="Pods of one model version have different references.",
        says=f"{of_version('Pods')} compare with {value('humanize')} different references, so drift of the whole "
        "fleet is "
        f"not recorded. Pods by reference: {references}.",
        first="First see whether a rollout is stuck; then give all pods of the version the same profile.",
        value=value("humanize"),
        dashboard="fleet",
        limit="1",
    )
