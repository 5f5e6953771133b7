"""How many records have to agree before that is no chance."""

import math

FEWEST_RECORDS = 100
CHANCE = 1e-6


def unanimous(share: float) -> float:
    """Return how many records that all agree are too many for chance, if in the reference this share of them does.

    At least FEWEST_RECORDS, and so many that the chance of it, share ** records, is at most CHANCE; infinite where all
    of the reference agrees.

    >>> unanimous(0.0), unanimous(0.99), unanimous(1.0)
    (100, 1375, inf)
    """
    if share >= 1:
        return math.inf
    if share <= 0:
        return FEWEST_RECORDS
    return max(FEWEST_RECORDS, math.ceil(math.log(CHANCE) / math.log(share)))
