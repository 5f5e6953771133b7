"""`prediction-exporter demo` from beginning to end, as a user runs it."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from rich.console import Console

from exporter.cli import main
from exporter.demo import DemoError, DemoSettings, Stop, run_demo, session
from exporter.units import Listen
from tests.demo.processes import DEADLINE_SECONDS, ended
from tests.process import samples_of
from tests.servers import free_port

MODEL = ("breast-cancer", "1")


class Demo:
    """A running demo; what it says goes to a file, its folder is made in one of the test's own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self._output = folder / "output"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "exporter", "demo", *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"TMPDIR": str(self.temporary)},
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._output.read_text()

    def wait_for_text(self, pattern: str) -> str:
        """Wait until it has said something, and return the pattern's group."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (found := re.search(pattern, self.said)):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        return found[1]

    def scrape(self, address: str) -> str:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return str(answer.read().decode())

    def predictions(self, address: str) -> float:
        """Wait until predictions have been counted, and return how many."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (seen := sum(samples_of(self.scrape(address), "model_predictions_total").values())):
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        return seen

    def summary(self) -> Mapping[str, tuple[int, int]]:
        """Return what was written and what was counted, by class and error, as the summary says."""
        rows = re.findall(r"^(\w+) +([\d,]+) +([\d,]+) *$", self.said, re.MULTILINE)
        return {name: (int(written.replace(",", "")), int(counted.replace(",", ""))) for name, written, counted in rows}


@contextmanager
def demo(folder: Path, *options: str) -> Iterator[Demo]:
    running = Demo(folder, *options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            os.killpg(running.process.pid, signal.SIGTERM)
            running.process.wait(DEADLINE_SECONDS)


@contextmanager
def taken_port(port: int = 0) -> Iterator[int]:
    """Listen on a port; on one that somebody else listens on already, that is enough."""
    with closing(socket.socket()) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
            server.listen()
        except OSError:
            if not port:
                raise
        yield port or server.getsockname()[1]


def assert_all_was_counted(running: Demo) -> None:
    summary = dict(running.summary())
    written, counted = summary.pop("all")
    assert written == counted == sum(both[0] for both in summary.values())
    assert written > 0
    assert {"benign", "malignant"} <= summary.keys() <= {"benign", "malignant", "timeout"}
    assert all(both[0] == both[1] for both in summary.values())
    assert "The sidecar counted every record, and each once." in running.said


def test_a_demo_is_scraped_while_it_runs_and_counts_what_it_wrote(tmp_path: Path) -> None:
    listen = Listen.parse(f"127.0.0.1:{free_port()}")
    options = ("--seconds", "3", "--shift-after", "1.5", "--rate", "100", "--listen", listen)
    with demo(tmp_path, *options) as running:
        address = running.wait_for_text(r"The sidecar serves (\S+) until 3 seconds are over")
        assert address == f"http://{listen}/metrics"
        seen = running.predictions(address)
        page = running.scrape(address)
        assert running.process.poll() is None
        (info,) = re.findall(r"^model_reference_info\{(.*)\} 1.0$", page, re.MULTILINE)
        assert f'model_name="{MODEL[0]}",model_version="{MODEL[1]}"' in info
        assert len({feature for _, feature in samples_of(page, "model_feature_reference_bin")}) == 30
        assert running.process.wait(DEADLINE_SECONDS) == 0
    assert_all_was_counted(running)
    assert seen <= running.summary()["all"][0] <= 300 + 1
    assert f'listen: "{listen}"' in running.said
    calm, shifted = running.said.index("Inputs: as in training"), running.said.index("Inputs: since 1.5 s")
    assert calm < shifted < running.said.index("Records")
    assert "No input was shifted" not in running.said
    assert "Traceback" not in running.said
    assert list(running.temporary.iterdir()) == []


def test_a_demo_whose_usual_port_is_taken_uses_another_and_control_c_ends_it_cleanly(tmp_path: Path) -> None:
    with taken_port(session.DEFAULT_LISTEN.port), demo(tmp_path) as running:
        port = running.wait_for_text(r"Port 9465 is taken, so this uses port (\d+)\.\n")
        address = running.wait_for_text(r"The sidecar serves (\S+) until Ctrl-C")
        assert address == f"http://127.0.0.1:{port}/metrics"
        running.predictions(address)
        children = psutil.Process(running.process.pid).children(recursive=True)
        assert len(children) == 1
        assert len(list(running.temporary.iterdir())) == 1
        os.killpg(running.process.pid, signal.SIGINT)  # as a terminal does
        assert running.process.wait(DEADLINE_SECONDS) == 0
        assert all(map(ended, children))
    assert_all_was_counted(running)
    assert "No input was shifted: --shift-after 60 was not reached." in running.said
    assert "Traceback" not in running.said
    assert list(running.temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_the_demo_to_stop_from_its_first_moment_on(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    asked = []

    def run(_: DemoSettings, stop: Stop) -> None:
        asked.append(stop.asked)
        os.kill(os.getpid(), number)
        asked.append(stop.asked)

    monkeypatch.setattr(session, "run", run)
    before = signal.getsignal(number)
    run_demo(DemoSettings())
    assert asked == [False, True]
    assert signal.getsignal(number) is before


def mistake(*options: str) -> str:
    result = CliRunner().invoke(main, ["demo", *options], catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.splitlines()[-1]


def test_a_port_that_was_asked_for_and_is_taken_is_told_in_one_line() -> None:
    with taken_port() as port:
        told = mistake("--listen", f"127.0.0.1:{port}")
    assert told.startswith(f"prediction-exporter: demo: listen: 127.0.0.1:{port}: Address already in use")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--listen nowhere", "demo: expected an address such as 0.0.0.0:9465, got 'nowhere'"),
        ("--listen no.such.host.invalid:1", "demo: listen: no.such.host.invalid:1: "),
        ("--rate 0", "--rate"),
        ("--seconds -1", "--seconds"),
        ("--shift-after -1", "--shift-after"),
    ],
)
def test_an_option_that_cannot_be_meant_is_told(options: str, expected: str) -> None:
    assert expected in mistake(*options.split())


def test_without_scikit_learn_the_demo_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("exporter.demo.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("exporter.demo.session")
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert re.fullmatch(r".*sklearn\S* is missing: pip install 'prediction-exporter\[demo\]'", mistake())


def test_a_difference_between_what_was_written_and_counted_is_an_error() -> None:
    console = Console(file=io.StringIO())
    session._compare(console, {"yes": 3, "timeout": 0}, {"yes": 3.0})
    for counted in ({"yes": 2.0}, {"yes": 3.0, "no": 1.0}, {}):
        with pytest.raises(DemoError, match="the sidecar did not count what was written"):
            session._compare(console, {"yes": 3}, counted)
