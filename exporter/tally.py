"""A tally is an array of additive numbers, and everything the product knows is made of tallies.

A *row* holds one series' tallies by the name of their statistic; *tallies* hold the rows of all series.
Arrays are never changed in place, so that a snapshot needs no copy. Along its last axis an array may grow
(a label was admitted); a shorter one is the same as one filled up with zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from exporter.batch import Floats, Series

Row = dict[str, Floats]
Tallies = dict[Series, Row]


def add(a: Floats, b: Floats) -> Floats:
    """Return the sum of two tallies of one statistic."""
    if a.shape == b.shape:
        return a + b
    short, long = (a, b) if a.shape[-1] < b.shape[-1] else (b, a)
    total = long.copy()
    total[..., : short.shape[-1]] += short
    return total


def put(tallies: Tallies, series: Series, name: str, tally: Floats) -> None:
    """Add one tally to what `tallies` holds for that series and statistic."""
    row = tallies.setdefault(series, {})
    row[name] = add(row[name], tally) if name in row else tally


def merge(parts: Iterable[Mapping[Series, Mapping[str, Floats]]]) -> Tallies:
    """Return the sum of several tallies: panes of a window, or workers, or pods."""
    total: Tallies = {}
    for part in parts:
        for series, row in part.items():
            for name, tally in row.items():
                put(total, series, name, tally)
    return total
