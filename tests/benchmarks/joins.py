"""The join of predictions with ground truth: `python -m tests.benchmarks.joins`."""

import gc
import random
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from exporter.batch import Batch, Series
from exporter.encoded import Encoded
from exporter.joins.join import Joins
from exporter.joins.memory_store import MemoryStore
from exporter.joins.request import Pair
from exporter.joins.sqlite_store import SqliteStore
from exporter.joins.store import Store

PAIRS = 200_000
# How far the ground truth is behind, and within how many records its order differs from that of predictions.
LAG, SHUFFLED = 50_000, 20_000
BATCH = 1000
BATCHES_PER_COMMIT = 10
FOREVER = 1e9
SERIES = Series("credit", "3")


def pairs_per_second(store: Store) -> float:
    """Return how many pairs are joined per second of CPU, with their commits."""
    chance = random.Random(1)
    names = [f"request-{number}" for number in range(PAIRS)]
    late = [name for part in _parts(names, SHUFFLED) for name in chance.sample(part, len(part))]
    predictions = [_batch(part) for part in _parts(names, BATCH)]
    truths = [_batch(part) for part in _parts(late, BATCH)]
    pairs: list[Pair] = []
    joins = Joins(store, FOREVER, PAIRS, pairs.extend)
    begin = time.process_time()
    for step in range(len(predictions) + LAG // BATCH):
        if step < len(predictions):
            joins.accept(predictions[step], step)
        if step >= LAG // BATCH:
            joins.accept_truths(truths[step - LAG // BATCH], step)
        if step % BATCHES_PER_COMMIT == 0:
            _commit(joins, store, step)
    seconds = time.process_time() - begin
    assert len(pairs) == PAIRS
    return PAIRS / seconds


def bytes_per_prediction() -> float:
    """Return the bytes of memory that a prediction takes which waits in memory."""
    store = MemoryStore()
    joins = Joins(store, FOREVER, PAIRS, lambda _: None)
    gc.collect()
    tracemalloc.start()
    for step, part in enumerate(_parts([f"request-{number}" for number in range(PAIRS)], BATCH)):
        joins.accept(_batch(part), step)
        _commit(joins, store, step)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / PAIRS


def _commit(joins: Joins, store: Store, now: float) -> None:
    delta = joins.delta(now)
    store.apply(delta)
    joins.committed(delta)


def _parts(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[start : start + size] for start in range(0, len(names), size))


def _batch(names: Sequence[str]) -> Batch:
    n, rng = len(names), np.random.default_rng(len(names))
    return Batch(
        time=rng.random(n),
        series=Encoded((SERIES,), np.zeros(n, np.int64)),
        prediction=Encoded(("yes", "no"), rng.integers(0, 2, n)),
        error=Encoded((), np.full(n, -1)),
        latency_seconds=np.full(n, np.nan),
        probability=rng.random(n),
        value=np.full(n, np.nan),
        numbers=np.empty((0, n)),
        categories=(),
        marks=None,
        group=np.zeros(n, np.int64),
        request_id=Encoded(tuple(names), np.arange(n)),
    )


def main() -> None:
    with TemporaryDirectory(prefix="prediction-exporter-bench-") as folder:
        file = SqliteStore(Path(folder))
        print(f"Pairs joined per CPU second, in a file: {pairs_per_second(file):,.0f}")
        file.close()
    print(f"Pairs joined per CPU second, in memory: {pairs_per_second(MemoryStore()):,.0f}")
    print(f"Memory per prediction that waits in memory: {bytes_per_prediction():.0f} bytes")


if __name__ == "__main__":
    main()
