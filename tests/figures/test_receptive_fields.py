"""Receptive fields: what is drawn is what was given."""

import matplotlib
import numpy as np
import pytest

from flaxvid.figures import receptive_fields

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close():
    yield
    matplotlib.pyplot.close("all")


def test_influence_is_drawn_as_square_roots():
    """The largest is 1, a quarter of it is 0.5, and none is 0."""
    influence = np.zeros((3, 5), np.float32)
    influence[1, 2], influence[2, 4] = 8, 2
    axes = receptive_fields.over_time(influence, ((0, 3), (1, 3)), title="conv1")
    shown = np.asarray(axes.images[0].get_array())
    assert (shown[1, 2], shown[2, 4], shown[0, 0]) == (1, 0.5, 0)
    assert axes.get_title() == "conv1"


def test_no_influence_is_no_division_by_zero():
    """A dead unit gives an empty picture."""
    axes = receptive_fields.over_time(np.zeros((3, 5), np.float32), ((0, 3), (0, 5)))
    assert not np.asarray(axes.images[0].get_array()).any()


@pytest.mark.parametrize("field", [((1, 1), (2, 3)), ((-2, 9), (-4, 12))])
def test_the_field_is_framed_on_all_of_the_clip(field):
    """Its edges lie between pixels; the axes show the whole clip and no more than its rim."""
    own = matplotlib.figure.Figure().add_subplot()
    axes = receptive_fields.over_time(np.ones((4, 6), np.float32), field, own)
    assert axes is own
    (top, down), (left, right) = field
    (box,) = axes.patches
    assert (box.get_x(), box.get_y()) == (left - 0.5, top - 0.5)
    assert (box.get_width(), box.get_height()) == (right, down)
    assert (axes.get_xlim(), axes.get_ylim()) == ((-1, 6), (4, -1))
