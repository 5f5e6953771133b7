"""The image's recipe, lock and healthcheck. It is built where there is a Docker engine, and not here."""

import json
import re
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from packaging.requirements import Requirement

from tests.deploy.manifests import ROOT
from tests.process import command, exporter
from tests.servers import free_port

DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BIN = Path(sys.executable).parent


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Return a lock file's versions, and how many hashes each has."""
    found = {}
    for entry in re.split(r"\n(?=\w)", (ROOT / name).read_text()):
        if pinned := re.match(r"([\w-]+)==(\S+)", entry):
            found[pinned[1]] = (pinned[2], entry.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("build.lock", PROJECT["build-system"]["requires"]),
    ],
)
def test_the_lock_has_what_is_asked_for_with_hashes(lock: str, asked: list[str]) -> None:
    """`make lock` writes it."""
    found = locked(lock)
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(found[requirement.name][0])
    assert all(hashes for _, hashes in found.values())


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([BIN / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_has_what_is_copied_and_no_more() -> None:
    copied = [*re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE)]
    names = {name for line in copied for name in line.split()}
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert names == {name.removeprefix("!") for name in ignored if name.startswith("!")}
    assert all((ROOT / name).exists() for name in names)


def test_nothing_is_installed_without_a_hash_and_nobody_is_root() -> None:
    installs = re.findall(r"pip (?:--python \S+ )?install (?:[^&]|\\\n)*", DOCKERFILE)
    assert len(installs) == 3
    assert all("--require-hashes" in install or "--no-index" in install for install in installs)
    assert re.search(r"^USER 65532:65532$", DOCKERFILE, re.MULTILINE)
    assert not re.search(r"\b(curl|wget|apt-get)\b", DOCKERFILE)


def test_the_sbom_names_what_is_locked(tmp_path: Path) -> None:
    made = tmp_path / "sbom.json"
    subprocess.run(
        [BIN / "cyclonedx-py", "requirements", ROOT / "requirements.lock", "--output-reproducible", "-o", made],
        check=True,
        capture_output=True,
    )
    components = json.loads(made.read_text())["components"]
    assert {part["name"]: part["version"] for part in components} == {
        name: version for name, (version, _) in locked("requirements.lock").items()
    }


def test_health_asks_the_sidecar(tmp_path: Path) -> None:
    with exporter("--source", tmp_path / "*.jsonl", "--listen", "127.0.0.1:0") as running:
        for path in ("healthy", "ready"):
            done = command("health", f"{running.address}/-/{path}")
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        done = command("health", f"{running.address}/nothing")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "status 404" in done.stderr


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"http://127.0.0.1:{free_port()}/-/healthy", "Connection refused"),
        ("localhost", "unknown url type"),
    ],
    ids=["nobody listens", "no URL"],
)
def test_health_says_in_one_line_what_is_wrong(url: str, told: str) -> None:
    done = command("health", url)
    assert done.returncode == 1
    assert re.fullmatch(rf"prediction-exporter: health: {re.escape(url)}: .*{told}.*\n", done.stderr)


@pytest.mark.parametrize(("answer", "status"), [(401, 0), (403, 0), (503, 1)])
def test_who_asks_for_a_password_is_alive(answer: int, status: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        assert command("health", f"http://127.0.0.1:{server.server_port}/-/healthy").returncode == status
        thread.join()


def test_a_healthcheck_loads_none_of_what_the_sidecar_runs_on() -> None:
    program = "import sys, exporter.cli, exporter.serving.health; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not {"numpy", "aiohttp", "msgspec"} & {*done.stdout.split()}
