"""The laws of statistics, for every one that the sidecar has: a new one is held to them without being told."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise, permutations
from typing import Any

import msgspec
import numpy as np
import pytest
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
    """Return every statistic there is, of a model of classes, and what one of values has besides."""
    every = {}
    for profile in (of_values(), with_truth(PROFILE, dict.fromkeys(TRUTHS, 100))):
        every.update({statistic.name: statistic for statistic in measures(WITH_TRUTH, profile).statistics})
    return every


STATISTICS = chosen()
EVERY = pytest.mark.parametrize("statistic", STATISTICS.values(), ids=lambda statistic: statistic.name)
# Each law draws so many for every statistic.
FEWER = settings(max_examples=25)

# Sums of differences, which may be negative.
SIGNED = {"feature_moments", "output_moments", "attribution_moments", "residual_sums"}

Record = Any
Tallied = Mapping[Group, Floats]


class Spelling:
    """Numbers labels in the order of their arrival, as an engine does that admits them all."""

    def __init__(self) -> None:
        # In common with truths, whose names all have their number before.
        self._predictions = {name: number for number, name in enumerate(TRUTHS)}
        self._errors: dict[str, int] = {}

    def __call__(self, batch: Batch) -> Batch:
        return replace(
            batch,
            prediction=_spelt(batch.prediction, self._predictions),
            error=_spelt(batch.error, self._errors),
            actual=batch.actual and _spelt(batch.actual, self._predictions),
        )


def _spelt(column: Encoded[str], known: dict[str, int]) -> Encoded[str]:
    rows = [known.setdefault(column.names[code], len(known)) if code >= 0 else -1 for code in column.codes.tolist()]
    return Encoded(tuple(known), np.array(rows, np.int64))


def decoded(records: Iterable[Record]) -> Batch | None:
    batch = decoded_block(DECODER, block(records)).batch
    return batch and joined(batch)


def joined(batch: Batch) -> Batch:
    """Give each prediction a truth that follows from what its own record says, and scores of two classes."""
    number = np.nan_to_num(64 * batch.probability).astype(np.int64) + (np.nan_to_num(batch.time) % 7).astype(np.int64)
    rest = np.where(number % 5 == 0, np.nan, 1 - batch.probability)
    return replace(
        batch,
        # A truth may be absent.
        actual=Encoded(TRUTHS, number % (len(TRUTHS) + 1) - 1),
        actual_value=np.where(np.isnan(batch.value), np.nan, batch.value + number % 4 - 1.5),
        delay_seconds=batch.latency_seconds,
        scores=np.stack([batch.probability, rest]),
    )


def read_by(statistic: Statistic, batch: Batch) -> Batch:
    return batch.errors() if statistic.reads == "errors" else batch.predictions()


def tallied(statistic: Statistic, batch: Batch | None, spelling: Spelling) -> Tallied:
    """What the batch adds to each series and pane of each window."""
    if batch is None:
        return {}
    batch, groups = grouped(spelling(batch), WINDOWS, NOW)
    return dict(zip(groups, statistic.tally(read_by(statistic, batch)), strict=True))


def summed(parts: Iterable[Tallied]) -> Tallied:
    total: dict[Group, Floats] = {}
    for part in parts:
        for group, added in part.items():
            total[group] = tally.add(total[group], added) if group in total else added
    return total


def assert_same(a: Floats, b: Floats) -> None:
    """A shorter tally is the same as one that is filled up with zeros along the last axis."""
    width = max(a.shape[-1], b.shape[-1])
    a, b = (np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, width - x.shape[-1])]) for x in (a, b))
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=0)


def assert_all_same(a: Tallied, b: Tallied, statistic: Statistic) -> None:
    for group in {*a, *b}:
        assert_same(a.get(group, statistic.zero()), b.get(group, statistic.zero()))


def pieces(log: list[Record], at: list[int]) -> list[list[Record]]:
    places = sorted({0, len(log), *(place % (len(log) + 1) for place in at)})
    return [log[start:end] for start, end in pairwise(places)]


def arrays_of(statistic: Statistic, log: list[Record], at: list[int]) -> list[Floats]:
    """Return the tallies of a log's pieces as they come: labels that arrive later make wider ones."""
    spelling = Spelling()
    parts = [tallied(statistic, decoded(part), spelling) for part in pieces(log, at)]
    return [array for part in parts for array in part.values()]


cut_places = st.lists(st.integers(0, 12), max_size=3)


@EVERY
@FEWER
@given(logs, cut_places)
@example(RICH, [3, 12, 30])
def test_the_tally_of_a_whole_is_the_sum_of_its_parts(statistic: Statistic, log: list[Record], at: list[int]) -> None:
    whole = tallied(statistic, decoded(log), Spelling())
    spelling = Spelling()
    parts = [tallied(statistic, decoded(part), spelling) for part in pieces(log, at)]
    assert_all_same(whole, summed(parts), statistic)


@EVERY
@FEWER
@given(logs, st.integers(0, 12))
@example(RICH, 20)
def test_the_rows_of_a_batch_may_be_parted_after_decoding_too(statistic: Statistic, log: list[Record], at: int) -> None:
    batch = decoded(log)
    if batch is not None:
        spelling = Spelling()
        first = np.arange(len(batch)) < at
        parts = [tallied(statistic, batch.where(mask), spelling) for mask in (first, ~first) if mask.any()]
        assert_all_same(tallied(statistic, batch, Spelling()), summed(parts), statistic)


@EVERY
@FEWER
@given(logs)
@example(RICH)
def test_each_group_has_what_its_records_alone_would_have(statistic: Statistic, log: list[Record]) -> None:
    batch = decoded(log)
    if batch is not None:
        batch, groups = grouped(Spelling()(batch), WINDOWS, NOW)
        together = statistic.tally(read_by(statistic, batch))
        assert len(together) == len(groups)
        for number, tally_of_group in enumerate(together):
            alone = replace(batch.where(batch.group == number), groups=1)
            alone = read_by(statistic, replace(alone, group=np.zeros(len(alone), np.int64)))
            assert_same(tally_of_group, statistic.tally(alone)[0])


@EVERY
@FEWER
@given(logs, st.integers(1, 4))
@example(RICH, 3)
def test_the_tally_of_nothing_is_zero_for_each_group(statistic: Statistic, log: list[Record], groups: int) -> None:
    batch = decoded([*log, good()])
    assert batch is not None
    nothing = replace(Spelling()(batch).where(np.zeros(len(batch), np.bool_)), groups=groups)
    assert len(statistic.tally(nothing)) == groups
    for added in statistic.tally(nothing):
        assert_same(statistic.zero(), added)
        assert added.dtype in (np.float64, tally.COUNTS)
    assert statistic.zero().dtype == np.float64
    assert not statistic.zero().any()


@EVERY
@FEWER
@given(logs, st.randoms(use_true_random=False))
@example(RICH, random.Random(7))
def test_the_order_of_records_does_not_matter(statistic: Statistic, log: list[Record], chance: random.Random) -> None:
    spelling = Spelling()
    in_order = tallied(statistic, decoded(log), spelling)
    shuffled = chance.sample(log, len(log))
    assert_all_same(in_order, tallied(statistic, decoded(shuffled), spelling), statistic)


@EVERY
@FEWER
@given(logs)
@example(RICH)
def test_a_record_that_is_not_read_adds_nothing(statistic: Statistic, log: list[Record]) -> None:
    unread = {"prediction": "approve"} if statistic.reads == "errors" else {"error_type": "timeout"}
    unread |= {"features": {"age": 41}, "latency_seconds": 1, "probability": 0.5, "attributions": {"age": 0.5}}
    spelling = Spelling()
    before = tallied(statistic, decoded(log), spelling)
    assert_all_same(before, tallied(statistic, decoded([*log, {"timestamp": NOW} | unread]), spelling), statistic)


@EVERY
@FEWER
@given(logs, cut_places)
@example(RICH, [3, 12, 30])
def test_adding_is_commutative_and_associative_and_zero_adds_nothing(
    statistic: Statistic, log: list[Record], at: list[int]
) -> None:
    arrays = arrays_of(statistic, log, at)
    # The first and the last ones are as unlike in width as they come.
    for a, b, c in permutations([statistic.zero(), *arrays[:2], *arrays[-2:]], 3):
        assert_same(tally.add(a, b), tally.add(b, a))
        assert_same(tally.add(tally.add(a, b), c), tally.add(a, tally.add(b, c)))
        assert_same(a, tally.add(a, statistic.zero()))


@EVERY
@FEWER
@given(logs, cut_places)
@example(RICH, [3, 12, 30])
def test_adding_changes_neither_side(statistic: Statistic, log: list[Record], at: list[int]) -> None:
    arrays = arrays_of(statistic, log, at)
    before = [array.copy() for array in arrays]
    for a, b in permutations([*arrays[:3], *arrays[-2:]], 2):
        total = tally.add(a, b)
        total[...] = 7
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@EVERY
@FEWER
@given(logs, cut_places)
@example(RICH, [3, 12, 30])
def test_panes_merged_are_the_tally_of_all(statistic: Statistic, log: list[Record], at: list[int]) -> None:
    spelling = Spelling()
    panes: list[dict[Series, dict[str, Floats]]] = []
    for part in pieces(log, at):
        panes += [
            {group.series: {statistic.name: added}}
            for group, added in tallied(statistic, decoded(part), spelling).items()
        ]
    held = [row[statistic.name] for pane in panes for row in pane.values()]
    copies = [array.copy() for array in held]
    merged = tally.merge(panes)
    for array, copy in zip(held, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    expected: dict[Series, Floats] = {}
    for group, added in tallied(statistic, decoded(log), Spelling()).items():
        expected[group.series] = tally.add(expected.get(group.series, statistic.zero()), added)
    assert expected.keys() == merged.keys()
    for series, total in expected.items():
        assert merged[series][statistic.name].dtype == np.float64
        assert_same(total, merged[series][statistic.name])


@EVERY
@FEWER
@given(logs, cut_places)
@example(RICH, [3, 12, 30])
def test_a_smaller_type_changes_no_count(statistic: Statistic, log: list[Record], at: list[int]) -> None:
    arrays = arrays_of(statistic, log, at)
    for a, b in permutations([*arrays[:3], *arrays[-2:]], 2):
        small: tally.Tallies = {Series("credit", "3"): {"a": a, "b": b}}
        tally.compact(small)
        (row,) = small.values()
        assert row["a"].nbytes <= a.nbytes
        np.testing.assert_array_equal(row["a"], a)
        assert_same(tally.add(a, b), tally.add(row["a"], row["b"]))


def test_small_counts_add_up_beyond_their_type() -> None:
    small = np.array([200, 1], np.uint8)
    assert tally.add(small, small).tolist() == [400, 2]
    assert tally.add(small, np.array([100], np.uint8)).tolist() == [300, 1]
    assert tally.merge([{Series("credit", "3"): {"x": small}}] * 3)[Series("credit", "3")]["x"].tolist() == [600, 3]


@EVERY
@FEWER
@given(logs)
@example(RICH)
def test_no_count_is_ever_negative_or_not_a_number(statistic: Statistic, log: list[Record]) -> None:
    for added in tallied(statistic, decoded(log), Spelling()).values():
        assert np.isfinite(added).all()
        assert (added >= 0).all() or statistic.name in SIGNED


@EVERY
@FEWER
@given(logs)
@example(RICH)
def test_what_is_saved_is_what_is_loaded(statistic: Statistic, log: list[Record]) -> None:
    held: dict[Series, dict[str, Floats]] = {}
    for group, added in tallied(statistic, decoded(log), Spelling()).items():
        tally.accumulate(held.setdefault(group.series, {}), statistic.name, added)
    saved = checkpoint.encode(Snapshot(time=NOW, totals=held, windows={"1m": {7: held}}))
    loaded = checkpoint.decode(saved)
    for tallies in (loaded.totals, loaded.windows["1m"][7]):
        assert held.keys() == tallies.keys()
        for series, row in held.items():
            np.testing.assert_array_equal(row[statistic.name], tallies[series][statistic.name])
            assert tallies[series][statistic.name].dtype == row[statistic.name].dtype


@EVERY
def test_the_identity_that_it_is_saved_under_is_the_same_at_the_next_start(statistic: Statistic) -> None:
    assert repr(chosen()[statistic.name]) == repr(statistic)


def test_names_are_given_once() -> None:
    for profile in (None, PROFILE, with_truth(PROFILE, dict.fromkeys(TRUTHS, 100)), of_values()):
        statistics = measures(WITH_TRUTH, profile).statistics
        assert len({statistic.name for statistic in statistics}) == len(statistics)


def test_the_laws_are_tried_on_outcomes_of_every_kind() -> None:
    batch = decoded(RICH)
    assert batch is not None
    batch = batch.predictions()
    of_outcomes = [statistic for statistic in STATISTICS.values() if statistic.reads == "outcomes"]
    assert {"model_outcomes_total", "confidence", "scores_by_truth", "residual_sums", "label_bins"} < {
        statistic.name for statistic in of_outcomes
    }
    for statistic in of_outcomes:
        tallied = statistic.tally(Spelling()(batch))[0]
        assert tallied.any() or not tallied.size, statistic.name
