"""One demo from beginning to end: train, make the profile, start the sidecar, write, show, drain, compare."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live

from exporter.demo import DemoError, DemoSettings, Stop, model, readings, table
from exporter.demo.model import Model
from exporter.demo.readings import Reading
from exporter.demo.sidecar_process import SidecarProcess, free_address, make_profile
from exporter.demo.stage import hurried_windows, stage
from exporter.demo.story import Story
from exporter.demo.table import View
from exporter.demo.traffic import Requests, Shifting, Traffic, training_lines
from exporter.units import Listen

DEFAULT_LISTEN = Listen.parse("127.0.0.1:9465")
LOOK_SECONDS = 1.0
LINE_SECONDS = 5.0
RECENT_READINGS = 16  # the last 15 seconds
DRAIN_SECONDS = 10.0
LONGEST_SLEEP = 0.1

CONFIG = """\
listen: "{listen}"
state_dir: state
model: {{name: {name}, version: "{version}"}}
reference: reference.json
windows: [{windows}]
buckets: {{latency_seconds: [0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25]}}
thresholds: {{latency_p99_seconds: 0.05}}
quality: {{bounds: {{mean texture: [0, 100], texture error: [0, 100], worst texture: [0, 100]}}}}
sources: [predictions.jsonl]
"""
WINDOWS = ["1m", "5m", "1h"]
TRUTH = "ground_truth: {sources: [truth.jsonl], wait: 1h}\n"

NEXT = """\
The configuration was

{config}
While a demo runs:  curl http://{listen}/metrics
On your own log:    prediction-exporter profile TRAINING.jsonl --output reference.json
                    prediction-exporter run --source '/var/log/model/*.jsonl' --reference reference.json
"""


def run(settings: DemoSettings, stop: Stop) -> None:
    """Run a demo; raises DemoError."""
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    listen = _address(settings.listen, console)
    trained = model.train()
    console.print(
        f"Trained a logistic regression on {len(trained.training)} of scikit-learn's breast-cancer records. "
        f"It is right on {trained.accuracy:.0%} of the other {len(trained.held_out)}, which are its traffic."
    )
    story = (Story() if settings.seconds is None else Story(settings.seconds)) if settings.story else None
    windows = ", ".join(hurried_windows(story) if story else WINDOWS)
    config = CONFIG.format(listen=listen, name=model.NAME, version=model.VERSION, windows=windows)
    config += TRUTH if story else ""
    with tempfile.TemporaryDirectory(prefix="prediction-exporter-demo-") as name:
        folder = Path(name)
        _prepare(folder, trained, config)
        if stop.asked:
            return
        with SidecarProcess(folder / "config.yaml", listen) as sidecar, ExitStack() as stack:
            console.print(f"The sidecar serves http://{listen}/metrics until {_end(settings)}.\n")
            traffic: Requests
            if story:
                traffic = stage(stack, trained, folder, listen, story, console)
            else:
                log = stack.enter_context(Traffic(trained, folder / "predictions.jsonl", time.perf_counter))
                traffic = Shifting(log, settings.shift_after)
            session = Session(settings, sidecar, traffic, f"http://{listen}/metrics")
            with _display(console) as show:
                session.serve(show, stop)
            counted = session.drained()
    _compare(console, {**traffic.predictions, **traffic.errors}, {**counted.predictions, **counted.errors})
    console.print(NEXT.format(config=config, listen=listen), markup=False)
    if not settings.story and session.seconds < settings.shift_after:
        console.print(f"No input was shifted: --shift-after {settings.shift_after:g} was not reached.")


class Session:
    """Writes traffic and reads the sidecar, in turns, so that neither disturbs what the other measures."""

    def __init__(self, settings: DemoSettings, sidecar: SidecarProcess, traffic: Requests, address: str) -> None:
        self._settings = settings
        self._sidecar = sidecar
        self._traffic = traffic
        self._address = address
        self._started = time.monotonic()
        self._first = self._read()
        self._recent = deque([self._first], maxlen=RECENT_READINGS)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def serve(self, show: Callable[[View], None], stop: Stop) -> None:
        """Write at the steady rate, or as fast as the model can, and show a view every LOOK_SECONDS."""
        next_look = LOOK_SECONDS
        while not stop.asked and (self._settings.seconds is None or self.seconds < self._settings.seconds):
            due = self._traffic.written / self._settings.requests_per_second
            if self.seconds >= next_look:
                self._recent.append(self._read())
                show(self._view())
                next_look = self.seconds + LOOK_SECONDS
            elif self.seconds >= due:
                self._traffic.write(self.seconds)
            else:
                time.sleep(max(0.0, min(due - self.seconds, next_look - self.seconds, LONGEST_SLEEP)))

    def drained(self) -> Reading:
        """Return the reading in which the sidecar has counted all, or the last one if that takes too long."""
        deadline = self.seconds + DRAIN_SECONDS
        while (reading := self._read()).counted < self._traffic.written and self.seconds < deadline:
            time.sleep(LONGEST_SLEEP)
        return reading

    def _read(self) -> Reading:
        return readings.parse(self._sidecar.scrape(), self.seconds)

    def _view(self) -> View:
        latest = self._recent[-1]
        recent, overall = readings.activity(self._recent[0], latest), readings.activity(self._first, latest)
        return View(self._address, self._traffic.inputs(self.seconds), latest, recent, overall)


def _address(wanted: Listen | None, console: Console) -> Listen:
    """Return where to listen: where the user said, or the usual port, or a free one if that is taken."""
    try:
        return free_address(wanted or DEFAULT_LISTEN)
    except OSError as error:
        if wanted:
            raise DemoError(f"listen: {wanted}: {error.strerror}") from None
    free = free_address(Listen.parse(f"{DEFAULT_LISTEN.host}:0"))
    console.print(f"Port {DEFAULT_LISTEN.port} is taken, so this uses port {free.port}.")
    return free


def _prepare(folder: Path, trained: Model, config: str) -> None:
    """Lay down what a user lays down: the reference profile, and the configuration."""
    with (folder / "training.jsonl").open("w") as training:
        training.writelines(training_lines(trained))
    make_profile(folder / "training.jsonl", folder / "reference.json")
    (folder / "config.yaml").write_text(config)


def _end(settings: DemoSettings) -> str:
    return "Ctrl-C" if settings.seconds is None else f"{settings.seconds:g} seconds are over"


@contextmanager
def _display(console: Console) -> Iterator[Callable[[View], None]]:
    """Yield what shows a view: a live table on a terminal, else a line now and then."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda view: live.update(table.dashboard(view), refresh=True)
        return
    next_line, inputs = 0.0, ""

    def show(view: View) -> None:
        nonlocal next_line, inputs
        if view.inputs != inputs:
            console.print(view.inputs)
        if view.reading.seconds >= next_line or view.inputs != inputs:
            console.print(table.line(view))
            next_line = view.reading.seconds + LINE_SECONDS
        inputs = view.inputs

    yield show


def _compare(console: Console, written: Mapping[str, int], counted: Mapping[str, float]) -> None:
    """Print both sides; raises DemoError where they differ."""
    console.print("", table.summary(written, counted), "", sep="\n")
    if any(written.get(name, 0) != counted.get(name, 0) for name in written.keys() | counted.keys()):
        raise DemoError("the sidecar did not count what was written")
    console.print("The sidecar counted every record, and each once.\n")
