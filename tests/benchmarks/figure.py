"""A measured figure, and the Markdown tables that figures are printed in, row by row as they are measured."""

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


def print_head(titles: Sequence[str]) -> None:
    """Print the head of a Markdown table."""
    print()
    print_row(titles)
    print_row(["---"] * len(titles))


def print_row(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)
