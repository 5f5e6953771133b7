"""The alerts that belong to each panel, and links from the panel to their runbooks and to their rules in Grafana.

If an alert opens a dashboard but belongs to none of its panels, its runbook is linked at the top of the dashboard.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from grafanalib import core

from alerts import rule_files
from dashboards.links import uid

# By dashboard and title of the panel.
ALERTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "fleet": {
        "Alerts firing": ("ModelFeatureAbsent", "PredictionExporterAllDown"),
        "Models": ("ModelReferencesDiffer",),
        "Requests": ("ModelPredictionsStopped", "ModelTrafficLow", "ModelTrafficHigh"),
        "Error ratio": ("ModelErrorRatioHigh", "ModelErrorBudgetBurnFast", "ModelErrorBudgetBurnSlow"),
        "p99 latency": ("ModelLatencyHigh", "ModelErrorBudgetBurnFast", "ModelErrorBudgetBurnSlow"),
        "Drifted features": ("ModelFeatureDrift", "ModelDriftWidespread", "ModelDriftHarmful"),
        "Accuracy": ("ModelAccuracyLow",),
    },
    "model": {
        "Requests": ("ModelPredictionsStopped", "ModelTrafficLow", "ModelTrafficHigh"),
        "p99 latency": ("ModelLatencyHigh",),
        "Drifted features": ("ModelFeatureDrift", "ModelDriftWidespread"),
        "Accuracy": ("ModelAccuracyLow",),
        "Error ratio": ("ModelErrorRatioHigh", "ModelErrorBudgetBurnFast", "ModelErrorBudgetBurnSlow"),
        "Latency": ("ModelLatencyHigh", "ModelErrorBudgetBurnFast", "ModelErrorBudgetBurnSlow"),
        "Class mix": ("ModelClassMixCollapsed",),
        "Drift of predictions": ("ModelPredictionDrift",),
    },
    "drift": {
        "Drifted features": ("ModelFeatureDrift",),
        "Share of features": ("ModelDriftWidespread",),
        "Drift of predictions": ("ModelPredictionDrift",),
        "References": ("ModelReferencesDiffer", "PredictionExporterReferenceMissing"),
        "PSI": ("ModelFeatureDrift", "ModelFeatureDriftModerate"),
        "Multivariate drift": ("ModelMultivariateDrift",),
        "Embeddings": ("ModelEmbeddingDrift",),
        "Predictions and probabilities": ("ModelPredictionDrift", "ModelLabelDrift"),
        "PSI of all pods' records together": ("ModelFeatureDrift", "ModelInstanceDrift"),
    },
    "quality": {
        "Features absent": ("ModelFeatureAbsent",),
        "Features stuck": ("ModelFeatureStuck",),
        "Unknown features": ("ModelUnknownFeatures",),
        "Missing, % of limit": ("ModelFeatureMissing",),
        "Unseen, % of limit": ("ModelFeatureUnseen",),
        "Invalid, % of limit": ("ModelFeatureInvalid",),
        "Features beyond a limit": ("ModelFeatureMissing", "ModelFeatureUnseen", "ModelFeatureInvalid"),
        "Missing values": ("ModelFeatureMissing",),
        "Unseen values": ("ModelFeatureUnseen",),
        "Rejected lines": ("PredictionExporterRejecting",),
    },
    "performance": {
        "Degraded": ("ModelPerformanceDegraded", "ModelDriftHarmful"),
        "Degraded over time": ("ModelPerformanceDegraded",),
        "Accuracy": ("ModelAccuracyLow", "ModelEstimatedAccuracyLow"),
        "Judged": ("ModelGroundTruthLate",),
        "Coverage": ("ModelGroundTruthStopped",),
        "Joins": ("ModelGroundTruthStopped", "PredictionExporterJoinsEvicted"),
        "Error rate drift": ("ModelErrorRateDrift",),
        "Label drift": ("ModelLabelDrift",),
        "Errors": ("ModelRegressionErrorHigh",),
    },
    "explainability": {
        "Agreement with the reference": ("ModelAttributionRankingChanged",),
        "Agreement over time": ("ModelAttributionRankingChanged",),
        "Drift of attributions": ("ModelAttributionDrift",),
    },
    "segments": {
        "Error ratio": ("ModelErrorRatioHigh",),
        "p99 latency": ("ModelLatencyHigh",),
        "Features of segments over time": ("ModelFeatureDrift",),
        "Groups": ("ModelDisparateImpact",),
        "Disparate impact": ("ModelDisparateImpact",),
        "Accuracy": ("ModelAccuracyLow",),
    },
    "compare": {
        "Inputs against the live version": ("ModelFeatureDrift", "ModelInstanceDrift"),
        "Error ratio": ("ModelErrorRatioHigh",),
        "p99 latency": ("ModelLatencyHigh",),
        "Accuracy": ("ModelAccuracyLow",),
    },
    "exporter": {
        "Sidecars down": ("PredictionExporterAbsent", "PredictionExporterAllDown", "PredictionExporterDown"),
        "Scraped": ("PredictionExporterAllDown", "PredictionExporterDown"),
        "Sources": ("PredictionExporterSourceFailing", "PredictionExporterReferenceMissing"),
        "Furthest behind": ("PredictionExporterLagging",),
        "Configuration": ("PredictionExporterReloadFailed",),
        "Files lost in the time range": ("PredictionExporterDataLost",),
        "Rejected lines": ("PredictionExporterRejecting",),
        "Labels above their limit": ("PredictionExporterLabelsCapped",),
        "Unread bytes": ("PredictionExporterLagging",),
        "Files": ("PredictionExporterSourceFailing",),
        "Commits": ("PredictionExporterCommitsFailing",),
        "Waiting for ground truth": ("PredictionExporterJoinsEvicted",),
    },
}


def of_dashboard(dashboard: str, runbooks: str) -> Iterator[Any]:
    """Yield links to the runbooks of alerts that open a dashboard but belong to none of its panels."""
    on_panels = {name for names in ALERTS.get(dashboard, {}).values() for name in names}
    for name, rule in _alerts().items():
        opened = rule["annotations"]["dashboard_url"].partition("?")[0].rpartition("/")[2]
        if opened == uid(dashboard) and name not in on_panels:
            yield core.DashboardLink(
                title=f"{name}: what to do", uri=f"{runbooks}/{name}.md", type="link", targetBlank=True, keepTime=False
            )


def of_panel(dashboard: str, title: str, runbooks: str) -> Iterator[dict[str, Any]]:
    """Yield links from a panel to the runbook of each of its alerts, and to the rule in the same Grafana."""
    for name in ALERTS.get(dashboard, {}).get(title, ()):
        yield {"title": f"{name}: what to do", "url": f"{runbooks}/{name}.md", "targetBlank": True}
        yield {"title": f"{name}: the rule", "url": f"/alerting/list?search=rule:{name}", "targetBlank": False}


@cache
def _alerts() -> dict[str, rule_files.Rule]:
    return rule_files.alerts(rule_files.load())
