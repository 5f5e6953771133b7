"""The join against a plain simulation of it, with commits, and with crashes at any point of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.batch import Batch
from exporter.durable.join_store import JoinStore
from exporter.joins.join import Changes, JoinCounts, Joins, Waited
from exporter.joins.memory_store import MemoryStore
from exporter.joins.rows import Pair, outcomes
from tests.records import NOW, block, decoder

WAIT = 100.0
MOST = 1000
# So many commits would take their time on a disk.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
PREDICTIONS = decoder(None, asked_for=("request_id",))
TRUTHS = decoder(None, fields={"prediction": ("actual",)}, asked_for=("request_id",))


@dataclass(frozen=True)
class Arrival:
    """Records of one fold, and how long after the one before."""

    is_truth: bool
    records: tuple[tuple[str, str, str], ...]  # request id, version, class
    after: float

    def batch(self, now: float) -> Batch:
        key = "actual" if self.is_truth else "prediction"
        lines = [
            {"request_id": name, "model_name": "m", "model_version": version, key: label, "timestamp": now}
            for name, version, label in self.records
        ]
        batch = (TRUTHS if self.is_truth else PREDICTIONS).decode(block(lines), now).batch
        assert batch is not None
        return batch


@dataclass
class Oracle:
    """What should come of it, told in dictionaries without any end."""

    waiting: dict[str, list[tuple[float, str, str]]] = field(default_factory=dict)
    truths: dict[str, tuple[float, str, set[str]]] = field(default_factory=dict)
    joined: list[tuple[str, str, str]] = field(default_factory=list)
    repeated: int = 0
    revised: int = 0

    def take(self, arrival: Arrival, now: float) -> None:
        for name, version, label in arrival.records:
            at, actual, answered = self.truths.get(name, (-1e9, "", set()))
            known = at >= now - WAIT
            if not arrival.is_truth and known:
                if version not in answered:
                    answered.add(version)
                    self.joined.append((version, label, actual))
            elif not arrival.is_truth:
                self.waiting.setdefault(name, []).append((now, version, label))
            elif known:
                self.repeated += actual == label
                self.revised += actual != label
            else:
                its: dict[str, str] = {}
                for arrived, version_of, predicted in self.waiting.pop(name, []):
                    if arrived >= now - WAIT:
                        its.setdefault(version_of, predicted)
                self.truths[name] = (now, label, set(its))
                self.joined += [(version_of, predicted, label) for version_of, predicted in its.items()]


class Sidecar:
    """Joins with a store in a folder; what is not committed is lost with a crash, and arrives again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.saved: tuple[bytes, JoinCounts, list[tuple[str, str, str]]] = (
            msgspec.msgpack.encode(None),
            JoinCounts(),
            [],
        )
        self.since: list[tuple[Arrival, float]] = []
        self.open()

    def open(self) -> None:
        changes, counts, joined = self.saved
        self.store = JoinStore(self.folder)
        if restored := msgspec.msgpack.decode(changes, type=Changes | None):
            self.store.apply(restored)
        self.joins = Joins(self.store, WAIT, MOST, counts)
        self.joined = list(joined)

    def take(self, arrival: Arrival, now: float) -> None:
        self.since.append((arrival, now))
        self.fold(arrival, now)

    def fold(self, arrival: Arrival, now: float) -> None:
        take = self.joins.truths if arrival.is_truth else self.joins.predictions
        self.joined += [told(pair) for pair in take(arrival.batch(now), now)]

    def commit(self, now: float, *, fails: bool = False, dies: bool = False) -> None:
        changes = self.joins.changes(now)
        if fails:
            return
        self.saved = (msgspec.msgpack.encode(changes), self.joins.counts, list(self.joined))
        self.since = []
        if not dies:
            self.store.apply(changes)
            self.joins.applied()

    def crash(self) -> None:
        self.store.close()
        self.open()
        for arrival, now in self.since:
            self.fold(arrival, now)


def told(pair: Pair) -> tuple[str, str, str]:
    return pair.prediction.series.model_version, str(pair.prediction.prediction), str(pair.truth.actual)


ids = st.sampled_from(["a", "b", "c", "d"])
records = st.lists(st.tuples(ids, st.sampled_from(["1", "2"]), st.sampled_from(["x", "y"])), min_size=1, max_size=4)
arrivals = st.builds(Arrival, st.booleans(), records.map(tuple), st.sampled_from([0.0, 1.0, 60.0, 150.0]))
between = st.sampled_from(["", "", "commit", "commit fails", "crash", "commit crash", "dies in a commit"])


@settings(max_examples=150)
@given(st.lists(st.tuples(arrivals, between), max_size=12))
@example(
    [
        (Arrival(False, (("a", "1", "x"),), 0.0), "dies in a commit"),
        (Arrival(True, (("a", "1", "x"),), 1.0), "commit fails"),
        (Arrival(True, (("a", "1", "y"),), 1.0), "crash"),
        (Arrival(False, (("a", "2", "x"),), 1.0), "commit"),
    ]
)
def test_each_pair_is_joined_once_whatever_happens(story: Sequence[tuple[Arrival, str]]) -> None:
    with TemporaryDirectory(dir=MEMORY) as folder:
        sidecar, oracle, now = Sidecar(Path(folder)), Oracle(), NOW
        for arrival, then in story:
            now += arrival.after
            oracle.take(arrival, now)
            sidecar.take(arrival, now)
            if "commit" in then:
                sidecar.commit(now, fails="fails" in then, dies="dies" in then)
            if "crash" in then or "dies" in then:
                sidecar.crash()
        assert sidecar.joined == oracle.joined
        assert sidecar.joins.counts == JoinCounts(len(oracle.joined), oracle.repeated, oracle.revised)
        sidecar.store.close()


@pytest.fixture(params=["memory", "file"])
def joins(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Joins]:
    store = MemoryStore() if request.param == "memory" else JoinStore(tmp_path)
    yield Joins(store, WAIT, 3, JoinCounts())
    store.close()


def commit(joins: Joins, now: float) -> Waited:
    joins._store.apply(joins.changes(now))
    joins.applied()
    return joins.waited


def arrived(*names: str, is_truth: bool = False) -> Batch:
    return Arrival(is_truth, tuple((name, "1", "x") for name in names), 0).batch(NOW)


@settings(max_examples=40)
@given(st.lists(arrivals, max_size=12))
def test_both_stores_are_the_same(story: Sequence[Arrival]) -> None:
    with TemporaryDirectory(dir=MEMORY) as folder:
        both = [Joins(store, WAIT, MOST, JoinCounts()) for store in (MemoryStore(), JoinStore(Path(folder)))]
        now = NOW
        for arrival in story:
            now += arrival.after
            taken = [
                [
                    told(pair)
                    for pair in (joins.truths if arrival.is_truth else joins.predictions)(arrival.batch(now), now)
                ]
                for joins in both
            ]
            assert taken[0] == taken[1]
            assert commit(both[0], now) == commit(both[1], now)
        both[1]._store.close()


def test_what_waits_too_long_is_counted_and_gone(joins: Joins) -> None:
    joins.predictions(arrived("a", "b"), NOW)
    joins.truths(arrived("c", is_truth=True), NOW)
    assert commit(joins, NOW) == Waited(predictions=2, truths=1)
    joins.truths(arrived("a", is_truth=True), NOW + 1)
    assert commit(joins, NOW + 1) == Waited(predictions=1, truths=1)
    assert commit(joins, NOW + WAIT + 0.5) == Waited(expired=1, orphaned=1)
    assert joins.truths(arrived("b", is_truth=True), NOW + WAIT + 0.5) == []


def test_a_truth_that_waited_is_not_orphaned(joins: Joins) -> None:
    joins.truths(arrived("a", is_truth=True), NOW)
    assert commit(joins, NOW).truths == 1
    assert len(joins.predictions(arrived("a"), NOW + 1)) == 1
    assert commit(joins, NOW + 1) == Waited()
    assert commit(joins, NOW + 2 * WAIT) == Waited()


def test_the_oldest_make_room(joins: Joins) -> None:
    for name in "abcde":
        joins.predictions(arrived(name), NOW)
        commit(joins, NOW)
    assert joins.waited == Waited(predictions=3, evicted=2)
    assert len(joins.truths(arrived(*"abcde", is_truth=True), NOW)) == 3


def test_an_outcome_has_what_both_sides_say(joins: Joins) -> None:
    joins.predictions(arrived("a", "b"), NOW)
    truth = Arrival(True, (("b", "", "y"),), 0).batch(NOW + 5)
    batch = outcomes(joins.truths(truth, NOW + 7), NOW + 7)
    assert batch.time.tolist() == [NOW + 7]
    assert batch.delay_seconds is not None
    assert batch.delay_seconds.tolist() == [5]
    assert batch.prediction.names == ("x",)
    assert batch.actual is not None
    assert batch.actual.names == ("y",)


def test_the_store_is_the_same_after_the_same_changes_again(tmp_path: Path) -> None:
    store = JoinStore(tmp_path)
    joins = Joins(store, WAIT, MOST, JoinCounts())
    joins.predictions(arrived("a", "a", "b"), NOW)
    changes = joins.changes(NOW)
    store.apply(changes)
    waited = store.waited
    store.apply(changes)
    assert store.waited == waited
    store.close()
    again = JoinStore(tmp_path)
    assert (again.number, again.waited) == (changes.number, waited)
    again.close()
