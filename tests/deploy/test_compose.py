"""The Compose project, as far as it can be held to something without Docker's engine: the parts are run by hand."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from deploy import listing
from exporter import __version__
from tests.deploy.manifests import DEPLOY, ROOT, Object
from tests.process import DEADLINE_SECONDS, command, exporter, wait_until
from tests.servers import require

FOLDER = DEPLOY / "compose"
PROJECT: Object = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, Any] = PROJECT["services"]
PROVISIONED: dict[str, Any] = {
    str(file.relative_to(FOLDER / "grafana")): yaml.safe_load(file.read_text())
    for file in (FOLDER / "grafana").rglob("*.yaml")
}
# Of Grafana's provisioning files, what is used here of what it knows.
PROVIDER = {"name": str, "type": str, "folder": str, "disableDeletion": bool, "allowUiUpdates": bool, "options": dict}
DATA_SOURCE = {"name": str, "uid": str, "type": str, "url": str, "access": str, "isDefault": bool, "editable": bool} | {
    "jsonData": dict
}
ALERTMANAGER = SERVICES["alertmanager"]
VOLUMES = [volume for service in SERVICES.values() for volume in service["volumes"]]


def test_it_is_what_the_compose_specification_says() -> None:
    assert len(compose_spec.PyCompose.from_json(json.dumps(PROJECT))) == len(SERVICES)
    with pytest.raises(ValueError, match="service_well"):
        compose_spec.PyCompose.from_yaml("services: {a: {image: b, depends_on: {c: {condition: service_well}}}}")


def test_images_are_pinned_and_ours_is_this_version() -> None:
    images = {service["image"] for service in SERVICES.values()}
    assert f"prediction-exporter:{__version__}" in images
    for image in images:
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", image)


@pytest.mark.parametrize("volume", VOLUMES)
def test_what_is_mounted_is_there(volume: str) -> None:
    source, *_ = volume.split(":")
    assert (FOLDER / source).exists() if source.startswith(".") else source in PROJECT["volumes"]


def test_who_is_waited_for_is_there() -> None:
    for service in SERVICES.values():
        for name, on in service.get("depends_on", {}).items():
            own_check = SERVICES[name].get("healthcheck") or "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()
            assert own_check or on["condition"] != "service_healthy"


def test_ports_are_this_machine_s_alone_and_each_once() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports) == 4


def test_a_host_that_is_named_is_a_service_and_listens_there() -> None:
    files = [FOLDER / "prometheus.yml", *(FOLDER / "grafana").rglob("*.yaml")]
    named = re.findall(r"(?<![\w.])([a-z]+):(\d{4})\b", "".join(file.read_text() for file in files))
    assert {host for host, _ in named} == {"alertmanager", "sidecar", "prometheus"}
    for host, port in named:
        assert SERVICES[host]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_grafana_reads_the_folders_that_are_mounted() -> None:
    mounted = {
        inside: FOLDER / here for here, inside, _ in (volume.split(":") for volume in SERVICES["grafana"]["volumes"])
    }
    (provider,) = PROVISIONED["dashboards/models.yaml"]["providers"]
    assert mounted[provider["options"]["path"]].resolve() == ROOT / "dashboards" / "json"
    folders = {f"/etc/grafana/provisioning/{folder.name}": folder for folder in (FOLDER / "grafana").iterdir()}
    assert {inside: mounted[inside] for inside in folders} == folders


def test_what_grafana_is_provisioned_with_has_the_keys_that_it_knows() -> None:
    assert {*PROVISIONED} == {"dashboards/models.yaml", "datasources/prometheus.yaml"}
    assert all(file["apiVersion"] == 1 for file in PROVISIONED.values())
    (provider,) = PROVISIONED["dashboards/models.yaml"]["providers"]
    assert {name: type(value) for name, value in provider.items()} == PROVIDER
    assert (provider["type"], provider["options"].keys()) == ("file", {"path"})
    (source,) = PROVISIONED["datasources/prometheus.yaml"]["datasources"]
    assert {name: type(value) for name, value in source.items()} == DATA_SOURCE
    assert (source["type"], source["uid"], source["access"]) == ("prometheus", "prometheus", "proxy")
    # The one that dashboards choose when they are opened.
    assert source["isDefault"]
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"] == {"timeInterval": scraped}


def test_dashboards_are_in_the_same_folder_of_grafana_however_they_come() -> None:
    (provider,) = PROVISIONED["dashboards/models.yaml"]["providers"]
    assert provider["folder"] == listing.FOLDER
    values = yaml.safe_load((DEPLOY / "helm/prediction-exporter/values.yaml").read_text())
    assert values["monitoring"]["dashboards"]["folder"] == listing.FOLDER


@pytest.mark.servers
def test_prometheus_takes_its_configuration_and_the_rules(tmp_path: Path) -> None:
    arguments = SERVICES["prepare"]["entrypoint"][2].split(" && ")[0].removeprefix("python ").split()
    made = [word.replace("/rules", str(tmp_path / "rules")) for word in arguments]
    subprocess.run([sys.executable, *made], cwd=ROOT, check=True, timeout=DEADLINE_SECONDS)
    config = (FOLDER / "prometheus.yml").read_text()
    assert "/etc/prometheus/rules/*.yaml" in config
    file = tmp_path / "prometheus.yml"
    file.write_text(config.replace("/etc/prometheus/rules", str(tmp_path / "rules")))
    done = subprocess.run(
        [require("promtool"), "check", "config", file],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") == len([*(tmp_path / "rules").glob("*.yaml")]) > 0


@pytest.mark.servers
def test_alertmanager_takes_the_shipped_configuration_where_it_is_mounted(tmp_path: Path) -> None:
    mounted = {target: FOLDER / source for source, target, _ in (v.split(":") for v in ALERTMANAGER["volumes"])}
    config = mounted["/etc/alertmanager/alertmanager.yml"].read_text()
    assert mounted["/etc/alertmanager/alertmanager.yml"].resolve() == ROOT / "alerts/alertmanager/alertmanager.yml"
    for target, source in mounted.items():
        config = config.replace(target, str(source.resolve()))
    (secret,) = ALERTMANAGER["secrets"]
    assert f"slack_api_url_file: {secret['target']}\n" in config
    (tmp_path / "alertmanager.yml").write_text(config)
    command = [require("amtool"), "check-config", tmp_path / "alertmanager.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


def test_the_secret_of_slack_is_a_file_of_one_s_own_or_an_address_where_nobody_is() -> None:
    (secret,) = ALERTMANAGER["secrets"]
    file = PROJECT["secrets"][secret["source"]]["file"]
    asked, default = re.fullmatch(r"\$\{(\w+):-(.*)\}", file).groups()
    assert asked in (DEPLOY / "README.md").read_text()
    assert (FOLDER / default).read_text().startswith("http://127.0.0.1:1/")


def test_the_model_the_reference_and_the_sidecar_work_together(tmp_path: Path) -> None:
    """What the services do, one after the other, with their folders elsewhere."""
    places = {"/var/log/model": tmp_path / "log", "/var/lib/prediction-exporter": tmp_path / "state"}
    places["/model.py"] = FOLDER / "model.py"
    (tmp_path / "log").mkdir()

    def here(words: list[str]) -> list[str]:
        return [re.sub("|".join(places), lambda found: str(places[found[0]]), word) for word in words]

    _, *arguments = here(SERVICES["model"]["entrypoint"])
    with subprocess.Popen([sys.executable, *arguments, "2000"]) as model:
        try:
            log = Path(here(SERVICES["model"]["healthcheck"]["test"])[-1])
            wait_until(log.exists)
            made = command(*here(SERVICES["reference"]["command"]))
            assert made.returncode == 0, made.stderr
            (config,) = here([(FOLDER / "config.yaml").read_text()])
            (tmp_path / "config.yaml").write_text(config + "listen: 127.0.0.1:0\n")
            with exporter("--config", tmp_path / "config.yaml") as sidecar:
                wait_until(lambda: sidecar.total("model_predictions_total") >= 500)
                drift = sidecar.samples("model_feature_drift_psi")
                assert {feature for feature, _ in drift} == {"age", "income", "employment"}
                assert max(drift.values()) < 0.2
                assert sidecar.total("prediction_exporter_source_rejected_lines_total") == 0
                assert sidecar.total("model_prediction_errors_total") > 0
        finally:
            model.terminate()
