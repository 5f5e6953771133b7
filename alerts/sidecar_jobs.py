"""Alerts of sidecars by job: behind, failing, refusing or losing what they should count.

What a sidecar says of itself has no model's labels; a job is what a deployment is scraped as.
"""

from __future__ import annotations

from collections.abc import Iterator

from alerts.alert import PERCENT, Alert, Look, Severity, value
from alerts.promql import by
from alerts.rules import Recording

JOB = ("cluster", "namespace", "job")
POD = (*JOB, "pod", "instance")
SOURCE = (*JOB, "source")
LAG_SECONDS = 60
REJECTED = "job_source:prediction_exporter_source_rejected_lines_per_line:ratio_rate15m"
REJECTED_LIMIT = 0.01
LEAST_LINES = 100


def rejected() -> Recording:
    return Recording(
        REJECTED,
        f"sum by ({by(SOURCE)}) (rate(prediction_exporter_source_rejected_lines_total[15m]))\n"
        f"/ (sum by ({by(SOURCE)}) (rate(prediction_exporter_source_lines_total[15m])) > {LEAST_LINES} / 900)",
        "Share of refused lines; nothing where there were few.",
    )


def alerts_of_jobs() -> Iterator[Alert]:
    yield _of_pods(
        "PredictionExporterLagging",
        pods=f"max by ({by(POD)}) (prediction_exporter_source_lag_seconds) > {LAG_SECONDS}",
        listed="prediction_exporter_source_lag_seconds",
        around=f"max by (pod, instance) (%s) > {LAG_SECONDS}",
        pending="10m",
        summary="Sidecars read more slowly than the model writes.",
        says="are behind: bytes that are not read yet have waited for up to",
        spelt="humanizeDuration",
        first="First see whether the sidecar's CPU is throttled, then whether one model writes much more than before.",
        limit=f"{LAG_SECONDS}s",
    )
    yield _of_pods(
        "PredictionExporterCommitsFailing",
        pods=f'sum by ({by(POD)}) (increase(prediction_exporter_commits_total{{result="failure"}}[15m])) > 0',
        listed="prediction_exporter_commits_total",
        pending="1m",
        summary="Sidecars could not save their state.",
        says="could not save their state in the last 15 minutes, and answered 503 then; failed commits:",
        spelt="humanize",
        first="First look at the volume of `state_dir`: is it full, read-only or gone?",
        limit="0",
        around="sum by (pod, instance) (increase(%s[15m])) > 0",
        where='result="failure"',
    )
    rejected = Look(REJECTED, subject=JOB)
    yield Alert(
        "PredictionExporterRejecting",
        "sidecar",
        "warning",
        expression=f"max by ({by(JOB)}) ({REJECTED}) > {REJECTED_LIMIT}",
        pending="10m",
        summary="Sidecars refuse lines of the prediction log.",
        says=f"Sidecars of {{{{ $labels.job }}}} refuse lines, and these predictions are not counted. Share by "
        "source, the limit "
        f"being {REJECTED_LIMIT:.0%}: {rejected.listed(['source'], PERCENT)}. Lines a second by reason: "
        f"{_reasons()}.",
        first="First read the sidecar's log, which says where such lines are; then see what the model writes since "
        "when.",
        value=value(PERCENT),
        dashboard="exporter",
        limit=f"{REJECTED_LIMIT:.0%}",
        keep_firing_for="10m",
        subject=JOB,
    )
    yield _of_pods(
        "PredictionExporterLabelsCapped",
        pods=f"sum by ({by(POD)}) (increase(prediction_exporter_capped_labels_total[1h])) > 0",
        listed="prediction_exporter_capped_labels_total",
        pending="15m",
        summary="Sidecars count some label values as `other`.",
        says="have more versions, classes, error types or segments than they may, and count the rest as `other`; "
        "records in the "
        "last hour:",
        spelt="humanize",
        first="First see which label it is, and whether its values are what they should be (an id is none).",
        limit="0",
        around="sum by (pod, instance) (increase(%s[1h])) > 0",
        severity="info",
    )
    reloads = '__name__=~"prediction_exporter_(web_)?config_last_reload_successful"'
    yield _of_pods(
        "PredictionExporterReloadFailed",
        pods=f"min by ({by(POD)}) ({{{reloads}}}) == 0",
        listed="",
        pending="5m",
        summary="Sidecars could not read their changed configuration.",
        says="go on with the configuration that they had, because the new one is wrong:",
        spelt="",
        first="First run `prediction-exporter check` on the new file, which lists every mistake.",
        limit="",
        around="min by (pod, instance) (%s) == 0",
        where=reloads,
    )
    lost = (
        "prediction_exporter_source_gaps_total",
        "prediction_exporter_source_dropped_datagrams_total",
    )
    increases = "\nor ".join(f"sum by ({by(POD)}) (increase({name}[15m])) > 0" for name in lost)
    yield Alert(
        "PredictionExporterDataLost",
        "sidecar",
        "warning",
        expression=f"sum by ({by(JOB)}) (\n{increases}\n) > 0",
        pending="1m",
        summary="Predictions were lost before sidecars could read them.",
        says=f"Sidecars of {{{{ $labels.job }}}} have lost {value('humanize')} files or datagrams in the last 15 "
        "minutes: counts of "
        "predictions are too low.",
        first="First see whether logs are deleted too early, or datagrams come faster than they are read.",
        value=value("humanize"),
        dashboard="exporter",
        limit="0",
        keep_firing_for="15m",
        subject=JOB,
    )
    yield _of_pods(
        "PredictionExporterSourceFailing",
        pods=f"max by ({by(POD)}) (prediction_exporter_source_failing_files) > 0",
        listed="prediction_exporter_source_failing_files",
        pending="10m",
        summary="Sidecars cannot open the prediction log.",
        says="cannot open or read files of the log; files:",
        spelt="humanize",
        first="First look at the files' owner and mode, and at the volume that both containers share.",
        limit="0",
    )
    yield Alert(
        "PredictionExporterJoinsEvicted",
        "sidecar",
        "warning",
        expression=f'sum by ({by(JOB)}) (increase(prediction_exporter_joins_total{{result="evicted"}}[1h])) > 0',
        pending="15m",
        summary="Sidecars forget predictions before their truth comes.",
        says=f"Sidecars of {{{{ $labels.job }}}} had no room for {value('humanize')} predictions of the last hour "
        "that wait for "
        "their truth: performance is measured on a part of them.",
        first="First give `ground_truth` more room or a shorter `wait`.",
        value=value("humanize"),
        dashboard="exporter",
        limit="0",
        keep_firing_for="15m",
        subject=JOB,
    )


def _of_pods(
    name: str,
    *,
    pods: str,
    listed: str,
    pending: str,
    summary: str,
    says: str,
    spelt: str,
    first: str,
    limit: str,
    around: str = "max by (pod, instance) (%s) > 0",
    where: str = "",
    severity: Severity = "warning",
) -> Alert:
    """Return an alert of a job, with its pods listed; `pods` is what is the matter with each."""
    found = Look(listed, where, JOB).listed(["pod", "instance"], spelt, f"topk(5, {around})")
    return Alert(
        name,
        "sidecar",
        severity,
        expression=f"max by ({by(JOB)}) (\n{pods}\n) > 0"
        if not pods.endswith("== 0")
        else f"count by ({by(JOB)}) (\n{pods}\n) > 0",
        pending=pending,
        summary=summary,
        says=f"Sidecars of {{{{ $labels.job }}}} {says} {found}.",
        first=first,
        value=value(spelt or "humanize"),
        dashboard="exporter",
        limit=limit,
        keep_firing_for="10m",
        subject=JOB,
    )


def _reasons() -> str:
    rates = "topk(5, sum by (reason) (rate(%s[15m])) > 0)"
    return Look("prediction_exporter_source_rejected_lines_total", subject=JOB).listed(
        ["reason"], 'printf "%.3g"', rates
    )
