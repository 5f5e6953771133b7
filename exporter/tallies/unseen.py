"""Counts that no scraper has been shown yet, not even as 0: a part of the totals, in the same form."""

import numpy as np

from exporter.tallies.tally import AnyTallies, Tally


def unseen(totals: AnyTallies, seen: AnyTallies) -> AnyTallies:
    """Return the counts in `totals` that were 0 in `seen`, which are earlier totals; empty if there are none."""
    found = AnyTallies()
    for series, arrays in totals.items():
        before = seen.get(series, {})
        new = {
            name: counts
            for name, tally in arrays.items()
            if tally is not before.get(name) and (counts := _new(tally, before.get(name))).any()
        }
        if new:
            found[series] = new
    return found


def without(totals: AnyTallies, unseen: AnyTallies) -> AnyTallies:
    """Return totals in which what is unseen is 0."""
    return AnyTallies(
        (series, {name: _less(tally, unseen.get(series, {}).get(name)) for name, tally in arrays.items()})
        for series, arrays in totals.items()
    )


def _new(tally: Tally, before: Tally | None) -> Tally:
    """Return a tally with 0 where it was not 0 before."""
    if before is None:
        return tally
    # It may have grown along its last axis.
    new = tally.copy()
    new[..., : before.shape[-1]][before != 0] = 0
    return new


def _less(tally: Tally, unseen: Tally | None) -> Tally:
    return tally if unseen is None else np.where(unseen != 0, 0, tally)
