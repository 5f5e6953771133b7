"""Random directions: the same everywhere, of unit length, and nearly orthogonal."""

import numpy as np
import pytest

from exporter.reference.projections import directions, splitmix64


def test_hashes_are_those_of_the_paper() -> None:
    """The first three values of the generator whose state starts at 0, as in the reference implementation."""
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert splitmix64(np.arange(3, dtype=np.uint64)).tolist() == expected


def test_directions_equal_a_plain_loop_over_the_hashes() -> None:
    hashes = splitmix64(np.arange(6, dtype=np.uint64)).tolist()
    sums = [sum((value >> shift) & 0xFFFF for shift in (0, 16, 32, 48)) - 131070 for value in hashes]
    for row, direction in enumerate(directions(3, 2).tolist()):
        numbers = sums[3 * row : 3 * row + 3]
        length = sum(number**2 for number in numbers) ** 0.5
        assert direction == [number / length for number in numbers]


@pytest.mark.parametrize("dimension", [2, 16, 384, 1536])
def test_directions_have_unit_length_and_are_nearly_orthogonal(dimension: int) -> None:
    found = directions(dimension, 64)
    assert found.shape == (64, dimension)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-12)
    assert np.abs(found.mean()) < 4 / np.sqrt(found.size * dimension)
    alike = (found @ found.T)[~np.eye(64, dtype=bool)]
    # The cosine of two random directions has the variance 1 / dimension.
    assert alike.var() == pytest.approx(1 / dimension, rel=0.2)
