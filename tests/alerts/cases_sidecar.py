"""Cases of the alerts of the sidecar itself."""

from tests.alerts.timeline import HEALTHY, JOB_LABELS, MODEL_LABELS, Case, Gone, Level, Rate, of, own

DOWN = {name: Gone() for name in HEALTHY} | {own("up"): Level(0)}
OTHER_SIDECAR = of("model_threshold", 'metric="feature_drift_psi"', pod='pod="c",instance="c:9465"')
LOG = 'source="log"'

CASES = [
    Case(
        "PredictionExporterAbsent",
        fault=dict.fromkeys(HEALTHY, Gone()),
        near={own("up"): Gone()},
        labels=MODEL_LABELS,
        fires=28,
        resolves=20,
        summary="Prometheus has no targets left for this model.",
        says="Prometheus no longer finds any sidecar of credit, so the model is not monitored and its other alerts "
        "are suppressed. If it was retired or scaled to zero, nothing is wrong, and this alert ends two hours "
        "after the last scrape. First ask whether that is so; if not, see whether its pods run, and whether the "
        "PodMonitor selects them.",
    ),
    Case(
        "PredictionExporterAllDown",
        healthy={OTHER_SIDECAR: Level(0.25)},
        fault={**DOWN, OTHER_SIDECAR: Gone()},
        near=DOWN,
        beside=("PredictionExporterDown",),
        labels=MODEL_LABELS,
        fires=24,
        resolves=20,
        summary="The only sidecar does not respond.",
        says="No sidecar of credit responds to Prometheus, so the model is not monitored and its other alerts are "
        "suppressed. Pods: a. First see whether the pods run; if they do, read the sidecar's log. A sidecar that "
        "cannot save its state returns 503.",
    ),
    Case(
        "PredictionExporterDown",
        # Another pod of the version goes on.
        healthy={OTHER_SIDECAR: Level(0.25)},
        fault=DOWN,
        near=dict.fromkeys(HEALTHY, Gone()),
        fires=16,
        resolves=16,
        summary="1 sidecar does not respond.",
        says="1 sidecar of credit, version 3, does not respond to Prometheus, so predictions of this pod are not "
        "counted: a. First see whether the pod runs; if it does, read the sidecar's log. A sidecar that cannot "
        "save its state returns 503.",
    ),
    Case(
        "PredictionExporterReferenceMissing",
        fault={of("model_reference_info", 'reference_id="r1"'): Gone()},
        near={},
        fires=68,
        resolves=16,
        summary="There is no reference profile.",
        says="1 sidecar of credit, version 3, has no reference profile, so neither drift nor data quality is "
        "monitored. First make a profile of the training data with `prediction-exporter profile`, and set "
        "`reference` in the configuration.",
    ),
    Case(
        "PredictionExporterLagging",
        healthy={own("prediction_exporter_source_lag_seconds", LOG): Level(0)},
        fault={own("prediction_exporter_source_lag_seconds", LOG): Level(90)},
        near={own("prediction_exporter_source_lag_seconds", LOG): Level(59)},
        labels=JOB_LABELS,
        summary="Sidecars are 1m 30s behind the log.",
        says="Sidecars of model read more slowly than the model writes. Longest wait of unread lines by pod (limit 1m "
        "0s): a 1m 30s. First see whether the sidecar's CPU is throttled, then whether the model writes much "
        "more than before.",
    ),
    Case(
        "PredictionExporterCommitsFailing",
        fault={own("prediction_exporter_commits_total", 'result="failure"'): Rate(1)},
        near={own("prediction_exporter_commits_total", 'result="success"'): Rate(1)},
        labels=JOB_LABELS,
        resolves=40,
        summary="Sidecars cannot save their state.",
        says="Sidecars of model failed to save their state in the last 15 minutes and answered scrapes with 503. "
        "Failures by pod: a 15. First see whether the volume of `state_dir` is full, read-only or missing.",
    ),
    Case(
        "PredictionExporterRejecting",
        healthy={own("prediction_exporter_source_rejected_lines_total", f'{LOG},reason="invalid_json"'): Rate(0)},
        fault={own("prediction_exporter_source_rejected_lines_total", f'{LOG},reason="invalid_json"'): Rate(6)},
        near={own("prediction_exporter_source_rejected_lines_total", f'{LOG},reason="invalid_json"'): Rate(0.5)},
        labels=JOB_LABELS,
        fires=32,
        summary="10% of the lines of a source are rejected.",
        says="Sidecars of model reject lines, so the predictions on these lines are not counted. Share by source "
        "(limit 1%): log 10%. Lines per minute by reason: invalid_json 6. First read the sidecar's log, which "
        "has the positions of rejected lines, then see how the model's log has changed.",
    ),
    Case(
        "PredictionExporterLabelsCapped",
        healthy={own("prediction_exporter_capped_labels_total", 'label="model_version"'): Rate(0)},
        fault={own("prediction_exporter_capped_labels_total", 'label="model_version"'): Rate(1)},
        near={},
        labels=JOB_LABELS,
        fires=80,
        summary="Some label values are counted as `other`.",
        says="Sidecars of model have found more versions, classes, error types or segments than `limits` allows, and "
        "count the rest as `other`. Records in the last hour by label: model_version 60. First see whether the "
        "values belong in a label; ids do not.",
    ),
    Case(
        "PredictionExporterReloadFailed",
        healthy={own("prediction_exporter_config_last_reload_successful"): Level(1)},
        fault={own("prediction_exporter_config_last_reload_successful"): Level(0)},
        near={own("prediction_exporter_web_config_last_reload_successful"): Level(1)},
        labels=JOB_LABELS,
        resolves=20,
        summary="1 sidecar rejected a changed configuration.",
        says="1 sidecar of model keeps the previous configuration, because the new one is invalid: a. First run "
        "`prediction-exporter check` on the new file; it lists every mistake.",
    ),
    Case(
        "PredictionExporterDataLost",
        healthy={own("prediction_exporter_source_gaps_total", LOG): Rate(0)},
        fault={own("prediction_exporter_source_gaps_total", LOG): Rate(1)},
        near={own("prediction_exporter_source_rotations_total", LOG): Rate(1)},
        labels=JOB_LABELS,
        resolves=40,
        summary="Predictions were lost before they could be read.",
        says="In the last 15 minutes, sidecars of model lost 15 files or datagrams, so counts of predictions are too "
        "low. First see whether logs are deleted too early, or datagrams arrive faster than they are read.",
    ),
    Case(
        "PredictionExporterSourceFailing",
        healthy={own("prediction_exporter_source_failing_files", LOG): Level(0)},
        fault={own("prediction_exporter_source_failing_files", LOG): Level(2)},
        near={own("prediction_exporter_source_open_files", LOG): Level(2)},
        labels=JOB_LABELS,
        resolves=20,
        summary="2 files of the prediction log cannot be read.",
        says="Sidecars of model cannot open or read files of the prediction log. Files by pod: a 2. First look at the "
        "owner and mode of the files, and at the volume that both containers share.",
    ),
    Case(
        "PredictionExporterJoinsEvicted",
        healthy={own("prediction_exporter_joins_total", 'result="evicted"'): Rate(0)},
        fault={own("prediction_exporter_joins_total", 'result="evicted"'): Rate(2)},
        near={own("prediction_exporter_joins_total", 'result="expired"'): Rate(2)},
        labels=JOB_LABELS,
        fires=80,
        resolves=100,
        summary="120 predictions were evicted before ground truth arrived.",
        says="In the last hour, sidecars of model evicted 120 predictions before ground truth arrived, so performance "
        "is measured on only some of the predictions. First raise `waiting` or shorten `wait` of `ground_truth`.",
    ),
]
