"""New counters are shown at 0 first: to a model of any Prometheuses that scrape a sidecar that counts and restarts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from exporter.exposition.births import FORGOTTEN_SECONDS, MAX_SCRAPERS, Births, RegistryView, ScraperView
from exporter.families import CounterFamily, HistogramFamily

NOW = 1_700_000_000.0


def counters(counts: Mapping[str, float]) -> CounterFamily:
    family = CounterFamily("model_x_total", "Help.", ("a",))
    for name, count in counts.items():
        family.add((name,), count)
    return family


class Sidecar:
    """The counters of a sidecar, what is committed of them, and the births that it knows."""

    def __init__(self) -> None:
        self.now = 0.0
        self.births = Births(lambda: self.now)
        self.counts: dict[str, int] = {}
        self.committed: dict[str, int] = {}

    def count(self, name: str, number: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + number

    def scrape(self, address: str | None, *, arrives: bool = True) -> dict[str, float]:
        """Return what is shown to an address; without one, to a person."""
        self.committed = dict(self.counts)
        exposed = self.births.begin(NOW)
        seen = exposed.number if address is None else self.births.seen_by(address)
        shown = ScraperView(self.births, exposed, seen, has_created=False).of(counters(self.committed))
        if address is not None and arrives:
            self.births.sent(address, exposed.number)
        return {name: value for (name,), value in zip(shown.label_values, shown.columns[0], strict=True)}

    def restart(self, *, has_state: bool) -> None:
        self.births = Births(lambda: self.now)
        self.counts = dict(self.committed) if has_state else {}
        self.committed = dict(self.counts)
        if has_state:
            self.births.restore([counters(self.counts)])


@dataclass
class Prometheus:
    """A Prometheus: its present address, and the last value and the increase of each series."""

    address: str
    values: dict[str, float] = field(default_factory=dict)
    increases: dict[str, float] = field(default_factory=dict)

    def scrape(self, sidecar: Sidecar) -> None:
        for name, value in sidecar.scrape(self.address).items():
            before = self.values.get(name, value)
            # As `increase` does after a reset.
            self.increases[name] = self.increases.get(name, 0) + (value - before if value >= before else value)
            self.values[name] = value


class World:
    """A sidecar, and three Prometheuses, with what had been counted at the first scrape of each."""

    def __init__(self) -> None:
        self.sidecar = Sidecar()
        self.scrapers = [Prometheus(f"10.0.0.{number}") for number in range(3)]
        self.first: dict[int, dict[str, int]] = {}
        self.moves = 0

    def count(self, name: str, number: int) -> None:
        self.sidecar.count(name, number)

    def look(self) -> None:
        """A person looks, who sees everything."""
        assert self.sidecar.scrape(None) == self.sidecar.counts

    def scrape(self, which: int) -> None:
        self.first.setdefault(which, dict(self.sidecar.counts))
        before = dict(self.scrapers[which].values)
        self.scrapers[which].scrape(self.sidecar)
        assert all(self.scrapers[which].values[name] >= value for name, value in before.items())

    def lose(self, which: int) -> None:
        """A response does not arrive."""
        self.sidecar.scrape(self.scrapers[which].address, arrives=False)

    def wait(self, seconds: float) -> None:
        self.sidecar.now += seconds

    def move(self, which: int) -> None:
        self.moves += 1
        self.scrapers[which].address = f"10.0.1.{self.moves}"

    def restart(self) -> None:
        self.sidecar.restart(has_state=True)

    def restart_between_scrapes(self) -> None:
        """A restart when everything committed has been scraped, and before anyone scrapes twice."""
        for which in (0, 1, 2) * 2:
            self.scrape(which)
        self.restart()
        for which in (0, 1, 2):
            self.scrape(which)


WHICH = st.integers(0, 2)
STEPS = [
    st.tuples(st.just(World.count), st.sampled_from("abc"), st.integers(1, 9)),
    st.tuples(st.just(World.look)),
    st.tuples(st.just(World.scrape), WHICH),
]
HARMLESS = st.one_of(*STEPS, st.tuples(st.just(World.restart_between_scrapes)))
ANYTHING = st.one_of(
    *STEPS,
    st.tuples(st.just(World.lose), WHICH),
    st.tuples(st.just(World.move), WHICH),
    st.tuples(st.just(World.restart)),
    st.tuples(st.just(World.wait), st.sampled_from([15.0, FORGOTTEN_SECONDS])),
)


@given(st.lists(ANYTHING, max_size=40))
def test_no_counter_steps_back_for_anyone_whatever_happens(steps: list[tuple[Any, ...]]) -> None:
    world = World()
    for step, *details in steps:
        step(world, *details)


@given(st.lists(HARMLESS, max_size=40))
def test_who_watches_counts_everything_that_is_counted_meanwhile(steps: list[tuple[Any, ...]]) -> None:
    world = World()
    for step, *details in steps:
        step(world, *details)
    for which, already in world.first.items():
        world.scrape(which)
        world.scrape(which)
        for name, count in world.sidecar.counts.items():
            # What nobody had been shown before its first scrape is counted, too.
            assert count - already.get(name, 0) <= world.scrapers[which].increases[name] <= count


def test_a_backlog_is_new_to_both_of_a_pair_and_to_nobody_else() -> None:
    sidecar = Sidecar()
    sidecar.count("a", 3000)
    assert sidecar.scrape(None) == {"a": 3000}
    assert [sidecar.scrape("10.0.0.1"), sidecar.scrape("10.0.0.2")] == [{"a": 0}, {"a": 0}]
    assert [sidecar.scrape("10.0.0.1"), sidecar.scrape("10.0.0.2")] == [{"a": 3000}, {"a": 3000}]
    assert sidecar.scrape("10.0.0.3") == {"a": 3000}
    sidecar.count("b", 7)
    assert sidecar.scrape("10.0.0.2") == {"a": 3000, "b": 0}
    assert sidecar.scrape("10.0.0.2") == {"a": 3000, "b": 7}
    # One that has not scraped since, and one whose address is another now.
    assert [sidecar.scrape("10.0.0.1"), sidecar.scrape("10.0.0.4")] == [{"a": 3000, "b": 0}, {"a": 3000, "b": 7}]


def test_what_a_checkpoint_has_restored_is_not_new_and_what_was_counted_since_is() -> None:
    sidecar = Sidecar()
    sidecar.count("a", 500)
    sidecar.scrape("10.0.0.1")
    sidecar.restart(has_state=True)
    sidecar.count("a", 5)
    sidecar.count("b", 5)
    assert sidecar.scrape("10.0.0.1") == {"a": 505, "b": 0}
    sidecar.restart(has_state=False)
    sidecar.count("a", 2)
    assert [sidecar.scrape("10.0.0.1") for _ in range(2)] == [{"a": 0}, {"a": 2}]


def test_a_scrape_that_did_not_arrive_is_made_up_for() -> None:
    sidecar = Sidecar()
    sidecar.count("a", 3)
    assert [sidecar.scrape("10.0.0.1", arrives=arrives) for arrives in (False, True, True)] == [
        {"a": 0},
        {"a": 0},
        {"a": 3},
    ]


def test_a_series_that_was_gone_is_born_again() -> None:
    sidecar = Sidecar()
    sidecar.count("a", 3)
    for counts in ({"a": 3}, {}, {"a": 2}):
        sidecar.counts = dict(counts)
        found = [sidecar.scrape("10.0.0.1") for _ in range(2)]
    assert found == [{"a": 0}, {"a": 2}]


@pytest.mark.parametrize("forgotten", ["many others", "a long time"])
def test_an_address_is_forgotten_after(forgotten: str) -> None:
    sidecar = Sidecar()
    sidecar.scrape("10.0.0.1")
    if forgotten == "a long time":
        sidecar.now += FORGOTTEN_SECONDS
    for number in range(MAX_SCRAPERS + 1):
        sidecar.scrape(f"10.0.1.{number}")
    sidecar.count("a", 3)
    # Others have seen the value, so it may be one of them with its old address.
    assert [sidecar.scrape("10.0.1.32")["a"] for _ in range(2)] == [0, 3]
    assert sidecar.scrape("10.0.0.1") == {"a": 3}


def test_who_scrapes_rarely_is_shown_the_value_in_its_next_scrape() -> None:
    sidecar = Sidecar()
    sidecar.count("a", 3)
    for expected in (0, 3, 3):
        assert sidecar.scrape("10.0.0.1") == {"a": expected}
        sidecar.now += 2 * FORGOTTEN_SECONDS


def test_who_has_another_address_each_time_is_shown_the_value_in_the_end() -> None:
    sidecar = Sidecar()
    sidecar.count("a", 3)
    shown = []
    for number in range(30):
        shown.append(sidecar.scrape(f"10.0.0.{number}")["a"])
        sidecar.now += 15
    assert shown == [*([0] * 20), *([3] * 10)]


def test_all_of_a_histogram_and_the_counters_of_the_process_are_new_too() -> None:
    registry = CollectorRegistry()
    Counter("requests", "Help.", ["code"], registry=registry).labels("200").inc(4)
    births = Births()
    shown = []
    for _ in range(2):
        exposed = births.begin(NOW)
        view = ScraperView(births, exposed, births.seen_by("10.0.0.1"), has_created=True)
        family = HistogramFamily("model_x", "Help.", (), (1.0, 2.0))
        family.add((), [1, 2, 4], 9.5)
        (metric,) = RegistryView(registry, view).collect()
        samples = [*view.of(family).samples, *metric.samples]
        shown.append({each.name: each.value for each in samples if each.labels.get("le", "+Inf") == "+Inf"})
        births.sent("10.0.0.1", exposed.number)
    created = {"model_x_created": NOW, "requests_created": pytest.approx(shown[0]["requests_created"])}
    values = {"model_x_bucket": 4, "model_x_count": 4, "model_x_sum": 9.5, "requests_total": 4}
    assert shown == [dict.fromkeys(values, 0) | created, values | created]
