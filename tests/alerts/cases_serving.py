"""Cases of the alerts of serving and of service level objectives."""

from tests.alerts.timeline import MODEL_LABELS, Case, Rate, of, thresholds

BUCKET = "model_prediction_latency_seconds_bucket"
ERRORS = of("model_prediction_errors_total", 'error_type="timeout"')
APPROVE = of("model_predictions_total", 'prediction_class="approve"')
ALL, COUNT = of(BUCKET, 'le="+Inf"'), of("model_prediction_latency_seconds_count")
DECLINE = of("model_predictions_total", 'prediction_class="decline"')
# Objectives that are out of reach, where a case is of something else.
NO_OBJECTIVE = thresholds(slo_errors=0.5, slo_latency=0.5)


def latency(quarter: float, half: float, second: float) -> dict[str, Rate]:
    return {
        of(BUCKET, 'le="0.25"'): Rate(quarter),
        of(BUCKET, 'le="0.5"'): Rate(half),
        of(BUCKET, 'le="1.0"'): Rate(second),
    }


def of_slo(slo: str) -> dict[str, str]:
    return {**MODEL_LABELS, "slo": slo}


CASES = [
    Case(
        "ModelLatencyHigh",
        # Of 180, 3.6 take half a second to one: the 99th of a hundred lies in the middle of that.
        fault=latency(150, 176.4, 180),
        near=latency(150, 178.4, 180),
        healthy=NO_OBJECTIVE | latency(180, 180, 180) | {APPROVE: Rate(160), ALL: Rate(180), COUNT: Rate(180)},
        fires=16,
        summary="The 99th percentile of latency is 750ms, above the limit of 500ms.",
        says="One in a hundred predictions of credit, version 3, takes longer than 750ms; the limit is 500ms. First "
        "see whether one pod or all are slow, whether CPU is throttled, and whether traffic has risen.",
    ),
    Case(
        "ModelErrorRatioHigh",
        fault={ERRORS: Rate(20)},
        near={ERRORS: Rate(3)},
        healthy=NO_OBJECTIVE,
        fires=16,
        summary="25% of the requests fail.",
        says="25% of the requests to credit, version 3, fail; the limit is 5%. Errors per minute by type: timeout 20. "
        "First read the model's own log for the most frequent type, and roll back if this began with a "
        "deployment.",
    ),
    Case(
        "ModelPredictionsStopped",
        fault={APPROVE: Rate(0), DECLINE: Rate(0), ERRORS: Rate(0)},
        near={APPROVE: Rate(0), DECLINE: Rate(0.5), ERRORS: Rate(0)},
        healthy=thresholds(class_share=2),
        labels=MODEL_LABELS,
        # Long after the hour before has been forgotten.
        fires=160,
        resolves=20,
        summary="Requests have stopped.",
        says="credit has received no requests for 2h 40m 0s, although its sidecars respond. First see whether "
        "requests reach the model (ingress, callers), then whether it still writes its log where the sidecar "
        "reads it.",
    ),
    Case(
        "ModelTrafficLow",
        fault={APPROVE: Rate(20), DECLINE: Rate(5)},
        near={APPROVE: Rate(22), DECLINE: Rate(11)},
        labels=MODEL_LABELS,
        begins=26 * 60,
        fires=92,
        resolves=100,
        summary="Traffic is 41.68% of what is usual at this hour.",
        says="In the last hour, credit received 25 requests per minute: 41.68% of the traffic at the same hour "
        "yesterday or a week ago, whichever was lower. The alert fires below 50%. First ask whether a caller or "
        "a holiday explains this.",
    ),
    Case(
        "ModelTrafficHigh",
        fault={APPROVE: Rate(80), DECLINE: Rate(45)},
        near={APPROVE: Rate(70), DECLINE: Rate(45)},
        labels=MODEL_LABELS,
        begins=26 * 60,
        fires=92,
        resolves=100,
        summary="Traffic is 208.3% of what is usual at this hour.",
        says="In the last hour, credit received 125 requests per minute: 208.3% of the traffic at the same hour "
        "yesterday or a week ago, whichever was higher. The alert fires above 200%. First find the caller that "
        "sends them, and see whether latency has risen.",
    ),
    Case(
        "ModelClassMixCollapsed",
        fault={APPROVE: Rate(60), DECLINE: Rate(0)},
        near={APPROVE: Rate(58.8), DECLINE: Rate(1.2)},
        healthy={APPROVE: Rate(40), DECLINE: Rate(20)},
        begins=200,
        fires=80,
        resolves=40,
        summary="100% of the predictions are of class approve.",
        says="In the last hour, 100% of the predictions of credit, version 3, were of class approve; the limit for "
        "one class is 99%. On the day before, the most frequent class had 69.7%. First look for features that "
        "are constant or missing, then for a changed model or decision threshold.",
    ),
    Case(
        "ModelErrorBudgetBurnFast",
        # A fortieth fails: 2.5% is more than 14.4 times 0.1%.
        fault={ERRORS: Rate(60 / 39)},
        near={ERRORS: Rate(0.3)},
        labels=of_slo("errors"),
        fires=76,
        resolves=40,
        beside=("ModelErrorBudgetBurnSlow",),
        summary="2.5% of the requests failed in the last hour.",
        says="In the last hour, 2.5% of the requests to credit failed, in the last five minutes 2.5%. The objective "
        "allows 0.1%. At this rate, the error budget of 30 days lasts 1d 4h 48m 0s; 0% of it is left. Errors per "
        "minute: 1.54 by version 3. First roll back what was deployed last.",
    ),
    Case(
        "ModelErrorBudgetBurnSlow",
        fault=latency(58, 58, 58),
        # Within the second that is this model's limit.
        near=latency(58, 58, 60),
        labels=of_slo("latency"),
        healthy=thresholds(latency_p99_seconds=1.0),
        fires=200,
        resolves=400,
        summary="2.388% of the requests took longer than the limit in the last day.",
        says="In the last day, 2.388% of the requests to credit took longer than the limit, in the last six hours "
        "2.388%. The objective allows 1%. At this rate, the error budget of 30 days lasts 12d 13h 32m 9s; 0% of "
        "it is left. 99th percentile of latency: 1s for version 3. First find out when it began, and plan the "
        "repair for this week.",
    ),
]
