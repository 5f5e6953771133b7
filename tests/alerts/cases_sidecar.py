"""Cases of the alerts of the sidecar itself."""

from tests.alerts.timeline import HEALTHY, JOB_LABELS, MODEL_LABELS, Case, Gone, Level, Rate, of, own

DOWN = {name: Gone() for name in HEALTHY} | {own("up"): Level(0)}
LOG = 'source="log"'

CASES = [
    Case(
        "PredictionExporterAbsent",
        fault=dict.fromkeys(HEALTHY, Gone()),
        near={own("up"): Gone()},
        labels=MODEL_LABELS,
        fires=24,
        resolves=20,
        says="No pod of credit has responded to Prometheus for 10 minutes, although at least one did within the "
        "last day. The model is not monitored, and its other alerts are suppressed. First see whether its "
        "pods run, and whether Prometheus still finds them (Status, Targets).",
        value="0 pods",
    ),
    Case(
        "PredictionExporterDown",
        # Another pod of the version goes on.
        healthy={of("model_threshold", 'metric="feature_drift_psi"', pod='pod="c",instance="c:9465"'): Level(0.25)},
        fault=DOWN,
        near=dict.fromkeys(HEALTHY, Gone()),
        fires=16,
        resolves=16,
        says="1 sidecars of credit, version 3, do not respond to Prometheus, so the predictions of these pods are "
        "not counted: a a:9465. First read the sidecar's log: a sidecar that cannot save its state "
        "returns 503. If it does not run, find out why.",
        value="1",
        limit="0",
    ),
    Case(
        "PredictionExporterReferenceMissing",
        fault={of("model_reference_info", 'reference_id="r1"'): Gone()},
        near={},
        fires=68,
        resolves=16,
        says="Sidecars of credit, version 3, have no reference profile: there is no drift and no data quality. First "
        "make "
        "one of the training data (`prediction-exporter profile`) and name it in the configuration.",
        value="1",
    ),
    Case(
        "PredictionExporterLagging",
        healthy={own("prediction_exporter_source_lag_seconds", LOG): Level(0)},
        fault={own("prediction_exporter_source_lag_seconds", LOG): Level(90)},
        near={own("prediction_exporter_source_lag_seconds", LOG): Level(59)},
        labels=JOB_LABELS,
        says="Sidecars of model are behind: bytes that are not read yet have waited for up to a a:9465 1m 30s. First "
        "see "
        "whether the sidecar's CPU is throttled, then whether one model writes much more than before.",
        value="1m 30s",
        limit="60s",
    ),
    Case(
        "PredictionExporterCommitsFailing",
        fault={own("prediction_exporter_commits_total", 'result="failure"'): Rate(1)},
        near={own("prediction_exporter_commits_total", 'result="success"'): Rate(1)},
        labels=JOB_LABELS,
        resolves=40,
        says="Sidecars of model could not save their state in the last 15 minutes, and returned 503; failed "
        "commits: a a:9465 15. First look at the volume of `state_dir`: is it full, read-only or gone?",
        value="15",
        limit="0",
    ),
    Case(
        "PredictionExporterRejecting",
        healthy={own("prediction_exporter_source_rejected_lines_total", f'{LOG},reason="invalid_json"'): Rate(0)},
        fault={own("prediction_exporter_source_rejected_lines_total", f'{LOG},reason="invalid_json"'): Rate(6)},
        near={own("prediction_exporter_source_rejected_lines_total", f'{LOG},reason="invalid_json"'): Rate(0.5)},
        labels=JOB_LABELS,
        fires=32,
        says="Sidecars of model reject lines, so the predictions on them are not counted. Share by source, the "
        "limit being 1%: log 10%. Rejected lines per second by reason: invalid_json 0.1. First read the "
        "sidecar's log, which has the positions of rejected lines; then see how the model's log has changed.",
        value="10%",
        limit="1%",
    ),
    Case(
        "PredictionExporterLabelsCapped",
        healthy={own("prediction_exporter_capped_labels_total", 'label="model_version"'): Rate(0)},
        fault={own("prediction_exporter_capped_labels_total", 'label="model_version"'): Rate(1)},
        near={},
        labels=JOB_LABELS,
        fires=80,
        says="Sidecars of model have more versions, classes, error types or segments than they may, and count the "
        "rest as `other`; records in the last hour: a a:9465 60. First see which label it is, and whether its "
        "values belong there (ids do not).",
        value="60",
        limit="0",
    ),
    Case(
        "PredictionExporterReloadFailed",
        healthy={own("prediction_exporter_config_last_reload_successful"): Level(1)},
        fault={own("prediction_exporter_config_last_reload_successful"): Level(0)},
        near={own("prediction_exporter_web_config_last_reload_successful"): Level(1)},
        labels=JOB_LABELS,
        resolves=20,
        says="Sidecars of model keep the previous configuration, because the new one is invalid: a a:9465. First "
        "run `prediction-exporter check` on the new file, which lists every mistake.",
        value="1",
    ),
    Case(
        "PredictionExporterDataLost",
        healthy={own("prediction_exporter_source_gaps_total", LOG): Rate(0)},
        fault={own("prediction_exporter_source_gaps_total", LOG): Rate(1)},
        near={own("prediction_exporter_source_rotations_total", LOG): Rate(1)},
        labels=JOB_LABELS,
        resolves=40,
        says="Sidecars of model have lost 15 files or datagrams in the last 15 minutes: counts of predictions are too "
        "low. "
        "First see whether logs are deleted too early, or datagrams come faster than they are read.",
        value="15",
        limit="0",
    ),
    Case(
        "PredictionExporterSourceFailing",
        healthy={own("prediction_exporter_source_failing_files", LOG): Level(0)},
        fault={own("prediction_exporter_source_failing_files", LOG): Level(2)},
        near={own("prediction_exporter_source_open_files", LOG): Level(2)},
        labels=JOB_LABELS,
        resolves=20,
        says="Sidecars of model cannot open or read files of the log; files: a a:9465 2. First look at the files' "
        "owner and "
        "mode, and at the volume that both containers share.",
        value="2",
        limit="0",
    ),
    Case(
        "PredictionExporterJoinsEvicted",
        healthy={own("prediction_exporter_joins_total", 'result="evicted"'): Rate(0)},
        fault={own("prediction_exporter_joins_total", 'result="evicted"'): Rate(2)},
        near={own("prediction_exporter_joins_total", 'result="expired"'): Rate(2)},
        labels=JOB_LABELS,
        fires=80,
        resolves=100,
        says="Sidecars of model evicted 120 predictions in the last hour before their ground truth arrived, so "
        "performance is measured on only some of the predictions. First raise `waiting` or shorten `wait` of "
        "`ground_truth`.",
        value="120",
        limit="0",
    ),
]
