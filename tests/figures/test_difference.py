"""Given beside expected: the plane in which they first differ, and where."""

import numpy as np
import pytest

from flaxvid.figures import difference


def panels(given, due, axes=()):
    """The arrays that the three panels show, and the title of the last."""
    figure = difference.draw(given, due, given != due, axes)
    shown = [axis for axis in figure.axes if axis.get_images()]
    arrays = [np.asarray(axis.get_images()[0].get_array()) for axis in shown[:3]]
    return figure, arrays, shown[2].get_title()


def test_the_plane_of_the_first_difference():
    """Of two clips it is the second's, and the numbers of both have one scale."""
    due = np.arange(24.0).reshape(2, 3, 4)
    given = due.copy()
    given[1, 2] = 100.0
    figure, (mine, expected, wrong), title = panels(given, due, ("batch", "token", "dim"))
    np.testing.assert_array_equal(mine, given[1])
    np.testing.assert_array_equal(expected, due[1])
    np.testing.assert_array_equal(wrong, [[False] * 4, [False] * 4, [True] * 4])
    assert title == "different at 4 of 12"
    assert figure.get_suptitle() == "batch 1"
    assert [axis.get_images()[0].get_clim() for axis in figure.axes[:2]] == [(12, 23)] * 2


def test_frames_are_pictures():
    """Where the last axis is of three colours, the plane is a frame, whatever colour differs."""
    due = np.zeros((5, 2, 4, 3), np.uint8)
    given = due.copy()
    given[3, 1, 2, 0] = 9
    _, (mine, _, wrong), title = panels(given, due)
    np.testing.assert_array_equal(mine, given[3])
    assert np.argwhere(wrong).tolist() == [[1, 2]]
    assert title == "different at 1 of 8"


@pytest.mark.parametrize("kind", [bool, np.int32, np.float32])
def test_a_row_of_numbers(kind):
    """One axis is a plane of one row; booleans and numbers that are all alike have a scale."""
    due = np.zeros(6, kind)
    _, (mine, _, _), _ = panels(np.ones(6, kind), due)
    assert mine.shape == (1, 6)
    with_nan = np.full(6, np.nan)
    assert panels(with_nan, with_nan * 2)[2] == "different at 6 of 6"
