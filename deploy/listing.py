"""What lies in alerts/ and dashboards/, as kustomize has to be told, and the chart's way to it."""

import re
from pathlib import Path

MADE_BY = "# Made by `make manifests` of what lies here; not to be edited by hand.\n"
KUSTOMIZATION = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
# Kinds of the Prometheus operator; what else lies in alerts/ is for others.
KINDS = re.compile(r"^kind: (PrometheusRule|AlertmanagerConfig)$", re.MULTILINE)
# Grafana's folder.
FOLDER = "Models"
# By their labels Grafana's sidecar finds dashboards; without a hash in their names, by which Grafana's operator does.
DASHBOARD_OPTIONS = f"""\
generatorOptions:
  disableNameSuffixHash: true
  labels:
    app.kubernetes.io/name: prediction-exporter
    grafana_dashboard: "1"
  annotations:
    grafana_folder: {FOLDER}
"""
MADE_BY_DASHBOARDS = "# Made by `make manifests` of what lies in dashboards/; not to be edited by hand.\n"
# A Grafana that its operator runs takes dashboards of other namespaces only if both sides say so.
GRAFANA_DASHBOARD = """\
---
apiVersion: grafana.integreatly.org/v1beta1
kind: GrafanaDashboard
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: prediction-exporter
spec:
  allowCrossNamespaceImport: true
  configMapRef:
    name: {name}
    key: {key}
  folder: {folder}
  instanceSelector:
    matchLabels:
      dashboards: grafana
  resyncPeriod: 10m
"""


def kustomizations(root: Path) -> dict[Path, str]:
    """Return the text of each list, and of what tells Grafana's operator, by path. `root` is the repository's folder.

    They are called Kustomization and not kustomization.yaml, so that `kubectl apply -f alerts/` leaves them out.
    """
    alerts, folder = root / "alerts", root / "dashboards"
    rules = [str(file.relative_to(alerts)) for file in sorted(alerts.rglob("*.yaml")) if KINDS.search(file.read_text())]
    dashboards = [str(file.relative_to(folder)) for file in sorted((folder / "json").glob("*.json"))]
    made = {alerts / "Kustomization": MADE_BY + KUSTOMIZATION + "resources:\n" + _items(rules)}
    resources = ["podmonitor.yaml", "../../../alerts"]
    if dashboards:
        made[folder / "Kustomization"] = (
            MADE_BY + KUSTOMIZATION + "configMapGenerator:\n" + "".join(map(_dashboard, dashboards)) + DASHBOARD_OPTIONS
        )
        resources.append("../../../dashboards")
        operator = root / "deploy/kubernetes/grafana-operator"
        made[operator / "dashboards.yaml"] = MADE_BY_DASHBOARDS + "".join(map(_grafana_dashboard, dashboards))
    made[root / "deploy/kubernetes/monitoring/kustomization.yaml"] = (
        "# Once a cluster, in the namespace of Prometheus. Made by `make manifests`; not to be edited by hand.\n"
        + KUSTOMIZATION
        + "resources:\n"
        + _items(resources)
    )
    return made


def links(root: Path) -> dict[Path, str]:
    """Return the chart's symbolic links, by path: Helm reads no files outside of the chart, and follows links."""
    folder = root / "deploy/helm/prediction-exporter/files"
    # Of dashboards the JSON alone: what else is there is too large for a chart.
    targets = {"alerts": "alerts", "dashboards": "dashboards/json"}
    return {folder / name: f"../../../../{target}" for name, target in targets.items() if (root / target).is_dir()}


def _items(names: list[str]) -> str:
    return "".join(f"  - {name}\n" for name in names)


def _dashboard(path: str) -> str:
    """Return one ConfigMap a dashboard: together they might be more than a ConfigMap holds."""
    return f"  - name: {_name(path)}\n    files: [{path}]\n"


def _grafana_dashboard(path: str) -> str:
    """Return what tells Grafana's operator of that ConfigMap."""
    return GRAFANA_DASHBOARD.format(name=_name(path), key=Path(path).name, folder=FOLDER)


def _name(path: str) -> str:
    return f"prediction-exporter-dashboard-{Path(path).stem.replace('_', '-')}"
