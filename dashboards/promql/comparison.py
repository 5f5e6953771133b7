"""Comparisons of now with an earlier time, which the variable `against` sets."""

from collections.abc import Callable

THEN = "$against"

# Returns an expression, given an offset or an empty string.
At = Callable[[str], str]


def ratio(over_all: Callable[[str], str], of: At) -> str:
    """Return the current value as a share of the earlier one."""
    return f"{over_all(of(''))} / ({over_all(of(THEN))} > 0)"


def difference(over_all: Callable[[str], str], of: At) -> str:
    """Return the current value minus the earlier one."""
    return f"{over_all(of(''))} - {over_all(of(THEN))}"
