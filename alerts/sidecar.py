"""Alerts of the sidecar itself: when it is blind, behind, or does not tell all."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.alert import Alert, Look, of_version, value
from alerts.limits import ALWAYS
from alerts.promql import MODEL, VERSION, by
from alerts.rules import ALERT_INTERVAL, Group, Recording, RuleFile
from alerts.sidecar_jobs import POD, alerts_of_jobs, rejected

KNOWN = "instance_model_version:model_threshold:known1h"
DOWN = "instance_model_version:up:down"


def file() -> RuleFile:
    return RuleFile(
        "sidecar",
        "sidecar",
        "Alerts on the sidecar itself. Needs nothing else.",
        (
            Group("prediction-exporter", (*_recorded(), rejected()), 50_000, "30s"),
            Group("prediction-exporter-alerts", (*_alerts(), *alerts_of_jobs()), 5_000, ALERT_INTERVAL),
        ),
    )


def _recorded() -> Iterator[Recording]:
    pod = by((*VERSION, "job", "pod", "instance"))
    yield Recording(KNOWN, f"count by ({pod}) (last_over_time({ALWAYS}[1h]))", "Pods that were seen in the last hour.")
    yield Recording(
        DOWN,
        f"{KNOWN} and on ({by(POD)}) (up == 0)",
        "Pods whose sidecar is there and does not answer: it is down, or cannot save its state.",
    )


def _alerts() -> Iterator[Alert]:
    yield Alert(
        "PredictionExporterAbsent",
        "sidecar",
        "critical",
        expression=f"count by ({by(MODEL)}) (last_over_time({ALWAYS}[1d]))\nunless on ({by(MODEL)}) {ALWAYS}",
        pending="10m",
        summary="A model is no longer watched: no sidecar of it answers.",
        says="No pod of {{ $labels.model_name }} has answered Prometheus for 10 minutes, though some did within the "
        "last day: nothing is known of it, and no other alert of it can fire.",
        first="First see whether its pods run, and whether Prometheus still finds them (Status, Targets).",
        value="0 pods",
        dashboard="exporter",
        subject=MODEL,
    )
    down = f"count by ({by(VERSION)}) ({DOWN})"
    yield Alert(
        "PredictionExporterDown",
        "sidecar",
        "warning",
        expression=f"{down} > 0",
        pending="5m",
        summary="Sidecars of a model do not answer.",
        says=f"{of_version(value('humanize') + ' sidecars')} do not answer Prometheus, and what these pods predict is "
        "not "
        f"counted: {Look(DOWN).listed(['pod', 'instance'])}.",
        first="First read the sidecar's log: if it cannot save its state it answers 503, else see why it does not run.",
        value=value("humanize"),
        dashboard="exporter",
        limit="0",
    )
    yield Alert(
        "PredictionExporterReferenceMissing",
        "sidecar",
        "info",
        expression=f"count by ({by(VERSION)}) ({ALWAYS})\nunless on ({by(VERSION)}) model_reference_info\n> 0",
        pending="1h",
        summary="A model has no reference, so its drift is not watched.",
        says=f"{of_version('Sidecars')} have no reference profile: there is no drift and no data quality.",
        first="First make one of the training data (`prediction-exporter profile`) and name it in the configuration.",
        value=value("humanize"),
        dashboard="exporter",
    )
