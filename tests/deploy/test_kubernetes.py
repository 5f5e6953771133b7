"""What kustomize builds: valid for several versions of Kubernetes, and restricted as the Pod Security Standards say."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy import config_schema, listing
from exporter import __version__
from exporter.configuration import loading
from exporter.offline.first_records import files_of, first_records
from tests.deploy.manifests import (
    KUBERNETES,
    OVERLAYS,
    ROOT,
    VERSIONS,
    Object,
    exporter_in,
    kustomize,
    named,
    one,
    pods,
    validate,
)
from tests.process import DEADLINE_SECONDS

# One exporter per node, which reads what is already there.
POD_LOGS = "pod-logs"
ONCE_A_CLUSTER = ("monitoring", "grafana-operator")
# What `kubectl apply` may keep in an annotation.
LARGEST_CONFIGMAP = 262_144
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def built() -> dict[str, list[Object]]:
    return {
        **{overlay: kustomize(KUBERNETES / "overlays" / overlay) for overlay in (*OVERLAYS, POD_LOGS)},
        **{folder: kustomize(KUBERNETES / folder) for folder in ONCE_A_CLUSTER},
        "retrain": kustomize(ROOT / "alerts" / "retrain"),
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("what", [*OVERLAYS, POD_LOGS, *ONCE_A_CLUSTER, "retrain"])
def test_each_object_is_valid(built: dict[str, list[Object]], what: str, version: str) -> None:
    assert built[what]
    for made in built[what]:
        validate(made, version)


def test_the_retrain_trigger_is_where_alertmanager_sends_to_and_has_all_its_files(
    built: dict[str, list[Object]], tmp_path: Path
) -> None:
    (receiver,) = (
        receiver["webhook_configs"][0]
        for receiver in yaml.safe_load((ROOT / "alerts/alertmanager/alertmanager.yml").read_text())["receivers"]
        if receiver["name"] == "retrain"
    )
    service, deployment = one(built["retrain"], "Service"), one(built["retrain"], "Deployment")
    (port,) = service["spec"]["ports"]
    assert receiver["url"] == f"http://{service['metadata']['name']}:{port['port']}/alerts"
    code = tmp_path / "alerts" / "retrain"
    code.mkdir(parents=True)
    for name, text in one(built["retrain"], "ConfigMap")["data"].items():
        (code / name).write_text(text)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    _, *module = container["command"]
    said = subprocess.run(
        [sys.executable, *module, "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE_SECONDS,
    ).stdout
    assert all(argument.split("=")[0] in said for argument in container["args"])


def test_the_schemas_refuse_what_they_do_not_know(built: dict[str, list[Object]]) -> None:
    import jsonschema

    deployment = one(built["file"], "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    wrong = {**pod, "initContainers": [{**exporter_in(pod), "restartPolice": "Always"}]}
    with pytest.raises(jsonschema.ValidationError, match="restartPolice"):
        validate({**deployment, "spec": {**deployment["spec"], "template": {"spec": wrong}}}, "1.33")
    monitor = one(built["monitoring"], "PodMonitor")
    with pytest.raises(jsonschema.ValidationError, match="sampleLimits"):
        validate({**monitor, "spec": {**monitor["spec"], "sampleLimits": 1}}, "1.33")
    service = one(built["kserve"], "InferenceService")
    predictor = service["spec"]["predictor"] | {"logger": {"mode": "some"}}
    with pytest.raises(jsonschema.ValidationError, match="some"):
        validate({**service, "spec": {"predictor": predictor}}, "1.33")
    dashboard = built["grafana-operator"][0]
    for wrong in ({"resyncPeriod": "10"}, {"resync": "10m"}, {"configMapRef": {"name": "a"}}):
        with pytest.raises(jsonschema.ValidationError):
            validate({**dashboard, "spec": {**dashboard["spec"], **wrong}}, "1.33")


@pytest.mark.parametrize("overlay", [*OVERLAYS, POD_LOGS, "retrain"])
def test_every_container_is_restricted(built: dict[str, list[Object]], overlay: str) -> None:
    for pod in pods(built[overlay]):
        assert pod["automountServiceAccountToken"] is False
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            security = container["securityContext"]
            assert security["runAsNonRoot"] is True
            assert security["runAsUser"] >= 10000
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            assert {"requests", "limits"} == {*container["resources"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_exporter_is_this_version_and_what_it_mounts_is_there(built: dict[str, list[Object]], overlay: str) -> None:
    (pod,) = pods(built[overlay])
    exporter = exporter_in(pod)
    assert exporter["image"] == f"prediction-exporter:{__version__}"
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for container in [exporter, *pod["containers"]]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys()
    by_kind = {(made["kind"], made["metadata"]["name"]) for made in built[overlay]}
    assert ("ConfigMap", volumes["prediction-exporter-config"]["configMap"]["name"]) in by_kind
    assert f'CMD ["run", "--config", "{mount_path(exporter, "prediction-exporter-config")}/config.yaml"]' in (
        (ROOT / "Dockerfile").read_text()
    )


@pytest.mark.parametrize("overlay", ["file", "unix-socket"])
def test_the_sidecar_starts_before_the_model_and_stops_after_it(built: dict[str, list[Object]], overlay: str) -> None:
    (pod,) = pods(built[overlay])
    (sidecar,) = pod["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    # The model starts once sources listen; nothing of the sidecar's takes a pod out of service.
    assert sidecar["startupProbe"]["httpGet"] == {"path": "/-/ready", "port": "model-metrics"}
    assert "readinessProbe" not in sidecar
    assert pod["terminationGracePeriodSeconds"] > 25 + 25


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_configuration_is_good_and_reads_and_writes_what_is_mounted(
    built: dict[str, list[Object]], overlay: str, tmp_path: Path
) -> None:
    (pod,) = pods(built[overlay])
    exporter = exporter_in(pod)
    file = tmp_path / "config.yaml"
    file.write_text(one(built[overlay], "ConfigMap")["data"]["config.yaml"])
    settings = loading.load(file).config
    assert settings.state_dir == mount_path(exporter, "prediction-exporter-state")
    assert settings.listen.port == exporter["ports"][0]["containerPort"]
    (source,) = yaml.safe_load(file.read_text())["sources"]
    if overlay != "kserve":
        (volume,) = (mount["name"] for mount in exporter["volumeMounts"] if mount["name"].startswith("model-"))
        folder = mount_path(exporter, volume)
        assert re.fullmatch(rf"(file|unix)://{folder}/[^/]+", source)
        assert mount_path(pod["containers"][0], volume) == folder


def test_the_exporter_of_a_node_reads_namespace_pod_and_model_of_logs_that_are_root_s(
    built: dict[str, list[Object]], tmp_path: Path
) -> None:
    (pod,) = pods(built[POD_LOGS])
    exporter = exporter_in(pod)
    assert exporter["securityContext"]["runAsGroup"] == 0
    (mount,) = (mount for mount in exporter["volumeMounts"] if mount["name"] == "pod-logs")
    assert (mount["mountPath"], mount["readOnly"]) == ("/var/log/pods", True)
    assert {"name": "pod-logs", "hostPath": {"path": "/var/log/pods", "type": "Directory"}} in pod["volumes"]
    text = one(built[POD_LOGS], "ConfigMap")["data"]["config.yaml"]
    file = tmp_path / "config.yaml"
    file.write_text(
        text.replace("file:///var/log/pods", str(tmp_path / "pods")).replace("/var/lib/prediction-exporter", "state")
    )
    for name in ("ml_credit-7c9d8b6f5d-x2x7k_1b2c", "web_churn-0_9f8e", "web_rank-abcde_77"):
        folder = tmp_path / "pods" / name / "model"
        folder.mkdir(parents=True)
        lines = ('{"event": "start"}', '{"event": "prediction", "prediction": "yes"}')
        (folder / "0.log").write_text("".join(f"2026-12-01T04:36:00.1Z stdout F {line}\n" for line in lines))
    loaded = loading.load(file)
    (source,) = loaded.config.sources
    seen = first_records(loaded, source, files_of(source), 1_796_100_000.0)
    assert (seen.accepted, seen.skipped, seen.rejected.total()) == (3, 3, 0)
    assert {series.model_name for batch in seen.batches for series in batch.series.names} == {"credit", "churn", "rank"}
    assert {name for batch in seen.batches for name in batch.segments[0].names} == {"ml", "web"}


def test_a_socket_s_group_is_the_folder_s(built: dict[str, list[Object]]) -> None:
    (pod,) = pods(built["unix-socket"])
    assert pod["securityContext"]["fsGroup"] == exporter_in(pod)["securityContext"]["runAsGroup"]
    assert not [volume for volume in pod["volumes"] if volume["name"] == "model-log"]


def test_the_pod_monitor_finds_the_exporter_s_port(built: dict[str, list[Object]]) -> None:
    spec = one(built["monitoring"], "PodMonitor")["spec"]
    for overlay in OVERLAYS:
        for deployment in (made for made in built[overlay] if made["kind"] == "Deployment"):
            template = deployment["spec"]["template"]
            assert spec["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
            ports = [port["name"] for port in exporter_in(template["spec"])["ports"]]
            assert [endpoint["port"] for endpoint in spec["podMetricsEndpoints"]] == ports


def test_kserve_s_logger_sends_to_the_exporter_s_service(built: dict[str, list[Object]]) -> None:
    service = one(built["kserve"], "Service")
    logger = one(built["kserve"], "InferenceService")["spec"]["predictor"]["logger"]
    (source,) = yaml.safe_load(one(built["kserve"], "ConfigMap")["data"]["config.yaml"])["sources"]
    path = source["url"].removeprefix("http://")
    assert logger["url"] == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}{path}"
    labels = one(built["kserve"], "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()


@pytest.mark.parametrize("overlay", ["file", "unix-socket"])
def test_a_policy_closes_the_port_of_metrics_and_no_other(built: dict[str, list[Object]], overlay: str) -> None:
    to_prometheus, to_the_model = one(built[overlay], "NetworkPolicy")["spec"]["ingress"]
    assert to_prometheus["from"]
    assert [port["port"] for port in to_prometheus["ports"]] == [9465]
    assert "from" not in to_the_model
    tcp = [port for port in to_the_model["ports"] if port["protocol"] == "TCP"]
    opened = {number for port in tcp for number in range(port["port"], port["endPort"] + 1)}
    assert {*range(1, 65536)} - opened == {9465}


def test_requests_and_limits_are_what_was_measured(built: dict[str, list[Object]]) -> None:
    resources = exporter_in(pods(built["file"])[0])["resources"]
    measured = [int(number) for number in re.findall(r"\| Resident memory.*\|.*?(\d+) MiB \|", README)]
    assert len(measured) >= 3
    assert int(resources["requests"]["memory"].removesuffix("Mi")) >= min(measured)
    assert int(resources["limits"]["memory"].removesuffix("Mi")) >= 1.25 * max(measured)


def test_what_lies_in_the_folders_is_listed() -> None:
    """`make manifests` writes the lists."""
    assert {file: file.read_text() for file in listing.kustomizations(ROOT)} == listing.kustomizations(ROOT)
    assert {link: str(link.readlink()) for link in listing.links(ROOT)} == listing.links(ROOT)


def test_the_schema_of_the_chart_has_the_keys_of_the_configuration() -> None:
    """`make manifests` writes it."""
    file, text = config_schema.values_schema(ROOT)
    assert file.read_text() == text


def test_each_rule_file_becomes_an_object(built: dict[str, list[Object]]) -> None:
    written = [yaml.safe_load(file.read_text()) for file in (ROOT / "alerts").glob("*.yaml")]
    rules = named([made for made in written if made.get("kind") == "PrometheusRule"])
    assert rules
    assert rules == {key: made for key, made in named(built["monitoring"]).items() if key[0] == "PrometheusRule"}


def test_each_dashboard_is_in_a_config_map_that_grafana_s_sidecar_and_operator_find(
    built: dict[str, list[Object]],
) -> None:
    files = {path.name: path.read_text() for path in (ROOT / "dashboards" / "json").iterdir()}
    maps = {made["metadata"]["name"]: made for made in built["monitoring"] if made["kind"] == "ConfigMap"}
    for made in maps.values():
        assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert len(json.dumps(made).encode()) < LARGEST_CONFIGMAP
    data = [item for made in maps.values() for item in made["data"].items()]
    assert dict(data) == files
    assert len(data) == len(files)
    found = []
    for made in built["grafana-operator"]:
        assert made["spec"]["folder"] == maps[made["metadata"]["name"]]["metadata"]["annotations"]["grafana_folder"]
        reference = made["spec"]["configMapRef"]
        found.append(maps[reference["name"]]["data"][reference["key"]])
    assert sorted(found) == sorted(files.values())


def test_dashboards_are_taken_up_one_config_map_each(tmp_path: Path) -> None:
    root = copy_of_the_house(tmp_path)
    dashboards = {"fleet": {"uid": "fleet"}, "model_detail": {"uid": "model", "text": "{{ not a template }}"}}
    (root / "dashboards" / "json").mkdir(parents=True)
    (root / "dashboards" / "json" / "fleet.json").write_text(json.dumps(dashboards["fleet"]))
    (root / "dashboards" / "json" / "model_detail.json").write_text(json.dumps(dashboards["model_detail"]))
    # What is no dashboard.
    (root / "dashboards" / "package.json").write_text("{}")
    for file, text in listing.kustomizations(root).items():
        file.write_text(text)
    found = [made for made in kustomize(root / "deploy/kubernetes/monitoring") if made["kind"] == "ConfigMap"]
    mine = {key: made for made in found for key in made["data"] if key.removesuffix(".json") in dashboards}
    assert {key.removesuffix(".json"): json.loads(made["data"][key]) for key, made in mine.items()} == dashboards
    assert {made["metadata"]["name"] for made in mine.values()} == {
        "prediction-exporter-dashboard-fleet",
        "prediction-exporter-dashboard-model-detail",
    }
    for made in found:
        assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert len(made["data"]) == 1
        validate(made, VERSIONS[-1])


def mount_path(container: Object, volume: str) -> str:
    (found,) = (mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == volume)
    return str(found)


def copy_of_the_house(folder: Path) -> Path:
    """Copy what kustomize and Helm see, and leave dashboards out."""
    for name in ("alerts", "deploy"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    return folder
