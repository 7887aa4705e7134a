"""The state over time: what stands where, and which frames are marked as padding."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from flaxvid.figures import states

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def drawn(**settings):
    values = np.random.default_rng(0).uniform(-1, 1, (7, 4)).astype(np.float32)
    return values, states.draw(values, plt.figure().add_subplot(), **settings)


def test_time_runs_from_left_to_right():
    """A column is a frame and a row is a number of the state; zero is the middle colour."""
    values, axes = drawn(highest=0.5)
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), values.T)
    assert image.get_clim() == (-0.5, 0.5)


def test_padding_is_framed():
    """5 of 7 frames are real: the frame starts after column 4, and holds two columns."""
    _, axes = drawn(length=5)
    (frame,) = axes.patches
    assert (frame.get_x(), frame.get_y()) == (4.5, -0.5)
    assert (frame.get_width(), frame.get_height()) == (2, 4)


@pytest.mark.parametrize("length", [None, 7])
def test_without_padding_nothing_is_framed(length):
    """All frames are real."""
    assert not drawn(length=length)[1].patches
