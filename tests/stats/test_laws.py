"""The laws of statistics. They are checked for every statistic of the sidecar, so a new one is found by itself."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, permutations
from typing import Any

import msgspec
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.assembly.measures import measures
from exporter.batch import Batch, Floats, Series
from exporter.configuration.settings import GroundTruthConfig
from exporter.encoded import Encoded
from exporter.state import checkpoint
from exporter.state.snapshot import Snapshot
from exporter.stats import Statistic
from exporter.tallies import tally
from exporter.tallies.grouping import Group, grouped
from tests.outcomes import of_values, with_truth
from tests.records import CONFIG, NOW, PROFILE, RICH, WINDOWS, block, decoded_block, decoder, good, logs

DECODER = decoder()
WITH_TRUTH = msgspec.structs.replace(CONFIG, ground_truth=GroundTruthConfig(sources=[]))
TRUTHS = ("deny", "approve", "new", "refused")


def chosen() -> dict[str, Statistic]:
    """Return every statistic of a model of classes, and those that only a model of values has."""
    every = {}
    for profile in (of_values(), with_truth(PROFILE, dict.fromkeys(TRUTHS, 100))):
        every.update({statistic.name: statistic for statistic in measures(WITH_TRUTH, profile).statistics})
    return every


STATISTICS = chosen()
# Each example is tallied by every statistic.
EXAMPLES = settings(max_examples=25)

# Sums of differences, which may be negative.
SIGNED = {"feature_moments", "output_moments", "attribution_moments", "residual_sums"}

Record = Any
TalliesByGroup = Mapping[Group, Floats]


class Vocabulary:
    """Numbers labels in the order of their arrival, like an engine that admits all of them."""

    def __init__(self) -> None:
        # Predictions and ground truth have the same numbers, and the labels of ground truth come first.
        self._predictions = {name: number for number, name in enumerate(TRUTHS)}
        self._errors: dict[str, int] = {}

    def __call__(self, batch: Batch) -> Batch:
        return replace(
            batch,
            prediction=_numbered(batch.prediction, self._predictions),
            error=_numbered(batch.error, self._errors),
            actual=batch.actual and _numbered(batch.actual, self._predictions),
        )


def _numbered(column: Encoded[str], known: dict[str, int]) -> Encoded[str]:
    rows = [known.setdefault(column.names[code], len(known)) if code >= 0 else -1 for code in column.codes.tolist()]
    return Encoded(tuple(known), np.array(rows, np.int64))


@dataclass(frozen=True)
class Part:
    """Records with the series, and the pane of each window, that they are tallied under."""

    batch: Batch
    groups: Sequence[Group]

    def tallied(self, statistic: Statistic) -> TalliesByGroup:
        return dict(zip(self.groups, statistic.tally(read_by(statistic, self.batch)), strict=True))


def part(batch: Batch, vocabulary: Vocabulary | None = None) -> Part:
    return Part(*grouped((vocabulary or Vocabulary())(batch), WINDOWS, NOW))


def whole(log: Sequence[Record]) -> list[Part]:
    """Return a log as one part; none if it has no record."""
    return parts(log, [])


def parts(log: Sequence[Record], at: Sequence[int]) -> list[Part]:
    """Return the parts of a log that is cut at these places; those without a record are left out."""
    places = sorted({0, len(log), *(place % (len(log) + 1) for place in at)})
    vocabulary = Vocabulary()
    batches = [decoded(log[start:end]) for start, end in pairwise(places)]
    return [part(batch, vocabulary) for batch in batches if batch is not None]


def decoded(records: Iterable[Record]) -> Batch | None:
    batch = decoded_block(DECODER, block(records)).batch
    return batch and joined(batch)


def joined(batch: Batch) -> Batch:
    """Give each prediction a ground truth that follows from its own record, and scores of two classes."""
    number = np.nan_to_num(64 * batch.probability).astype(np.int64) + (np.nan_to_num(batch.time) % 7).astype(np.int64)
    rest = np.where(number % 5 == 0, np.nan, 1 - batch.probability)
    return replace(
        batch,
        # The ground truth may be absent.
        actual=Encoded(TRUTHS, number % (len(TRUTHS) + 1) - 1),
        actual_value=np.where(np.isnan(batch.value), np.nan, batch.value + number % 4 - 1.5),
        delay_seconds=batch.latency_seconds,
        scores=np.stack([batch.probability, rest]),
    )


def read_by(statistic: Statistic, batch: Batch) -> Batch:
    return batch.errors() if statistic.reads == "errors" else batch.predictions()


def summed(statistic: Statistic, parts: Iterable[Part]) -> TalliesByGroup:
    total: dict[Group, Floats] = {}
    for each in parts:
        for group, added in each.tallied(statistic).items():
            total[group] = tally.add(total[group], added) if group in total else added
    return total


def arrays(statistic: Statistic, parts: Iterable[Part]) -> list[Floats]:
    """Return the tallies of parts in their order; labels that arrive later make wider ones."""
    return [array for each in parts for array in each.tallied(statistic).values()]


def assert_same(a: Floats, b: Floats, statistic: Statistic) -> None:
    """A shorter tally is the same as one that is filled up with zeros along the last axis."""
    if a.shape != b.shape:
        width = max(a.shape[-1], b.shape[-1])
        a, b = (np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, width - x.shape[-1])]) for x in (a, b))
    if not np.array_equal(a, b):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=0, err_msg=statistic.name)


def assert_all_same(a: TalliesByGroup, b: TalliesByGroup, statistic: Statistic) -> None:
    for group in {*a, *b}:
        assert_same(a.get(group, statistic.zero()), b.get(group, statistic.zero()), statistic)


cut_places = st.lists(st.integers(0, 12), max_size=3)


@EXAMPLES
@given(logs, cut_places)
@example(RICH, [3, 12, 30])
def test_the_tally_of_a_whole_is_the_sum_of_its_parts(log: list[Record], at: list[int]) -> None:
    at_once, in_parts = whole(log), parts(log, at)
    for statistic in STATISTICS.values():
        assert_all_same(summed(statistic, at_once), summed(statistic, in_parts), statistic)


@EXAMPLES
@given(logs, st.integers(0, 12))
@example(RICH, 20)
def test_a_batch_may_be_divided_after_decoding_too(log: list[Record], at: int) -> None:
    batch = decoded(log)
    if batch is not None:
        vocabulary = Vocabulary()
        first = np.arange(len(batch)) < at
        halves = [part(batch.where(mask), vocabulary) for mask in (first, ~first) if mask.any()]
        for statistic in STATISTICS.values():
            assert_all_same(part(batch).tallied(statistic), summed(statistic, halves), statistic)


@EXAMPLES
@given(logs)
@example(RICH)
def test_each_group_has_what_its_records_alone_would_have(log: list[Record]) -> None:
    for each in whole(log):
        alone = [replace(each.batch.where(each.batch.group == group), groups=1) for group in range(each.batch.groups)]
        alone = [replace(batch, group=np.zeros(len(batch), np.int64)) for batch in alone]
        for statistic in STATISTICS.values():
            together = statistic.tally(read_by(statistic, each.batch))
            assert len(together) == len(each.groups)
            for tally_of_group, batch in zip(together, alone, strict=True):
                assert_same(tally_of_group, statistic.tally(read_by(statistic, batch))[0], statistic)


@EXAMPLES
@given(logs, st.integers(1, 4))
@example(RICH, 3)
def test_the_tally_of_nothing_is_zero_for_each_group(log: list[Record], groups: int) -> None:
    batch = decoded([*log, good()])
    assert batch is not None
    nothing = replace(Vocabulary()(batch).where(np.zeros(len(batch), np.bool_)), groups=groups)
    for statistic in STATISTICS.values():
        assert len(statistic.tally(nothing)) == groups
        for added in statistic.tally(nothing):
            assert_same(statistic.zero(), added, statistic)
            assert added.dtype in (np.float64, tally.COUNTS), statistic.name
        assert statistic.zero().dtype == np.float64
        assert not statistic.zero().any()


@EXAMPLES
@given(logs, st.randoms(use_true_random=False))
@example(RICH, random.Random(7))
def test_the_order_of_records_does_not_matter(log: list[Record], chance: random.Random) -> None:
    vocabulary = Vocabulary()
    orders = [decoded(log), decoded(chance.sample(log, len(log)))]
    in_order, shuffled = ([part(batch, vocabulary)] if batch else [] for batch in orders)
    for statistic in STATISTICS.values():
        assert_all_same(summed(statistic, in_order), summed(statistic, shuffled), statistic)


@EXAMPLES
@given(logs)
@example(RICH)
def test_a_record_that_is_not_read_adds_nothing(log: list[Record]) -> None:
    rest = {"features": {"age": 41}, "latency_seconds": 1, "probability": 0.5, "attributions": {"age": 0.5}}
    prediction, error = {"prediction": "approve"}, {"error_type": "timeout"}
    before = whole(log)
    with_prediction, with_error = (whole([*log, {"timestamp": NOW} | one | rest]) for one in (prediction, error))
    for statistic in STATISTICS.values():
        after = with_prediction if statistic.reads == "errors" else with_error
        assert_all_same(summed(statistic, before), summed(statistic, after), statistic)


@EXAMPLES
@given(logs, cut_places)
@example(RICH, [3, 12, 30])
def test_adding_is_commutative_and_associative_and_zero_adds_nothing(log: list[Record], at: list[int]) -> None:
    in_parts = parts(log, at)
    for statistic in STATISTICS.values():
        every = arrays(statistic, in_parts)
        # The first and the last ones differ most in width.
        for a, b, c in permutations([statistic.zero(), *every[:2], *every[-2:]], 3):
            assert_same(tally.add(a, b), tally.add(b, a), statistic)
            assert_same(tally.add(tally.add(a, b), c), tally.add(a, tally.add(b, c)), statistic)
            assert_same(a, tally.add(a, statistic.zero()), statistic)


@EXAMPLES
@given(logs, cut_places)
@example(RICH, [3, 12, 30])
def test_adding_changes_neither_side(log: list[Record], at: list[int]) -> None:
    in_parts = parts(log, at)
    for statistic in STATISTICS.values():
        every = arrays(statistic, in_parts)
        before = [array.copy() for array in every]
        for a, b in permutations([*every[:3], *every[-2:]], 2):
            total = tally.add(a, b)
            total[...] = 7
        for array, copy in zip(every, before, strict=True):
            np.testing.assert_array_equal(array, copy, err_msg=statistic.name)


@EXAMPLES
@given(logs, cut_places)
@example(RICH, [3, 12, 30])
def test_merged_panes_are_the_tally_of_all(log: list[Record], at: list[int]) -> None:
    at_once, in_parts = whole(log), parts(log, at)
    for statistic in STATISTICS.values():
        panes: list[dict[Series, dict[str, Floats]]] = [
            {group.series: {statistic.name: added}}
            for each in in_parts
            for group, added in each.tallied(statistic).items()
        ]
        panes_before = [row[statistic.name] for pane in panes for row in pane.values()]
        copies = [array.copy() for array in panes_before]
        merged = tally.merge(panes)
        for array, copy in zip(panes_before, copies, strict=True):
            np.testing.assert_array_equal(array, copy, err_msg=statistic.name)
        expected: dict[Series, Floats] = {}
        for group, added in summed(statistic, at_once).items():
            expected[group.series] = tally.add(expected.get(group.series, statistic.zero()), added)
        assert expected.keys() == merged.keys()
        for series, total in expected.items():
            assert merged[series][statistic.name].dtype == np.float64
            assert_same(total, merged[series][statistic.name], statistic)


@EXAMPLES
@given(logs, cut_places)
@example(RICH, [3, 12, 30])
def test_a_smaller_type_changes_no_count(log: list[Record], at: list[int]) -> None:
    in_parts = parts(log, at)
    for statistic in STATISTICS.values():
        every = arrays(statistic, in_parts)
        for a, b in permutations([*every[:3], *every[-2:]], 2):
            small = tally.AnyTallies({Series("credit", "3"): {"a": a, "b": b}})
            tally.compact(small)
            (row,) = small.values()
            assert row["a"].nbytes <= a.nbytes
            np.testing.assert_array_equal(row["a"], a, err_msg=statistic.name)
            assert_same(tally.add(a, b), tally.add(row["a"], row["b"]), statistic)


def test_small_counts_add_up_beyond_their_type() -> None:
    small = np.array([200, 1], np.uint8)
    assert tally.add(small, small).tolist() == [400, 2]
    assert tally.add(small, np.array([100], np.uint8)).tolist() == [300, 1]
    assert tally.merge([{Series("credit", "3"): {"x": small}}] * 3)[Series("credit", "3")]["x"].tolist() == [600, 3]


@EXAMPLES
@given(logs)
@example(RICH)
def test_no_count_is_ever_negative_or_not_a_number(log: list[Record]) -> None:
    at_once = whole(log)
    for statistic in STATISTICS.values():
        for added in arrays(statistic, at_once):
            assert np.isfinite(added).all(), statistic.name
            assert (added >= 0).all() or statistic.name in SIGNED, statistic.name


@EXAMPLES
@given(logs)
@example(RICH)
def test_saved_tallies_are_loaded_as_they_were(log: list[Record]) -> None:
    tallies = tally.AnyTallies()
    for each in whole(log):
        for statistic in STATISTICS.values():
            for group, added in each.tallied(statistic).items():
                tally.accumulate(tallies.setdefault(group.series, {}), statistic.name, added)
    saved = checkpoint.encode(Snapshot(time=NOW, totals=tallies, windows={"1m": {7: tallies}}))
    loaded = checkpoint.decode(saved)
    for again in (loaded.totals, loaded.windows["1m"][7]):
        assert tallies.keys() == again.keys()
        for series, row in tallies.items():
            for name, array in row.items():
                np.testing.assert_array_equal(array, again[series][name], err_msg=name)
                assert again[series][name].dtype == array.dtype


def test_the_identity_in_a_checkpoint_is_the_same_at_the_next_start() -> None:
    assert {name: repr(statistic) for name, statistic in chosen().items()} == {
        name: repr(statistic) for name, statistic in STATISTICS.items()
    }


def test_names_are_unique() -> None:
    for profile in (None, PROFILE, with_truth(PROFILE, dict.fromkeys(TRUTHS, 100)), of_values()):
        statistics = measures(WITH_TRUTH, profile).statistics
        assert len({statistic.name for statistic in statistics}) == len(statistics)


def test_the_laws_are_checked_on_outcomes_of_every_kind() -> None:
    batch = decoded(RICH)
    assert batch is not None
    batch = batch.predictions()
    of_outcomes = [statistic for statistic in STATISTICS.values() if statistic.reads == "outcomes"]
    assert {"model_outcomes_total", "confidence", "scores_by_truth", "residual_sums", "label_bins"} < {
        statistic.name for statistic in of_outcomes
    }
    for statistic in of_outcomes:
        tallied = statistic.tally(Vocabulary()(batch))[0]
        assert tallied.any() or not tallied.size, statistic.name
