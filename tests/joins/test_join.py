"""The join against a plain simulation of it, with commits, reloads, and crashes at any point of a commit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.batch import Batch
from exporter.joins import conversion
from exporter.joins.conversion import outcomes
from exporter.joins.join import JoinCounts, Joins
from exporter.joins.memory_store import MemoryStore
from exporter.joins.request import JoinedPair
from exporter.joins.sqlite_store import SqliteStore, open_store
from exporter.joins.store import Store, StoreDelta, StoreStats
from tests.records import NOW, block, decoded_block, decoder

WAIT = 100.0
CAPACITY = 1000
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
        batch = decoded_block(TRUTHS if self.is_truth else PREDICTIONS, block(lines), now).batch
        assert batch is not None
        return batch


@dataclass
class Oracle:
    """What should come of it, in dictionaries from which nothing is removed."""

    waiting: dict[str, list[tuple[float, str, str]]] = field(default_factory=dict)
    truths: dict[str, tuple[float, str, set[str]]] = field(default_factory=dict)
    joined: list[tuple[str, str, str]] = field(default_factory=list)
    repeated: int = 0
    revised: int = 0

    def take(self, arrival: Arrival, now: float) -> None:
        for name, version, label in arrival.records:
            at, actual, joined = self.truths.get(name, (-1e9, "", set()))
            is_known = at >= now - WAIT
            if not arrival.is_truth and is_known:
                if version not in joined:
                    joined.add(version)
                    self.joined.append((version, label, actual))
            elif not arrival.is_truth:
                of_request = self.waiting.setdefault(name, [])
                # The first of each version counts, for as long as it waits.
                if not any(other == version and arrived >= now - WAIT for arrived, other, _ in of_request):
                    of_request.append((now, version, label))
            elif is_known:
                self.repeated += actual == label
                self.revised += actual != label
            else:
                waited = [
                    (version_of, predicted)
                    for arrived, version_of, predicted in self.waiting.pop(name, [])
                    if arrived >= now - WAIT
                ]
                self.truths[name] = (now, label, {version_of for version_of, _ in waited})
                self.joined += [(version_of, predicted, label) for version_of, predicted in waited]


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
        delta, counts, joined = self.saved
        self.store = open_store(self.folder, msgspec.msgpack.decode(delta, type=StoreDelta | None), is_new=False)
        self.joins = Joins(self.store, WAIT, CAPACITY, self.emit, counts)
        self.joined = list(joined)

    def emit(self, pairs: Sequence[JoinedPair]) -> None:
        self.joined += map(told, pairs)

    def reload(self, now: float) -> None:
        """Continue from a snapshot that is not saved."""
        self.joins = Joins(self.store, WAIT, CAPACITY, self.emit, self.joins.counts, self.joins.delta(now))

    def take(self, arrival: Arrival, now: float) -> None:
        self.since.append((arrival, now))
        self.fold(arrival, now)

    def fold(self, arrival: Arrival, now: float) -> None:
        accept = self.joins.accept_truths if arrival.is_truth else self.joins.accept
        accept(arrival.batch(now), now)

    def commit(self, now: float, *, fails: bool = False, dies: bool = False) -> None:
        delta = self.joins.delta(now)
        if fails:
            return
        self.saved = (msgspec.msgpack.encode(delta), self.joins.counts, list(self.joined))
        self.since = []
        if not dies:
            self.store.apply(delta)
            self.joins.committed(delta)

    def crash(self) -> None:
        self.store.close()
        self.open()
        for arrival, now in self.since:
            self.fold(arrival, now)


def told(pair: JoinedPair) -> tuple[str, str, str]:
    return pair.prediction.series.model_version, str(pair.prediction.prediction), str(pair.truth.actual)


ids = st.sampled_from(["a", "b", "c", "d"])
records = st.lists(st.tuples(ids, st.sampled_from(["1", "2"]), st.sampled_from(["x", "y"])), min_size=1, max_size=4)
arrivals = st.builds(Arrival, st.booleans(), records.map(tuple), st.sampled_from([0.0, 1.0, 60.0, 150.0]))
TRUTH_OF_EACH = Arrival(True, tuple((name, "1", "x") for name in "abcd"), 0)
between = st.sampled_from(
    ["", "", "commit", "commit fails", "crash", "commit crash", "dies in a commit", "reload", "commit fails, reload"]
)


@settings(max_examples=150)
@given(st.lists(st.tuples(arrivals, between), max_size=12))
@example(
    [
        (Arrival(False, (("a", "1", "x"),), 0.0), "dies in a commit"),
        (Arrival(True, (("a", "1", "x"),), 1.0), "commit fails, reload"),
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
            if "reload" in then:
                sidecar.reload(now)
            if "crash" in then or "dies" in then:
                sidecar.crash()
        assert sidecar.joined == oracle.joined
        assert sidecar.joins.counts == JoinCounts(len(oracle.joined), oracle.repeated, oracle.revised)
        sidecar.store.close()


@dataclass
class Stored:
    """A join with its store, and the pairs since they were last looked at."""

    store: Store
    capacity: int = CAPACITY
    pairs: list[JoinedPair] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.joins = Joins(self.store, WAIT, self.capacity, self.pairs.extend)

    def take(self, arrival: Arrival, now: float) -> list[tuple[str, str, str]]:
        """Return what is joined."""
        self.pairs.clear()
        accept = self.joins.accept_truths if arrival.is_truth else self.joins.accept
        accept(arrival.batch(now), now)
        return [told(pair) for pair in self.pairs]

    def predict(self, *names: str, now: float = NOW) -> int:
        """Take predictions of requests; return how many are joined."""
        return len(self.take(Arrival(False, tuple((name, "1", "x") for name in names), 0), now))

    def label(self, *names: str, now: float = NOW) -> int:
        """Take the ground truth of requests; return how many predictions are joined."""
        return len(self.take(Arrival(True, tuple((name, "1", "x") for name in names), 0), now))

    def commit(self, now: float) -> StoreStats:
        delta = self.joins.delta(now)
        self.store.apply(delta)
        self.joins.committed(delta)
        return self.joins.stats


@pytest.fixture(params=["memory", "file"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stored]:
    store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path)
    yield Stored(store, capacity=3)
    store.close()


@settings(max_examples=40)
@given(st.lists(arrivals, max_size=12))
def test_both_stores_are_the_same(story: Sequence[Arrival]) -> None:
    with TemporaryDirectory(dir=MEMORY) as folder:
        memory, file = (Stored(store) for store in (MemoryStore(), SqliteStore(Path(folder))))
        now = NOW
        for arrival in story:
            now += arrival.after
            assert memory.take(arrival, now) == file.take(arrival, now)
            assert memory.commit(now) == file.commit(now)
        file.store.close()


@settings(max_examples=40)
@given(st.lists(st.tuples(arrivals, st.booleans()), max_size=12))
def test_what_a_store_counts_is_what_it_has(story: Sequence[tuple[Arrival, bool]]) -> None:
    with TemporaryDirectory(dir=MEMORY) as folder:
        for stored in (Stored(MemoryStore(), 2), Stored(SqliteStore(Path(folder)), 2)):
            now = NOW
            for arrival, commits in story:
                now += arrival.after
                stored.take(arrival, now)
                if commits:
                    stats = stored.commit(now)
                    digests = [digest for digest, _ in conversion.truths(TRUTH_OF_EACH.batch(now))]
                    found = [*stored.store.find(digests)]
                    assert stats.predictions == sum(request.pending for request in found)
                    assert stats.truths == sum(request.is_unmatched for request in found)
                    assert stats.predictions <= 2
            stored.store.close()


def test_what_waits_too_long_is_counted_and_gone(stored: Stored) -> None:
    stored.predict("a", "b")
    stored.label("c")
    assert stored.commit(NOW) == StoreStats(predictions=2, truths=1)
    assert stored.label("a", now=NOW + 1) == 1
    assert stored.commit(NOW + 1) == StoreStats(predictions=1, truths=1)
    assert stored.commit(NOW + WAIT + 0.5) == StoreStats(expired=1, orphaned=1)
    assert stored.label("b", now=NOW + WAIT + 0.5) == 0


def test_what_expires_before_the_first_commit_is_counted(stored: Stored) -> None:
    stored.predict("a")
    stored.label("b")
    assert stored.commit(NOW + WAIT + 0.5) == StoreStats(expired=1, orphaned=1)


def test_a_truth_that_waited_is_not_orphaned(stored: Stored) -> None:
    stored.label("a")
    assert stored.commit(NOW).truths == 1
    assert stored.predict("a", now=NOW + 1) == 1
    assert stored.commit(NOW + 1) == StoreStats()
    assert stored.commit(NOW + 2 * WAIT) == StoreStats()


def test_the_oldest_make_room(stored: Stored) -> None:
    for name in "abcde":
        stored.predict(name)
        stored.commit(NOW)
    assert stored.joins.stats == StoreStats(predictions=3, evicted=2)
    assert stored.label(*"abcde") == 3


def test_requests_that_were_joined_do_not_take_the_room_of_others(stored: Stored) -> None:
    for name in "abcdefgh":
        stored.predict(name)
        stored.label(name)
        stored.predict(f"{name} waits")
        stored.commit(NOW)
    assert stored.joins.stats == StoreStats(predictions=3, evicted=5)
    assert stored.label(*"abcdefgh") == 0
    assert stored.label(*(f"{name} waits" for name in "fgh")) == 3


def test_a_prediction_that_comes_again_waits_once(stored: Stored) -> None:
    for _ in range(100):
        stored.predict("a", "a")
    assert stored.commit(NOW) == StoreStats(predictions=1)
    assert len(stored.joins.delta(NOW).requests) == 0
    assert stored.label("a") == 1


def test_a_request_knows_what_was_joined_for_as_long_as_its_truth_may_be_revised(stored: Stored) -> None:
    stored.predict("a")
    stored.label("a")
    stored.commit(NOW)
    ((digest, _),) = conversion.truths(Arrival(True, (("a", "1", "x"),), 0).batch(NOW))
    (request,) = stored.store.find([digest])
    assert [prediction.prediction for prediction in request.predictions] == ["x"]
    assert request.truth
    assert request.truth.actual == "x"


def test_an_outcome_has_what_both_sides_say(stored: Stored) -> None:
    stored.predict("a", "b")
    stored.take(Arrival(True, (("b", "", "y"),), 5), NOW + 5)
    batch = outcomes(stored.pairs)
    assert batch.time.tolist() == [NOW]
    assert batch.delay_seconds is not None
    assert batch.delay_seconds.tolist() == [5]
    assert batch.prediction.names == ("x",)
    assert batch.actual is not None
    assert batch.actual.names == ("y",)


def test_the_store_is_the_same_after_the_same_delta_again(tmp_path: Path) -> None:
    stored = Stored(SqliteStore(tmp_path))
    stored.predict("a", "a", "b")
    delta = stored.joins.delta(NOW)
    stored.store.apply(delta)
    stats = stored.store.stats
    stored.store.apply(delta)
    assert stored.store.stats == stats
    stored.store.close()
    again = SqliteStore(tmp_path)
    assert (again.number, again.stats) == (delta.number, stats)
    again.close()
