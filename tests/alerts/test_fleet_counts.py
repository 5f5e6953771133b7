"""The hour of a fleet, as the rules count it from what scrapes see, against the records of the pods.

Hours of scrapes are simulated and written as blocks, and a real Prometheus evaluates the shipped rule on them.
"""

import math
import random
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from exporter.exposition.births import Births, ScraperView
from exporter.families import CounterFamily
from tests.alerts.oracle import drift
from tests.alerts.rule_files import RECORDINGS
from tests.servers import Prometheus, prometheus, require

COUNTED = RECORDINGS["model_version_feature_bin:model_feature_bin:increase1h"]["expr"]
HOUR = 3600.0
# Two hours are simulated, in seconds, and the second one is counted.
END = 2 * HOUR
SCRAPE_SECONDS = 15.0
NUMBERS = count()


@dataclass
class Pod:
    """A pod: its records per second from `begin` to `end`, and the times at which it restarts without its state.

    `block` are records that come all at once, as the first of their model, at `begin`. A response takes `seconds`.
    """

    model: str
    rate: float = 1.0
    begin: float = 0.0
    end: float = END
    restarts: tuple[float, ...] = ()
    block: int = 0
    interval: float = SCRAPE_SECONDS
    seconds: float = 0.01
    number: int = field(default_factory=lambda: next(NUMBERS))

    def counted(self, begin: float, end: float) -> int:
        """Return the number of records in a span of time."""
        first, last = max(begin, self.begin), min(end, self.end)
        block = self.block if begin < self.begin <= end else 0
        return block + max(int(self.rate * last) - int(self.rate * first), 0)

    def samples(self, addresses: "Addresses") -> Iterator[tuple[float, float]]:
        """Yield times and values as scrapes have them; a sample has the time at which its scrape began."""
        births, life = Births(), self.begin
        # A pod is scraped before its model's first record; the phase of scrapes depends on the target.
        at = (self.begin - 60 if self.block else self.begin) + self.number * 7.3 % self.interval
        while at < self.end:
            # What a restarted pod has counted is gone.
            if (latest := max([life, *(restart for restart in self.restarts if restart <= at)])) > life:
                births, life = Births(), latest
            address = addresses.at(at)
            if address:
                read = min(at + self.seconds, self.end)
                exposed, family = births.begin(read), CounterFamily("x_total", "Help.", ())
                if read >= self.begin:
                    family.add((), self.counted(life - bool(self.block), read))
                ScraperView(births, exposed, births.seen_by(address), has_created=False).of(family)
                births.sent(address, exposed.number)
                yield from ((at, value) for value in family.columns[0])
            at += self.interval


@dataclass
class Addresses:
    """The addresses of a Prometheus that is down for a while, and scrapes from another one afterwards."""

    down: tuple[float, float] = (END, END)

    def at(self, seconds: float) -> str:
        """Return its address at a time, empty while it is down."""
        begin, end = self.down
        return "" if begin <= seconds < end else "10.0.0.1" if seconds < begin else "10.0.0.2"


ALWAYS = Addresses()


def slow_targets() -> Iterator[Pod]:
    """Yield 80 pods that take up to three seconds to respond."""
    for number in range(80):
        interval = (10.0, 15.0, 30.0)[number % 3]
        yield Pod(f"target {number}", rate=2.0, interval=interval, seconds=0.01 + 2.99 * number / 79)


def rolling_deploy() -> Iterator[Pod]:
    """Yield ten pods that are replaced, one each minute."""
    for number in range(10):
        replaced = 1.5 * HOUR + 60 * number
        yield Pod("rolling deploy", end=replaced)
        yield Pod("rolling deploy", begin=replaced)


def scale_in() -> Iterator[Pod]:
    """Yield twelve pods, of which eight end."""
    for number in range(12):
        yield Pod("scale-in", end=1.4 * HOUR if number < 8 else END)


def restarts() -> Iterator[Pod]:
    for number in range(4):
        yield Pod("restarts without state", restarts=(1.2 * HOUR + 100 * number, 1.7 * HOUR + 100 * number))


def first_block() -> Iterator[Pod]:
    yield Pod("first block", rate=0, begin=1.3 * HOUR, block=2000)


def lines(fleets: Iterable[tuple[list[Pod], Addresses]], start: float) -> Iterator[str]:
    for pods, addresses in fleets:
        for pod in pods:
            for at, value in pod.samples(addresses):
                yield line(start + at, value, model_name=pod.model, instance=pod.number)


def line(at: float, value: float, **labels: object) -> str:
    pairs = ",".join(f'{name}="{label}"' for name, label in labels.items())
    return f"model_feature_bin_total{{{pairs}}} {value} {at:.3f}"


@contextmanager
def history(folder: Path, samples: Iterable[str]) -> Iterator[Prometheus]:
    """Run a Prometheus that has these samples as blocks."""
    file = folder / "samples.txt"
    file.write_text("\n".join(["# TYPE model_feature_bin counter", *samples, "# EOF", ""]))
    command = [require("promtool"), "tsdb", "create-blocks-from", "openmetrics", file, folder / "tsdb"]
    subprocess.run(command, check=True, capture_output=True)
    with prometheus(folder) as server:
        yield server


@pytest.mark.servers
def test_an_hour_contains_every_record_whatever_happens_to_pods_and_scrapes(tmp_path: Path) -> None:
    fleets = [
        ([*slow_targets()], ALWAYS),
        ([*rolling_deploy(), *scale_in(), *restarts(), *first_block()], ALWAYS),
        ([Pod("restarted Prometheus") for _ in range(4)], Addresses((1.6 * HOUR, 1.6 * HOUR + 240))),
    ]
    start = time.time() - END
    with history(tmp_path, lines(fleets, start)) as server:
        # Its first evaluation.
        found = {labels["model_name"]: value for labels, value in server.labelled(COUNTED, start + END)}
    expected: defaultdict[str, int] = defaultdict(int)
    for pods, _ in fleets:
        for pod in pods:
            expected[pod.model] += pod.counted(HOUR, END)
    assert found.keys() == expected.keys()
    ratios = {model: found[model] / expected[model] for model in expected}
    of_targets = {model: ratios.pop(model) for model in [*ratios] if model.startswith("target")}
    assert len(of_targets) == 80
    assert of_targets == dict.fromkeys(of_targets, pytest.approx(1, abs=0.01))
    assert ratios == dict.fromkeys(ratios, pytest.approx(1, abs=0.05))


BINS = "abcd"
HOURS = 24
# Scrapes once a minute.
DAY_SCRAPES = HOURS * 60


def pods_at(scrape: int) -> int:
    """Return how many pods there are: two in the small hours, twenty in the afternoon."""
    return round(2 + 18 * (1 + math.cos((scrape / 60 - 16) / 12 * math.pi)) / 2)


@pytest.mark.servers
def test_a_day_of_recorded_hours_has_the_psi_of_all_records_while_pods_scale(tmp_path: Path) -> None:
    rng = random.Random(3)
    start = time.time() - DAY_SCRAPES * 60
    totals: dict[int, Counter[str]] = {}
    together: Counter[str] = Counter()
    samples = []
    for scrape in range(DAY_SCRAPES + 1):
        # Traffic moves between bins during the day.
        weights = [2 + math.sin(scrape / DAY_SCRAPES * 2 * math.pi + place) for place in range(len(BINS))]
        # Pods that have ended are others when they are needed again.
        totals = {pod: totals.get(pod, Counter()) for pod in range(pods_at(scrape))}
        for pod, total in totals.items():
            counted = Counter(rng.choices(BINS, weights, k=10)) if scrape else Counter()
            total.update(counted)
            together += counted
            samples += [line(start + scrape * 60, total[name], instance=pod, bin=name) for name in BINS]
    with history(tmp_path, samples) as server:
        ends = [start + hour * HOUR for hour in range(1, HOURS + 1)]
        hours = [Counter({labels["bin"]: each for labels, each in server.labelled(COUNTED, end)}) for end in ends]
    recorded: Counter[str] = sum(hours, Counter())
    reference = dict.fromkeys(BINS, 500)
    psi = drift(together, reference).psi
    assert psi > 0.01
    assert drift(recorded, reference).psi == pytest.approx(psi, abs=0.01)
    assert recorded.total() == pytest.approx(together.total(), rel=0.05)
