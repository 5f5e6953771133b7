"""A measured figure, as a row of a Markdown table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """Values with one unit, and the limit that they are meant to keep to, in words."""

    name: str
    values: Sequence[float]
    unit: str
    limit: str = ""

    @property
    def row(self) -> list[str]:
        return [self.name, f"{', '.join(map(rounded, self.values))} {self.unit}", self.limit]


def rounded(value: float) -> str:
    """Return the value with two or three significant digits."""
    digits = 0 if value >= 100 else 1 if value >= 1 else 2
    return f"{value:,.{digits}f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first row is its head."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body))
