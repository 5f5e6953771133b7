"""Now and a while before, as far back as the variable `against` says."""

from collections.abc import Callable

THEN = "$against"

# What gives an expression, given an offset or none.
At = Callable[[str], str]


def ratio(over_all: Callable[[str], str], of: At) -> str:
    """Return now as a share of then: 1 is the same."""
    return f"{over_all(of(''))} / ({over_all(of(THEN))} > 0)"


def difference(over_all: Callable[[str], str], of: At) -> str:
    """Return now less then."""
    return f"{over_all(of(''))} - {over_all(of(THEN))}"
