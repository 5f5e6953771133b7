"""Alerts of serving: slow, failing, silent, unusually busy, or always of one mind."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.alert import PERCENT, Alert, Look, limit_of, of_version, value
from alerts.limits import over
from alerts.models import ENOUGH, FAILED, REQUESTS, SERVED, where_known_since
from alerts.promql import MODEL, VERSION, by
from alerts.rules import ALERT_INTERVAL, Group, Recording, RuleFile

P99 = "model_version:model_prediction_latency_seconds:p99_rate5m"
ERROR_RATIO = "model_version:model_prediction_errors_per_request:ratio_rate5m"
REQUESTS_15M = "model:model_requests:avg_rate15m"
REQUESTS_1H = "model:model_requests:avg_rate1h"
CLASS_SHARE = "model_version_class:model_predictions_per_prediction:ratio_increase1h"
CLASS_SHARE_BEFORE = "model_version_class:model_predictions_per_prediction:ratio_increase24h_offset1h"
CLASS = (*VERSION, "prediction_class")
# A hundred requests in five minutes: of fewer, one error is more than a percent.
BUSY = f"{ENOUGH} / 300"
# Five hundred: five of them are slower than the p99, so one slow request does not move it.
MANY = f"{5 * ENOUGH} / 300"
# Four hundred in an hour: of such a model twenty minutes of silence are not chance.
STEADY = f"{4 * ENOUGH} / 3600"


def file() -> RuleFile:
    return RuleFile(
        "serving",
        "serving",
        "Serving: latency, errors, traffic and classes, and alerts on them.",
        (
            Group("model-serving", (*_recorded(),), 50_000, "30s"),
            Group("model-serving-alerts", (*_alerts(),), 5_000, ALERT_INTERVAL),
        ),
    )


def _recorded() -> Iterator[Recording]:
    bucket = "model_prediction_latency_seconds_bucket"
    yield Recording(
        P99,
        f"histogram_quantile(0.99, sum by ({by((*VERSION, 'le'))}) (rate({bucket}[5m])))",
        "The time in which 99 of 100 predictions are answered.",
    )
    yield Recording(
        ERROR_RATIO, f"{FAILED} / ({SERVED} + {FAILED} > 0)", "Errors of a hundred requests, as a ratio: errors / all."
    )
    yield Recording(REQUESTS_15M, f"avg_over_time({REQUESTS}[15m])", "Requests a second in the last 20 minutes.")
    yield Recording(REQUESTS_1H, f"avg_over_time({REQUESTS}[1h])", "Requests a second in the last hour.")
    yield _class_share(CLASS_SHARE, "[1h]", "in the last hour")
    yield _class_share(CLASS_SHARE_BEFORE, "[1d] offset 1h", "in the day before that")


def _class_share(name: str, window: str, when: str) -> Recording:
    counted = f"sum by ({by(CLASS)}) (increase(model_predictions_total{window}))"
    total = f"sum by ({by(VERSION)}) (increase(model_predictions_total{window})) >= {ENOUGH}"
    return Recording(
        name,
        f"{counted}\n/ on ({by(VERSION)}) group_left() ({total})",
        f"Each class's share of the predictions {when}; nothing where there were few.",
    )


def _alerts() -> Iterator[Alert]:
    yield Alert(
        "ModelLatencyHigh",
        "serving",
        "warning",
        expression=f"{over(P99, 'latency_p99_seconds')}\nand on ({by(VERSION)}) {SERVED} >= {MANY}",
        pending="5m",
        summary="A model answers too slowly.",
        says=f"{of_version('The slowest hundredth of the predictions')} takes {value('humanizeDuration')} or more; the "
        f"limit is {limit_of('latency_p99_seconds', 'humanizeDuration')}.",
        first="First see whether one pod or all are slow, and whether CPU is throttled or traffic has risen.",
        value=value("humanizeDuration"),
        dashboard="model",
        limit=limit_of("latency_p99_seconds", "humanizeDuration"),
        keep_firing_for="5m",
    )
    yield Alert(
        "ModelErrorRatioHigh",
        "serving",
        "warning",
        expression=f"{over(ERROR_RATIO, 'error_ratio')}\nand on ({by(VERSION)}) {SERVED} + {FAILED} >= {BUSY}",
        pending="5m",
        summary="A model fails too many requests.",
        says=f"{value(PERCENT)} of the requests to {{{{ $labels.model_name }}}}, version "
        f"{{{{ $labels.model_version }}}}, fail; "
        f"the limit is {limit_of('error_ratio', PERCENT)}. Errors a second by type: "
        f"{_errors()}.",
        first="First look at the model's own log for the commonest type, and roll back if a deploy came before.",
        value=value(PERCENT),
        dashboard="model",
        limit=limit_of("error_ratio", PERCENT),
        keep_firing_for="5m",
    )
    stopped = (
        f"{REQUESTS_15M} == 0\nand (\n"
        f"  {REQUESTS_1H} offset 20m >= {STEADY}\n"
        f'  or max by ({by(MODEL)}) (ALERTS{{alertname="ModelPredictionsStopped", alertstate=~"pending|firing"}})\n)'
    )
    yield Alert(
        "ModelPredictionsStopped",
        "serving",
        "critical",
        expression=stopped,
        pending="2m",
        summary="A model that was busy gets no more requests.",
        says="{{ $labels.model_name }} has neither predicted nor failed once in 20 minutes, though its sidecar is up "
        "and it "
        "was busy before.",
        first="First see whether requests reach the model (ingress, callers), and then whether it still writes its "
        "log where "
        "the sidecar reads it.",
        value="0 requests a second",
        dashboard="model",
        subject=MODEL,
    )
    yesterday, last_week = f"{REQUESTS_1H} offset 1d", f"{REQUESTS_1H} offset 1w"
    least = f"({yesterday} < {last_week} or {last_week} or {yesterday})"
    most = f"({yesterday} > {last_week} or {last_week} or {yesterday})"
    yield Alert(
        "ModelTrafficUnusual",
        "serving",
        "warning",
        expression=f"(\n  {REQUESTS_1H} / ({least} >= {STEADY}) < 0.5\n  and {REQUESTS_15M} > 0\n)\n"
        f"or {REQUESTS_1H} / ({most} >= {STEADY}) > 2",
        pending="15m",
        summary="A model gets far more or fewer requests than at this hour before.",
        says=f"{{{{ $labels.model_name }}}} got {value('humanizePercentage')} of the requests of the same hour "
        "yesterday or a "
        "week ago (whichever is nearer) in the last hour; less than half or more than twice is told.",
        first="First ask whether a caller, a campaign or a holiday explains it.",
        value=value(PERCENT),
        dashboard="model",
        limit="50% to 200%",
        keep_firing_for="30m",
        subject=MODEL,
    )
    top = f"max by ({by(VERSION)}) ({CLASS_SHARE})"
    top_before = f"max by ({by(VERSION)}) ({CLASS_SHARE_BEFORE})"
    yield Alert(
        "ModelClassMixCollapsed",
        "serving",
        "warning",
        expression=f"{over(top, 'class_share')}\nand {top_before} < 0.95\n{where_known_since('1h')}",
        pending="10m",
        summary="A model predicts nearly always the same class.",
        says=f"{of_version(f'{value(PERCENT)} of the predictions in the last hour')} are "
        f"{Look(CLASS_SHARE).listed(['prediction_class'], PERCENT, 'topk(1, %s)')}; the limit is "
        f"{limit_of('class_share', PERCENT)}, and the day before its commonest class had "
        f"{Look(CLASS_SHARE_BEFORE).listed([], PERCENT, 'topk(1, %s)')}.",
        first="First look for features that are constant or missing, then for a model or threshold that was changed.",
        value=value(PERCENT),
        dashboard="model",
        limit=limit_of("class_share", PERCENT),
        keep_firing_for="15m",
    )


def _errors() -> str:
    rates = "topk(5, sum by (error_type) (rate(%s[5m])))"
    return Look("model_prediction_errors_total").listed(["error_type"], 'printf "%.3g"', rates)
