"""The chart: it lints, refuses values that mean nothing, and renders what kustomize builds."""

import json
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from deploy import listing
from tests.deploy.manifests import (
    CHART,
    KUBERNETES,
    OVERLAYS,
    VERSIONS,
    Object,
    exporter_in,
    helm,
    kustomize,
    named,
    one,
    pods,
    validate,
)
from tests.deploy.test_kubernetes import copy_of_the_house

MODEL = {"image": "model:1"}
VALUES: dict[str, Object] = {
    "file": {"source": "file", "model": MODEL, "config": {"model": {"name": "model", "version": "1"}}},
    "unix-socket": {"source": "unix", "model": MODEL, "config": {"model": {"name": "model", "version": "1"}}},
    "kserve": {"source": "kserve"},
    "pod-logs": {"source": "pods"},
}
WITHOUT_MONITORING = {"monitoring": {"enabled": False}}


def rendered(overlay: str) -> list[Object]:
    return helm({**VALUES[overlay], **WITHOUT_MONITORING})


def less(made: Any, *keys: str) -> Any:
    """Return an object without some keys, at any depth."""
    if isinstance(made, dict):
        return {key: less(value, *keys) for key, value in made.items() if key not in keys}
    if isinstance(made, list):
        return [less(value, *keys) for value in made]
    return made


@pytest.mark.parametrize("values", [{}, *VALUES.values()])
@pytest.mark.parametrize("version", ["v1.29.0", "v1.37.0"])
def test_lint_finds_nothing(values: Object, version: str) -> None:
    report = helm_python.lint(CHART, values, strict=True, namespace="ml", kube_version=version)
    assert report["errors"] == []
    assert {message["error"] for message in report["messages"]} <= {"icon is recommended"}


@pytest.mark.parametrize("overlay", [*OVERLAYS, "pod-logs"])
def test_each_object_is_valid(overlay: str) -> None:
    for made in rendered(overlay):
        validate(made, VERSIONS[0])
        validate(made, VERSIONS[-1])


@pytest.mark.parametrize("overlay", [*OVERLAYS, "pod-logs"])
def test_it_renders_what_kustomize_builds(overlay: str) -> None:
    mine, theirs = named(rendered(overlay)), named(kustomize(KUBERNETES / "overlays" / overlay))
    assert theirs.keys() - mine.keys() <= {("InferenceService", "model")}  # an example
    for key in mine.keys() - {("ConfigMap", "prediction-exporter")}:
        # Names of ConfigMaps have a hash with kustomize; with Helm, an annotation has it.
        ours, built = (less(one[key]["spec"], "imagePullPolicy", "annotations", "configMap") for one in (mine, theirs))
        assert ours == built
    configurations = (found["ConfigMap", "prediction-exporter"]["data"]["config.yaml"] for found in (mine, theirs))
    first, second = map(yaml.safe_load, configurations)
    assert first == second


def test_it_renders_what_prometheus_needs() -> None:
    mine = named(helm({"monitoring": {"labels": {"release": "stack"}}}))
    theirs = named(kustomize(KUBERNETES / "monitoring"))
    assert mine.keys() == theirs.keys()
    for key, made in mine.items():
        part = "data" if key[0] == "ConfigMap" else "spec"
        assert made[part] == theirs[key][part]
        assert key[0] == "ConfigMap" or made["metadata"]["labels"]["release"] == "stack"
        validate(made, VERSIONS[-1])


def test_grafana_s_operator_is_told_of_dashboards_where_it_is_there() -> None:
    mine = named(helm({"monitoring": {"dashboards": {"operator": {"enabled": True}}}}))
    theirs = named(kustomize(KUBERNETES / "grafana-operator"))
    assert theirs
    for key, made in theirs.items():
        assert mine[key]["spec"] == made["spec"]
        validate(mine[key], VERSIONS[-1])
    assert not [key for key in named(helm({})) if key[0] == "GrafanaDashboard"]


def test_dashboards_are_taken_up_as_they_are(tmp_path: Path) -> None:
    root = copy_of_the_house(tmp_path)
    text = json.dumps({"title": "{{ .Values }} {{label}}", "lines": "a\n  b"}, indent=2)
    (root / "dashboards" / "json").mkdir(parents=True)
    (root / "dashboards" / "json" / "model_detail.json").write_text(text)
    for link, target in listing.links(root).items():
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    found = helm({}, chart=root / "deploy/helm/prediction-exporter")
    (made,) = (made for made in found if made["metadata"]["name"] == "prediction-exporter-dashboard-model-detail")
    assert made["data"] == {"model_detail.json": text}
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"source": "tcp"}, "/source"),
        ({"sorce": "file"}, "sorce"),
        ({"resources": {"limits": {"memory": 256}}}, "/resources/limits/memory"),
        ({"model": {"port": 9465}}, "/model/port"),
        ({"config": {"window": ["5m"]}}, "/config"),
        ({"config": {"models": {"credit": {"versions": {"4": {"referense": "a"}}}}}}, "referense"),
        ({"source": "pods", "pods": {"container": "", "where": {}}}, "/pods/container"),
        ({"model": {"terminationGracePeriodSeconds": 5}}, "/model/terminationGracePeriodSeconds"),
        ({"monitoring": {"podMonitor": {"interval": "30"}}}, "/monitoring/podMonitor/interval"),
        ({"monitoring": {"dashboards": {"operator": {"resyncPeriod": 10}}}}, "/operator/resyncPeriod"),
    ],
)
def test_values_that_mean_nothing_are_refused(wrong: Object, told: str) -> None:
    with pytest.raises(helm_python.HelmError, match=told):
        helm(wrong)


def test_a_reference_and_a_change_of_it_reach_the_pod() -> None:
    made = [helm({**VALUES["file"], **WITHOUT_MONITORING, "reference": json.dumps({"n": n}, indent=1)}) for n in (1, 2)]
    data = one(made[0], "ConfigMap")["data"]
    assert json.loads(data["reference.json"]) == {"n": 1}
    assert yaml.safe_load(data["config.yaml"])["reference"] == "reference.json"
    templates = [one(found, "Deployment")["spec"]["template"] for found in made]
    assert templates[0]["metadata"]["annotations"] != templates[1]["metadata"]["annotations"]


def test_another_s_chart_includes_the_sidecar(tmp_path: Path) -> None:
    """As NOTES.txt says."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "prediction-exporter").symlink_to(CHART)
    (tmp_path / "Chart.yaml").write_text(
        "{apiVersion: v2, name: credit, version: 1.0.0, dependencies: [{name: prediction-exporter, version: 0.1.0}]}\n"
    )
    (tmp_path / "templates" / "deployment.yaml").write_text(
        """\
{{- $sidecar := index .Subcharts "prediction-exporter" }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: credit}
spec:
  selector: {matchLabels: {app: credit}}
  template:
    metadata:
      labels:
        app: credit
        {{- include "prediction-exporter.podLabels" $sidecar | nindent 8 }}
    spec:
      initContainers: {{- include "prediction-exporter.initContainers" $sidecar | nindent 8 }}
      containers: [{name: credit, image: "credit:1", volumeMounts: [{name: model-log, mountPath: /log}]}]
      volumes: {{- include "prediction-exporter.volumes" $sidecar | nindent 8 }}
"""
    )
    found = helm({"prediction-exporter": {"source": "file", **WITHOUT_MONITORING}}, chart=tmp_path)
    validate(one(found, "Deployment"), VERSIONS[0])
    (theirs,), (ours,) = pods(found), pods(rendered("file"))
    assert exporter_in(theirs) == exporter_in(ours)
    assert theirs["volumes"] == ours["volumes"]
    assert one(found, "ConfigMap")["metadata"]["name"] == "prediction-exporter"


def test_each_of_several_models_gets_its_reference_beside_its_own_settings() -> None:
    references = {"credit": '{"n": 1}', "meta-llama/Llama-3": '{"n": 2}'}
    config = {"models": {"credit": {"thresholds": {"accuracy": 0.9}}}}
    data = one(
        helm({"source": "kserve", "references": references, "config": config, **WITHOUT_MONITORING}), "ConfigMap"
    )["data"]
    models = yaml.safe_load(data["config.yaml"])["models"]
    assert models["credit"]["thresholds"] == {"accuracy": 0.9}
    assert {name: data[model["reference"]].strip() for name, model in models.items()} == references
