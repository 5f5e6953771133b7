"""`python -m deploy.demo` from start to end, as users run it."""

import asyncio
import html
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import psutil
import pytest
from aiohttp import ClientSession
from click.testing import CliRunner

from alerts.rule_files import alerts, load
from deploy.demo import DemoError, exporter, model, monitoring, session
from deploy.demo.__main__ import main
from deploy.demo.scenario import DRIFT, FAILURE, INCIDENTS, LATENCY, SENSOR, Incident, Scenario
from deploy.demo.session import Session
from tests.deploy.demo.test_demo_processes import ended
from tests.process import DEADLINE_SECONDS, samples_of, wait_until
from tests.servers import free_port, require

# Far more than a busy machine needs.
ALERT_SECONDS = 600.0
# Python 3.12 and later warn of what runs between fork and exec if there are threads, as numpy's in the test run.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class Demo:
    """A running demo, with its output in a file and its temporary folder in the test's."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self._output = folder / "output"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.demo", *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"TMPDIR": str(self.temporary)} | environment,
                cwd=monitoring.REPOSITORY,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for_text(self, pattern: str) -> str:
        """Wait until the output matches a pattern; return the pattern's group."""
        wait_until(lambda: re.search(pattern, self.output) or self.process.poll() is not None, lambda: self.output)
        found = re.search(pattern, self.output)
        assert found, self.output
        return found[1]

    def link(self, name: str) -> str:
        return self.wait_for_text(rf"(?m)^  {name} +(\S+)$")

    def wait(self) -> int:
        return self.process.wait(DEADLINE_SECONDS)

    def summary(self) -> Mapping[str, tuple[int, int]]:
        """Return the logged and the counted records, by class and error type."""
        rows = re.findall(r"^(\w+) +([\d,]+) +([\d,]+) *$", self.output, re.MULTILINE)
        return {name: (int(logged.replace(",", "")), int(counted.replace(",", ""))) for name, logged, counted in rows}

    def assert_every_record_was_counted(self) -> int:
        """Return the number of records, after the demo has ended."""
        summary = dict(self.summary())
        logged, counted = summary.pop("total")
        assert logged == counted == sum(both[0] for both in summary.values()) > 0
        assert all(both[0] == both[1] for both in summary.values())
        assert "The exporter counted every record exactly once." in self.output
        assert "Traceback" not in self.output
        assert list(self.temporary.iterdir()) == []
        return logged


@contextmanager
def demo(folder: Path, *options: str, **environment: str) -> Iterator[Demo]:
    running = Demo(folder, *options, **environment)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            os.killpg(running.process.pid, signal.SIGTERM)
            running.process.wait(DEADLINE_SECONDS)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=DEADLINE_SECONDS) as response:
        return str(response.read().decode())


@contextmanager
def used_port(port: int = 0) -> Iterator[int]:
    """Listen on a port; if another program already does, that is enough."""
    try:
        server = socket.create_server(("127.0.0.1", port))
    except OSError:
        if not port:
            raise
        yield port
    else:
        with server:
            yield server.getsockname()[1]


def test_without_prometheus_the_demo_runs_through_all_incidents_and_counts_every_request(tmp_path: Path) -> None:
    port = free_port()
    with demo(tmp_path, "--seconds", "6", "--rate", "50", "--port", str(port), PATH=str(tmp_path)) as running:
        assert running.link("Metrics") == f"http://127.0.0.1:{port}/metrics"
        page = get(running.link("Metrics"))
        (info,) = re.findall(r"^model_reference_info\{(.*)\} 1.0$", page, re.MULTILINE)
        assert 'model_name="breast-cancer",model_version="1"' in info
        assert len({feature for _, feature in samples_of(page, "model_feature_reference_bin")}) == 30
        assert running.wait() == 0
    assert 6 / session.MAX_INTERRUPTION_SECONDS <= running.assert_every_record_was_counted() <= 6 * 50
    assert {"benign", "malignant"} < {*running.summary()} <= {"benign", "malignant", "out_of_memory", "total"}
    headlines = re.findall(r"^Incident: (.*)\.$", running.output, re.MULTILINE)
    assert headlines == [incident.text for incident in INCIDENTS]
    assert "apt-get install prometheus prometheus-alertmanager" in running.output
    assert "Slack" not in running.output
    assert f"listen: 127.0.0.1:{port}" in running.output


@pytest.mark.servers
def test_if_its_usual_port_is_in_use_the_demo_takes_another_and_control_c_ends_it_cleanly(tmp_path: Path) -> None:
    for program in ("prometheus", "prometheus-alertmanager"):
        require(program)
    with used_port(session.EXPORTER_PORT), demo(tmp_path) as running:
        assert re.fullmatch(r"http://127.0.0.1:94[7-9]5/", running.link("Status page"))
        running.wait_for_text(r"(?m)^ +\d+ s  requests/s (.*)$")
        for name in ("Status page", "JSON", "Metrics", "Slack", "Prometheus", "Alertmanager"):
            assert get(running.link(name))
        assert model.NAME in get(running.link("Status page"))
        prometheus = urlsplit(running.link("Prometheus"))
        groups = json.loads(get(f"{prometheus.scheme}://{prometheus.netloc}/api/v1/rules"))["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert {rule["name"] for rule in rules} >= alerts(load()).keys()
        assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
        children = psutil.Process(running.process.pid).children(recursive=True)
        assert len(children) == 3
        assert len(list(running.temporary.iterdir())) == 1
        os.killpg(running.process.pid, signal.SIGINT)  # as a terminal does
        assert running.wait() == 0
        assert all(map(ended, children))
    running.assert_every_record_was_counted()


class Lasting(Scenario):
    """Incidents that last until the test ends them."""

    current: Collection[Incident] = INCIDENTS

    def incidents(self, _: float) -> Collection[Incident]:
        return Lasting.current


FIRING = {(DRIFT, "WARNING"), (LATENCY, "WARNING"), (SENSOR, "CRITICAL"), (FAILURE, "CRITICAL")}
RESOLVED = {(incident, "RESOLVED") for incident in (DRIFT, LATENCY, SENSOR)}


@pytest.mark.servers
def test_every_incident_reaches_slack_through_the_shipped_alerts(tmp_path: Path) -> None:
    """Waits for alerts however long they take. They end sooner if the incident ends."""
    for program in ("prometheus", "prometheus-alertmanager"):
        require(program)

    async def show_nothing(_: float) -> None:
        """Spare the exporter the requests for its status."""

    async def run() -> None:
        scenario, port, stop = Lasting(90), free_port(), asyncio.Event()
        trained = model.train()
        await exporter.configure(tmp_path, trained, scenario, port)
        async with AsyncExitStack() as stack, ClientSession() as http:
            running = await Session.start(stack, tmp_path, trained, scenario, 50, port)
            sending = asyncio.create_task(running.send(math.inf, show_nothing, stop))
            deadline = time.monotonic() + ALERT_SECONDS
            while missing := (FIRING | RESOLVED) - (seen := await messages(http, running.links["Slack"])):
                assert time.monotonic() < deadline, (missing, seen)
                assert not sending.done()
                Lasting.current = [incident for incident, severity in FIRING if (incident, severity) not in seen]
                await asyncio.sleep(0.2)
            stop.set()
            await sending
            logged, counted = await running.counts()
            assert logged == counted

    asyncio.run(run())


async def messages(http: ClientSession, slack: str) -> set[tuple[Incident, str]]:
    """Return the incidents on Slack's page, each with its severity."""
    async with http.get(slack) as response:
        page = html.unescape(await response.text())
    by_alert = {incident.alert: incident for incident in INCIDENTS}
    found = re.findall(rf"<h2>(\w+): (\w+): {model.NAME}\b", page)
    return {(by_alert[alert], severity) for severity, alert in found if alert in by_alert}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_demo_from_its_first_moment_on(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    stopped = []

    async def run(*_: object) -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(DEADLINE_SECONDS)
        except asyncio.CancelledError:
            stopped.append(number)
            raise

    monkeypatch.setattr(session, "run", run)
    result = CliRunner().invoke(main, [], catch_exceptions=False)
    assert (result.exit_code, result.output, stopped) == (0, "", [number])


def error(*options: str) -> str:
    result = CliRunner().invoke(main, options, catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.splitlines()[-1]


def test_a_port_that_is_in_use_is_reported_in_one_line() -> None:
    with used_port() as port:
        assert error("--port", str(port)) == f"demo: --port {port}: Address already in use"


@pytest.mark.parametrize("options", ["--port 65536", "--rate 0", "--seconds -1"])
def test_an_invalid_option_is_reported(options: str) -> None:
    assert options.split(maxsplit=1)[0] in error(*options.split())


def test_without_scikit_learn_the_demo_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("deploy.demo.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("deploy.demo.session")
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    expected = r"demo: sklearn\S* is not installed: pip install . -r deploy/demo/requirements.txt"
    assert re.fullmatch(expected, error())


def test_a_difference_between_logged_and_counted_records_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = Counter(yes=2)

    class Miscounting(SimpleNamespace):
        async def send(self, *_: object) -> None:
            """Send nothing."""

        async def counts(self) -> tuple[Counter[str], Counter[str]]:
            return Counter(yes=3), counted

    async def start(*_: object) -> Miscounting:
        return Miscounting(links={}, exporter=None, alerts=None)

    async def configure(*_: object) -> str:
        return "the configuration"

    monkeypatch.setattr(exporter, "configure", configure)
    monkeypatch.setattr(Session, "start", start)

    def run() -> None:
        asyncio.run(session.run(Scenario(), 1.0, 1, None))

    with pytest.raises(DemoError, match="the exporter's counts differ from the model's log"):
        run()
    assert re.search(r"(?m)^yes +3 +2 *$", capsys.readouterr().out)
    counted["yes"] = 3
    run()
    assert "the configuration" in capsys.readouterr().out
