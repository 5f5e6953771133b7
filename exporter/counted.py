"""Counts and lists of names in messages."""

from collections.abc import Sequence


def counted(count: int, one: str, many: str) -> str:
    """Return a count and its noun, in the singular or the plural.

    >>> counted(1, "file was", "files were"), counted(1200, "file was", "files were")
    ('1 file was', '1,200 files were')
    """
    return f"{count:,} {one if count == 1 else many}"


def shortened(names: Sequence[str], most: int = 5) -> str:
    """Return the first names of a list, and how many others there are.

    >>> shortened(["a", "b"]), shortened(["a", "b", "c"], most=1)
    ('a, b', 'a and 2 others')
    """
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {counted(rest, 'other', 'others')}" if rest > 0 else "")
