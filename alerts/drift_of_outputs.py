"""Alerts of drift of what a model says, why it says so, and of what turns out to be true."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.alert import TWO_DIGITS, Alert, Look, limit_of, of_version, value
from alerts.drift_recordings import DRIFTED_ATTRIBUTIONS
from alerts.limits import below, over
from alerts.models import BEYOND_CHANCE, half_of_pods, where_enough_predictions, where_known_since
from alerts.promql import VERSION, by


def alerts_of_outputs() -> Iterator[Alert]:
    limit_of_psi = limit_of("feature_drift_psi", TWO_DIGITS)
    median = Look("model_prediction_drift_psi", 'window="1h"').one(TWO_DIGITS, "quantile(0.5, %s)")
    yield Alert(
        "ModelPredictionDrift",
        "drift",
        "warning",
        expression=f'{half_of_pods("""model_prediction_drifted{window="1h"}""")}\n{where_known_since("1h")}',
        pending="15m",
        summary="A model's predictions are not distributed as in the reference.",
        says=f"{of_version('The predictions')} have moved away from the reference, more than chance explains: median "
        "PSI "
        f"{median}, limit {limit_of_psi}.",
        first="First see whether its inputs have drifted too; if not, look for a changed model or threshold.",
        value=median,
        dashboard="drift",
        limit=limit_of_psi,
        keep_firing_for="30m",
    )
    labels = 'model_label_drift_psi{window="24h"}'
    certain = (
        f'avg by ({by(VERSION)}) ({labels} > bool {BEYOND_CHANCE} * model_label_drift_psi_critical{{window="24h"}})'
    )
    yield Alert(
        "ModelLabelDrift",
        "drift",
        "warning",
        expression=f"{over(f'quantile by ({by(VERSION)}) (0.5, {labels})', 'label_drift_psi')}\n"
        f"and {certain} >= 0.5\n{where_known_since('24h')}",
        pending="1h",
        summary="The truth is not distributed as in the reference.",
        says=f"{of_version('The true outcomes')} of the last day have moved away from the reference: PSI "
        f"{value(TWO_DIGITS)}, limit {limit_of('label_drift_psi', TWO_DIGITS)}.",
        first="First see whether accuracy has fallen with it, and whether the labels are made as before.",
        value=value(TWO_DIGITS),
        dashboard="drift",
        limit=limit_of("label_drift_psi", TWO_DIGITS),
        keep_firing_for="6h",
    )
    yield Alert(
        "ModelAttributionDrift",
        "drift",
        "warning",
        expression=f"max by ({by(VERSION)}) ({DRIFTED_ATTRIBUTIONS})\n> 0",
        pending="15m",
        summary="A model decides by other features than in the reference.",
        says=f"{of_version('The attributions')} have moved away from the reference. PSI by feature, the limit being "
        f"{limit_of('attribution_drift_psi', TWO_DIGITS)}: "
        f"{Look(DRIFTED_ATTRIBUTIONS).listed(['feature_name'], TWO_DIGITS)}.",
        first="First see whether these features have drifted, and whether the explainer is the one of the reference.",
        value=value(TWO_DIGITS),
        dashboard="explainability",
        limit=limit_of("attribution_drift_psi", TWO_DIGITS),
        keep_firing_for="30m",
    )
    settled = f"{where_enough_predictions()}\n{where_known_since('1h')}"
    ndcg = f'quantile by ({by(VERSION)}) (0.5, model_attribution_ranking_ndcg{{window="1h"}})'
    yield Alert(
        "ModelAttributionRankingChanged",
        "drift",
        "info",
        expression=f"{below(ndcg, 'attribution_ranking_ndcg')}\n{settled}",
        pending="30m",
        summary="A model's most important features are others than in the reference.",
        says=f"{of_version('The ranking of features by attribution')} agrees with the reference's by "
        f"{value(TWO_DIGITS)} (NDCG, 1 is the same); the limit is {limit_of('attribution_ranking_ndcg', TWO_DIGITS)}.",
        first="First see which features have risen, and whether that makes sense to who knows the model.",
        value=value(TWO_DIGITS),
        dashboard="explainability",
        limit=limit_of("attribution_ranking_ndcg", TWO_DIGITS),
        keep_firing_for="1h",
    )
