"""Pooling and normalisation of images, by hand and by loops."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import convnet

pool = pytest.mark.exercise("models.convnet.global_average_pool")


def images_of(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape).astype(np.float32))


@pool
@pytest.mark.parametrize(("batch", "channels"), [(2, 6), (1, 6), (2, 1)])
def test_pool_shape(batch, channels):
    """Maps of 4x5 places give a number a channel for each image, also of one image, or channel."""
    maps = images_of(batch, 4, 5, channels)
    assert convnet.global_average_pool(maps).shape == (batch, channels)


@pool
def test_pool_by_hand():
    """Four places with 1, 2, 3 and 6 in one channel have a mean of 3."""
    maps = jnp.asarray([1.0, 2.0, 3.0, 6.0]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(convnet.global_average_pool(maps), [[3.0]])


@pool
def test_pool_never_mixes_images_or_channels():
    """Every image and every channel has a mean of its own, that of NumPy; a place with 0 counts."""
    maps = jnp.maximum(images_of(2, 4, 5, 6), 0)  # as a ReLU leaves them
    expected = np.asarray(maps).mean(axis=(1, 2))
    np.testing.assert_allclose(convnet.global_average_pool(maps), expected, atol=1e-6)


@pool
def test_pool_of_a_place_that_is_no_number():
    """NaN at one place shows in the mean of its channel, and in no other."""
    maps = jnp.asarray([[1.0, 2.0], [jnp.nan, 4.0]]).reshape(1, 1, 2, 2)
    np.testing.assert_array_equal(convnet.global_average_pool(maps), [[jnp.nan, 3.0]])


@pool
def test_pool_forgets_where():
    """The same things at other places give the same features."""
    maps = images_of(2, 4, 5, 6)
    moved = jnp.roll(maps, (1, 2), axis=(1, 2))
    pooled = convnet.global_average_pool(maps)
    np.testing.assert_allclose(convnet.global_average_pool(moved), pooled, atol=1e-6)
    assert np.ptp(np.asarray(pooled)) > 0.1


def test_max_pool_equals_a_loop():
    """Every output is the largest of the 3x3 places around it, the edge left out."""
    maps = np.asarray(images_of(2, 4, 6, 3))
    pooled = convnet.max_pool(jnp.asarray(maps))
    assert pooled.shape == (2, 2, 3, 3)
    for row, column in np.ndindex(2, 3):
        top, left = max(0, 2 * row - 1), max(0, 2 * column - 1)
        square = maps[:, top : 2 * row + 2, left : 2 * column + 2]
        np.testing.assert_array_equal(pooled[:, row, column], square.max(axis=(1, 2)))


def test_conv_pads_as_asked():
    """A strided convolution sees the first pixel at its centre, with SAME at its corner."""
    images = jnp.zeros((1, 4, 4, 1)).at[0, 0, 0, 0].set(1.0)
    for padding, place in ((None, (1, 1)), ("SAME", (0, 0))):
        layer = convnet.conv(1, 1, 3, stride=2, padding=padding, rngs=nnx.Rngs(0))
        assert layer(images)[0, 0, 0, 0] == layer.kernel[*place, 0, 0]


def test_batch_norm_of_far_values():
    """In training every channel leaves with mean 0 and variance 1, however far it was away."""
    norm = convnet.batch_norm(3, rngs=nnx.Rngs(0))
    out = np.asarray(norm(1e3 + images_of(4, 5, 6, 3)))
    np.testing.assert_allclose(out.mean(axis=(0, 1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(out.std(axis=(0, 1, 2)), 1, atol=1e-3)


def test_grid_pooling_is_a_mean_over_each_cell():
    """As a loop over PyTorch's adaptive windows, whether they divide the places or share some."""
    for height, width, grid in ((7, 5, 4), (6, 6, 3), (2, 3, 4), (5, 4, 1)):
        maps = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype(np.float32)
        found = np.asarray(convnet.grid_average_pool(jnp.asarray(maps), grid))
        found = found.reshape(2, grid, grid, 3)
        for row, column in np.ndindex(grid, grid):
            rows = slice(row * height // grid, -(-(row + 1) * height // grid))
            columns = slice(column * width // grid, -(-(column + 1) * width // grid))
            expected = maps[:, rows, columns].mean(axis=(1, 2))
            np.testing.assert_allclose(found[:, row, column], expected, atol=1e-5)
