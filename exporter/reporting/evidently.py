"""The figures in the dictionary of Evidently's drift metrics before 0.7, so that code for them keeps working.

Only the shape is theirs: `stattest_name` says which of our statistics a `drift_score` is, and `drift_detected` is our
verdict of major drift.
"""

from typing import Any

from exporter.reporting.document import ReportDocument, VariableReport
from exporter.status.variables import Bin

# The share of drifted columns from which their metrics said that the data set had drifted.
DRIFT_SHARE = 0.5
STATISTIC = "PSI (prediction-exporter)"


def legacy(document: ReportDocument) -> dict[str, Any]:
    """Return what `Report.as_dict()` returned with DatasetDriftMetric, DataDriftTable and a ColumnDriftMetric each."""
    variables = [each for model in document.models[:1] for each in (*model.features, *model.outputs)]
    columns = {each.status.name: _column(each) for each in variables}
    drifted = sum(each["drift_detected"] for each in columns.values())
    share = drifted / len(columns) if columns else 0.0
    shared = {
        "number_of_columns": len(columns),
        "number_of_drifted_columns": drifted,
        "share_of_drifted_columns": share,
        "dataset_drift": share >= DRIFT_SHARE,
    }
    metrics = [
        {"metric": "DatasetDriftMetric", "result": {"drift_share": DRIFT_SHARE, **shared}},
        {"metric": "DataDriftTable", "result": {**shared, "drift_by_columns": columns}},
        *({"metric": "ColumnDriftMetric", "result": each} for each in columns.values()),
    ]
    return {"metrics": metrics}


def _column(variable: VariableReport) -> dict[str, Any]:
    status = variable.status
    return {
        "column_name": status.name,
        "column_type": {"numeric": "num", "categorical": "cat"}.get(variable.kind, variable.kind),
        "stattest_name": STATISTIC,
        "stattest_threshold": status.psi_limit,
        "drift_score": status.psi,
        "drift_detected": bool(status.drifted),
        "current": {"small_distribution": _distribution([(each.name, each.share) for each in status.bins])},
        "reference": {"small_distribution": _distribution([_of_reference(each) for each in status.bins])},
    }


def _of_reference(each: Bin) -> tuple[str, float]:
    return each.name, each.reference_share


def _distribution(shares: list[tuple[str, float]]) -> dict[str, list[Any]]:
    return {"x": [name for name, _ in shares], "y": [share for _, share in shares]}
