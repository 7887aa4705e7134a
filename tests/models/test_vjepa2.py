"""V-JEPA 2's way of telling places: angles for every place, and the turn by them."""

import jax.numpy as jnp
import numpy as np
import pytest

from flaxvid.models import vjepa2

angles = pytest.mark.exercise("models.vjepa2.place_angles")


@angles
@pytest.mark.parametrize("dim", [6, 12, 20])
def test_every_place_and_number_has_an_angle(dim):
    """A clip of 2 steps, 3 rows and 4 columns has 24 places."""
    assert vjepa2.place_angles((2, 3, 4), dim).shape == (24, dim)


@angles
def test_a_place_turns_its_own_third():
    """Of 20 numbers time turns the first 6, rows the next 6, columns 6 more, and 2 stay."""
    found = np.asarray(vjepa2.place_angles((2, 3, 4), 20)).reshape(2, 3, 4, 20)
    assert not found[0, 0, 0].any()
    assert np.nonzero(found[1, 0, 0])[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert np.nonzero(found[0, 2, 0])[0].tolist() == [6, 7, 8, 9, 10, 11]
    assert np.nonzero(found[0, 0, 3])[0].tolist() == [12, 13, 14, 15, 16, 17]


@angles
def test_angles_by_hand():
    """Of 12 numbers step 1 turns the first third by 1, 1/100, 1, 1/100; column 3 the last by 3."""
    found = np.asarray(vjepa2.place_angles((2, 1, 4), 12)).reshape(2, 1, 4, 12)
    np.testing.assert_allclose(found[1, 0, 0, :4], [1, 0.01, 1, 0.01], rtol=1e-6)
    np.testing.assert_allclose(found[1, 0, 3, 8:], [3, 0.03, 3, 0.03], rtol=1e-6)


@angles
@pytest.mark.parametrize("dim", [4, 6, 20, 26, 64, 130])
def test_angles_equal_a_loop(dim):
    """Number i of a third of 2n is turned by place / 10000^((i mod n) / n)."""
    grid = (2, 3, 4)
    found = np.asarray(vjepa2.place_angles(grid, dim))
    half = dim // 3 // 2
    for token, place in enumerate(np.ndindex(*grid)):
        expected = np.zeros(dim)
        for axis in range(3):
            for i in range(2 * half):
                wave = 10_000 ** ((i % half) / half)
                expected[2 * half * axis + i] = place[axis] / wave
        np.testing.assert_allclose(found[token], expected, rtol=1e-5, atol=1e-7)


def test_turning_by_hand():
    """A pair (a, b) becomes (a cos - b sin, b cos + a sin), each by the angle of its number."""
    vector = jnp.asarray([3.0, 4.0, 5.0, 6.0]).reshape(1, 1, 1, 4)
    angles = jnp.asarray([[np.pi / 2, np.pi / 2, 0.0, np.pi]], jnp.float32)
    turned = vjepa2.turn(vector, angles)[0, 0, 0]
    np.testing.assert_allclose(turned, [-4, 3, 5, -6], atol=1e-5)
