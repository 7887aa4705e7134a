"""Arrays drawn by the devices that hold them: which parts, and whose names stand in them."""

import jax
import jax.numpy as jnp
import matplotlib
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from flaxvid.figures import devices

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close():
    yield
    matplotlib.pyplot.close("all")


def drawn(shape, *cut):
    """The parts drawn of an array that lies on two devices: corner, width, height and name."""
    mesh = jax.make_mesh((2,), ("data",), (AxisType.Auto,), devices=jax.devices()[:2])
    array = jax.device_put(jnp.zeros(shape), NamedSharding(mesh, P(*cut)))
    axes = devices.placement(array, title="kernel")
    assert axes.get_title(loc="left") == "kernel"
    names = [text.get_text() for text in axes.texts]
    boxes = [(*part.get_xy(), part.get_width(), part.get_height()) for part in axes.patches]
    return dict(zip(names, boxes, strict=True))


def test_rows_are_drawn_where_they_lie():
    """Of 6 rows the upper 3 are device 0's."""
    assert drawn((6, 4), "data") == {"0": (0, 0, 4, 3), "1": (0, 3, 4, 3)}


def test_columns_are_drawn_where_they_lie():
    """Of 4 columns the right 2 are device 1's."""
    assert drawn((6, 4), None, "data") == {"0": (0, 0, 2, 6), "1": (2, 0, 2, 6)}


def test_a_copy_is_drawn_once():
    """What both devices hold whole is one part."""
    assert drawn((6, 4)) == {"0–1": (0, 0, 4, 6)}


@pytest.mark.parametrize("shape", [(6,), (6, 1, 3)])
def test_other_numbers_of_axes(shape):
    """A vector is a column; of three axes the first two are drawn."""
    assert drawn(shape, "data") == {"0": (0, 0, 1, 3), "1": (0, 3, 1, 3)}
