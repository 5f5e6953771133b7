"""deploy/README.md, followed word for word."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from exporter.configuration import loading
from tests.deploy.manifests import (
    DEPLOY,
    KUBERNETES,
    ROOT,
    VERSIONS,
    Object,
    exporter_in,
    kustomize,
    one,
    pods,
    validate,
)
from tests.process import command

GUIDE = (DEPLOY / "README.md").read_text()
FILES = dict(re.findall(r"```yaml\n# ([\w.]+)[^\n]*\n(.*?)```", GUIDE, re.DOTALL))
PLAIN = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: credit}
spec:
  selector: {matchLabels: {app: credit}}
  template:
    metadata: {labels: {app: credit}}
    spec:
      terminationGracePeriodSeconds: 120
      volumes: [{name: cache, emptyDir: {}}]
      containers:
        - {name: model, image: "credit:3", volumeMounts: [{name: cache, mountPath: /cache}]}
        - {name: proxy, image: "proxy:1"}
"""


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """A plain Deployment, and the guide's files beside it."""
    root = tmp_path_factory.mktemp("guide")
    shutil.copytree(KUBERNETES, root / "prediction-exporter" / "deploy" / "kubernetes")
    mine = root / "mine"
    mine.mkdir()
    for name, text in {**FILES, "deployment.yaml": PLAIN, "reference.json": "{}"}.items():
        (mine / name).write_text(text)
    return kustomize(mine)


def test_it_is_five_lines_and_25_in_all() -> None:
    assert {*FILES} == {"kustomization.yaml", "log.yaml", "config.yaml"}
    assert len(FILES["kustomization.yaml"].splitlines()) == 5
    assert sum(len(text.splitlines()) for text in FILES.values()) <= 25


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_it_makes_valid_objects(followed: list[Object], version: str) -> None:
    for made in followed:
        validate(made, version)


def test_the_deployment_has_the_sidecar_and_is_else_as_it_was(followed: list[Object]) -> None:
    before = yaml.safe_load(PLAIN)["spec"]["template"]["spec"]
    (pod,) = pods(followed)
    sidecar = exporter_in(pod)
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["image"].startswith("registry.example.org/prediction-exporter:")
    assert pod["terminationGracePeriodSeconds"] == 120
    assert [container["name"] for container in pod["containers"]] == ["model", "proxy"]
    assert pod["containers"][1] == before["containers"][1]
    mounts = [
        {mount["name"]: mount["mountPath"] for mount in box["volumeMounts"]} for box in (pod["containers"][0], sidecar)
    ]
    assert mounts[0] == {"cache": "/cache", "model-log": "/var/log/model"}
    assert mounts[1]["model-log"] == "/var/log/model"
    assert {"cache", "model-log"} < {volume["name"] for volume in pod["volumes"]}
    assert {*one(followed, "ConfigMap")["data"]} == {"config.yaml", "reference.json"}


def test_its_configuration_is_good(tmp_path: Path) -> None:
    training = tmp_path / "training.jsonl"
    training.write_text('{"features":{"age":1.5},"prediction":"a"}\n' * 50)
    assert command("profile", training, "-o", tmp_path / "reference.json").returncode == 0
    (tmp_path / "config.yaml").write_text(FILES["config.yaml"])
    assert loading.load(tmp_path / "config.yaml").config.reference


@pytest.mark.parametrize("path", re.findall(r"deploy/[\w/.-]+|(?<=\]\()[\w./-]+", GUIDE))
def test_what_it_names_is_there(path: str) -> None:
    base = ROOT if path.startswith("deploy/") else DEPLOY
    assert (base / path).exists()


@pytest.mark.parametrize("anchor", re.findall(r"\]\(#([\w-]+)\)", GUIDE))
def test_what_it_points_to_is_a_heading(anchor: str) -> None:
    headings = re.findall(r"^#+ (.*)$", GUIDE, re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("target", re.findall(r"`make ([a-z]+)", GUIDE))
def test_make_has_the_target(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
