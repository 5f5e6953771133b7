"""The part of totals that no scraper has been shown."""

import numpy as np

from exporter.batch import Series
from exporter.tallies.tally import AnyTallies
from exporter.tallies.unseen import unseen, without

A, B = Series("credit", "1"), Series("credit", "2")


def totals(**counts: list[float]) -> AnyTallies:
    return AnyTallies({A: {name: np.array(values) for name, values in counts.items()}})


def test_counts_are_unseen_where_they_were_zero_or_not_there_before() -> None:
    now = totals(classes=[3, 5, 7], errors=[0, 2])
    now[B] = {"classes": np.array([1.0])}
    found = unseen(now, totals(classes=[3, 0], errors=[0, 1]))
    assert {series: {name: [*tally] for name, tally in arrays.items()} for series, arrays in found.items()} == {
        A: {"classes": [0, 5, 7]},
        B: {"classes": [1]},
    }
    rest = without(now, found)
    assert [*rest[A]["classes"]] == [3, 0, 0]
    assert [*rest[A]["errors"]] == [0, 2]
    assert [*rest[B]["classes"]] == [0]


def test_what_has_only_grown_is_seen() -> None:
    assert unseen(totals(classes=[3, 5]), totals(classes=[1, 1])) == {}
    assert unseen(totals(classes=[0, 0]), AnyTallies()) == {}
