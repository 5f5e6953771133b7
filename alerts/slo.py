"""Service level objectives: errors and latency against an error budget, by burn rate over two windows at once.

After the SRE workbook, chapter 5: fourteen times the budget's pace for an hour spends 2% of a month's budget, six times
for six hours 5%, and these wake someone; three times for a day and once for three days each spend 10%.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from alerts.alert import PERCENT, Alert, Look, Severity, value
from alerts.limits import limit, limit_of_a_model
from alerts.models import ERRORS, REQUESTS
from alerts.promql import MODEL, VERSION, by
from alerts.rules import ALERT_INTERVAL, Group, Recording, RuleFile

SLO = (*MODEL, "slo")
BAD = "model_slo:slo_bad_requests:rate5m"
ALL = "model_slo:slo_requests:rate5m"
OBJECTIVE = "slo:objective:ratio"
BUDGET = "slo:error_budget:ratio"
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")
# Bad requests that a long window must hold: one failure in a quiet night is no burn.
LEAST = 10
# Between recordings of rates, so that a sum of them times this is a count.
INTERVAL_SECONDS = 60


def file() -> RuleFile:
    return RuleFile(
        "slo",
        "slo",
        "Service level objectives of each model, over all its versions, and alerts on how fast the error budget "
        "burns.\n"
        "`slo` is errors (99.9% of requests answered, `slo_errors`) or latency (99% of predictions within "
        "`latency_p99_seconds`, `slo_latency`; there where a bucket of the histogram has that bound).",
        (
            Group("model-slo", (*_recorded(),), 50_000, f"{INTERVAL_SECONDS}s"),
            Group("model-slo-alerts", (*_alerts(),), 5_000, ALERT_INTERVAL),
        ),
    )


def error_ratio(window: str) -> str:
    return f"slo:sli_error:ratio_rate{window}"


def of(slo: str, expression: str) -> str:
    return f'label_replace({expression}, "slo", "{slo}", "", "")'


def _recorded() -> Iterator[Recording]:
    served = f"sum by ({by(VERSION)}) (rate(model_prediction_latency_seconds_count[5m]))"
    bucket = f"sum by ({by((*VERSION, 'le'))}) (rate(model_prediction_latency_seconds_bucket[5m]))"
    # The bucket whose bound is the limit: a number as a label, spelt as the sidecar does.
    bound = f'count_values by ({by(VERSION)}) ("le", {limit("latency_p99_seconds")})'
    spelt = f'label_replace({bound}, "le", "$1.0", "le", "([0-9]+)")'
    fast = f"sum without (le) (\n  {bucket}\n  * {spelt}\n)"
    yield Recording(
        BAD,
        f"{of('errors', ERRORS)}\nor {of('latency', f'sum by ({by(MODEL)}) ({served} - ({fast}))')}",
        "Requests a second that failed, or were answered too late.",
    )
    measured = f"sum by ({by(MODEL)}) ({served} and {fast})"
    yield Recording(ALL, f"{of('errors', REQUESTS)}\nor {of('latency', measured)}", "Requests a second that count.")
    yield Recording(error_ratio("5m"), f"{BAD} / ({ALL} > 0)", "Share of bad requests.")
    for window in WINDOWS[1:]:
        yield Recording(
            error_ratio(window),
            f"sum_over_time({BAD}[{window}])\n/ (sum_over_time({ALL}[{window}]) > 0)",
            f"The same over {window}, by requests.",
        )
    objectives = "\nor ".join(of(slo, limit_of_a_model(f"slo_{slo}")) for slo in ("errors", "latency"))
    yield Recording(OBJECTIVE, objectives, "The share of requests that should be good.")
    yield Recording(BUDGET, f"1 - {OBJECTIVE}", "The share of requests that may be bad.")
    yield Recording("slo:current_burn_rate:ratio", f"{error_ratio('5m')} / {BUDGET}", "1 spends the budget in 30 days.")
    yield Recording(
        "slo:period_error_budget_remaining:ratio",
        f"1 - {error_ratio('30d')} / {BUDGET}",
        "What is left of the budget of the last 30 days.",
    )


def _alerts() -> Iterator[Alert]:
    yield _burn(
        "ModelErrorBudgetBurnFast",
        "critical",
        ((14.4, "5m", "1h"), (6, "30m", "6h")),
        "2m",
        "A model spends its error budget so fast that it will be gone in days.",
        "First see whether it is errors or latency, and roll back what was deployed last.",
    )
    yield _burn(
        "ModelErrorBudgetBurnSlow",
        "warning",
        ((3, "2h", "1d"), (1, "6h", "3d")),
        "15m",
        "A model spends its error budget faster than it may.",
        "First look at when it began, and plan the repair for this week.",
        unless='ALERTS{alertname="ModelErrorBudgetBurnFast", alertstate="firing"}',
    )


def _burn(
    name: str,
    severity: Severity,
    pairs: tuple[tuple[float, str, str], ...],
    pending: str,
    summary: str,
    first: str,
    unless: str = "",
) -> Alert:
    def burns(factor: float, short: str, long: str) -> str:
        enough = f"sum_over_time({BAD}[{long}]) * {INTERVAL_SECONDS} >= {LEAST}"
        return (
            f"(\n  {error_ratio(long)} > {factor} * {BUDGET}\n"
            f"  and {error_ratio(short)} > {factor} * {BUDGET}\n  and {enough}\n)"
        )

    long = pairs[0][2]
    burning = "\nor ".join(burns(*pair) for pair in pairs)
    return Alert(
        name,
        "slo",
        severity,
        expression=f"(\n{indent(burning, '  ')}\n)\nunless on ({by(SLO)}) {unless}" if unless else burning,
        pending=pending,
        summary=summary,
        says=f"{value(PERCENT)} of the requests to {{{{ $labels.model_name }}}} miss the objective for "
        f"{{{{ $labels.slo }}}}; "
        f"{Look(BUDGET, subject=SLO).one(PERCENT)} may. In the last {long} it was "
        f"{Look(error_ratio(long), subject=SLO).one(PERCENT)}, in the last 5m "
        f"{Look(error_ratio('5m'), subject=SLO).one(PERCENT)}.",
        first=first,
        value=value(PERCENT),
        dashboard="model",
        limit=Look(BUDGET, subject=SLO).one(PERCENT),
        keep_firing_for="5m",
        subject=SLO,
    )
