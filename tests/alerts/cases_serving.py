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
        says="The 99th percentile of the latency of credit, version 3, is 750ms; the limit is 500ms. First see "
        "whether one pod or all are slow, and whether CPU is throttled or traffic has risen.",
        value="750ms",
        limit="500ms",
    ),
    Case(
        "ModelErrorRatioHigh",
        fault={ERRORS: Rate(20)},
        near={ERRORS: Rate(3)},
        healthy=NO_OBJECTIVE,
        fires=16,
        says="25% of the requests to credit, version 3, fail; the limit is 5%. Errors per second by type: timeout "
        "0.333. First look at the model's own log for the commonest type, and roll back if a deploy came "
        "before.",
        value="25%",
        limit="5%",
    ),
    Case(
        "ModelPredictionsStopped",
        fault={APPROVE: Rate(0), DECLINE: Rate(0), ERRORS: Rate(0)},
        near={APPROVE: Rate(0), DECLINE: Rate(0.5), ERRORS: Rate(0)},
        healthy=thresholds(class_share=2),
        labels=MODEL_LABELS,
        # Long after what it was before has been forgotten.
        fires=160,
        resolves=20,
        says="credit has neither predicted nor failed once in 20 minutes, though its sidecar is up and it was busy "
        "before. "
        "First see whether requests reach the model (ingress, callers), and then whether it still writes its log where "
        "the sidecar reads it.",
        value="0 requests per second",
    ),
    Case(
        "ModelTrafficUnusual",
        fault={APPROVE: Rate(20), DECLINE: Rate(5)},
        near={APPROVE: Rate(22), DECLINE: Rate(11)},
        labels=MODEL_LABELS,
        begins=26 * 60,
        fires=92,
        resolves=100,
        says="credit got 41.68% of the requests of the same hour yesterday or a week ago (whichever is nearer) in "
        "the last hour. The limits are 50% and 200%. First ask whether a caller, a campaign or a holiday "
        "explains it.",
        value="41.68%",
        limit="50% to 200%",
    ),
    Case(
        "ModelClassMixCollapsed",
        fault={APPROVE: Rate(60), DECLINE: Rate(0)},
        near={APPROVE: Rate(58.8), DECLINE: Rate(1.2)},
        healthy={APPROVE: Rate(40), DECLINE: Rate(20)},
        begins=200,
        fires=80,
        resolves=40,
        says="100% of the predictions in the last hour of credit, version 3, are approve 100%; the limit is 99%, and "
        "the "
        "day before its commonest class had 69.7%. First look for features that are constant or missing, then for a "
        "model "
        "or threshold that was changed.",
        value="100%",
        limit="99%",
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
        says="2.5% of the requests to credit miss the objective for errors; it allows 0.1%. In the last 1h it was "
        "2.5%, in the last 5m 2.5%. First see whether it is errors or latency, and roll back what was "
        "deployed last.",
        value="2.5%",
        limit="0.1%",
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
        says="2.388% of the requests to credit miss the objective for latency; it allows 1%. In the last 1d it was "
        "2.388%, in the last 5m 3.333%. First look at when it began, and plan the repair for this week.",
        value="2.388%",
        limit="1%",
    ),
]
