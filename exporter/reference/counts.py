"""Counts of the reference's records, and the edges between which they are counted."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from msgspec import Meta

# Larger counts would not be exact as floats.
Count = Annotated[int, Meta(ge=0, le=2**53)]


def are_ascending(edges: Sequence[float]) -> bool:
    """Return whether each edge is above the one before it."""
    return all(low < high for low, high in pairwise(edges))
