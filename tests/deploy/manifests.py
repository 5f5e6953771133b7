"""Kubernetes objects as kustomize and Helm render them, and the schemas that they are held to."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

from tests.deploy import grafana_operator, kserve
from tests.process import DEADLINE_SECONDS

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
CHART = DEPLOY / "helm" / "prediction-exporter"
OVERLAYS = ("file", "unix-socket", "kserve")
# The first with native sidecars, and the newest there is a schema of.
VERSIONS = ("1.29", "1.31", "1.34", "1.37")

Object = dict[str, Any]


class Loader(yaml.SafeLoader):
    """Takes a bare `=`, which Kubernetes writes of a matcher, for text, as YAML 1.2 does."""


Loader.add_constructor("tag:yaml.org,2002:value", Loader.construct_scalar)


def kustomize(folder: Path) -> list[Object]:
    """Build a folder."""
    kubectl = Path(sys.executable).parent / "kubectl"
    done = subprocess.run(
        [kubectl, "kustomize", folder], capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS
    )
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


def helm(values: Object, name: str = "model", namespace: str = "ml", chart: Path = CHART) -> list[Object]:
    """Render a chart."""
    with helm_python.Chart.load(chart) as loaded:
        rendered = loaded.render(values=values, name=name, namespace=namespace)
    return [made for file, text in rendered.items() if not file.endswith(".txt") for made in objects(text)]


def objects(text: str) -> list[Object]:
    return [document for document in yaml.load_all(text, Loader) if document]


def one(found: list[Object], kind: str) -> Object:
    """Return the one object of a kind."""
    (made,) = (candidate for candidate in found if candidate["kind"] == kind)
    return made


def named(found: list[Object]) -> dict[tuple[str, str], Object]:
    """Return objects by kind and name, without the hash that kustomize puts behind a ConfigMap's."""
    return {(made["kind"], re.sub(r"-[a-z0-9]{10}$", "", made["metadata"]["name"])): made for made in found}


def pods(found: list[Object]) -> list[Object]:
    """Return the specs of all pods that are made."""
    return [made["spec"]["template"]["spec"] for made in found if made["kind"] in ("Deployment", "DaemonSet")]


def exporter_in(pod: Object) -> Object:
    """Return the container of prediction-exporter, a sidecar or not."""
    (found,) = (
        container
        for container in [*pod.get("initContainers", []), *pod["containers"]]
        if container["name"] == "prediction-exporter"
    )
    return dict(found)


def validate(made: Object, version: str) -> None:
    """Hold an object to its schema, in which nothing is allowed that is not named."""
    # Loaded here, because these take seconds, in each process that runs tests.
    import jsonschema
    import kubernetes_validate

    group = made["apiVersion"].split("/")[0]
    if group == "monitoring.coreos.com":
        jsonschema.validate(made, operator_schema(made["apiVersion"], made["kind"]))
    elif group == "grafana.integreatly.org":
        jsonschema.validate(made, grafana_operator.SCHEMA)
    elif group == "serving.kserve.io":
        jsonschema.validate(made, kserve.SCHEMA)
    else:
        kubernetes_validate.validate(made, version, strict=True)


@cache
def operator_schema(api_version: str, kind: str) -> Object:
    """Return the schema of the Prometheus operator's resource, closed."""
    from cloudcoil.models.prometheus_operator import v1, v1alpha1

    module = {"monitoring.coreos.com/v1": v1, "monitoring.coreos.com/v1alpha1": v1alpha1}[api_version]
    # Go's regular expressions have this flag anywhere, Python's only at the start; here case is as documented.
    schema: Object = json.loads(json.dumps(getattr(module, kind).model_json_schema()).replace("(?i)", ""))
    for definition in [schema, *schema["$defs"].values()]:
        if "properties" in definition:
            definition["additionalProperties"] = False
    return schema
