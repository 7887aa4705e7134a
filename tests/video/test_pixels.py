"""Pixels: eight ways to turn and mirror, and what can't be converted."""

import av
import numpy as np
import pytest

from flaxvid.video import pixels

PICTURE = np.arange(6).reshape(2, 3)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), [[0, 1, 2], [3, 4, 5]]),
        ((-1, 0, 0, 1), [[2, 1, 0], [5, 4, 3]]),
        ((1, 0, 0, -1), [[3, 4, 5], [0, 1, 2]]),
        ((-1, 0, 0, -1), [[5, 4, 3], [2, 1, 0]]),
        ((0, 1, -1, 0), [[3, 0], [4, 1], [5, 2]]),  # a quarter clockwise
        ((0, -1, 1, 0), [[2, 5], [1, 4], [0, 3]]),
        ((0, 1, 1, 0), [[0, 3], [1, 4], [2, 5]]),
        ((0, -1, -1, 0), [[5, 2], [4, 1], [3, 0]]),
    ],
)
def test_upright(matrix, expected):
    """x goes to ax + cy, y to bx + dy, with y downwards."""
    assert pixels.upright(PICTURE, tuple(65536 * value for value in matrix)).tolist() == expected


def test_a_tilt_is_refused():
    """45 degrees are no right angle."""
    with pytest.raises(pixels.UnconvertibleError, match="no right angle"):
        pixels.upright(PICTURE, (46341, 46341, -46341, 46341))


def test_a_colour_space_that_is_not_known_is_refused():
    """YCgCo read as if it were BT.601 would be wrong without a word."""
    frame = av.VideoFrame(64, 48, "yuv444p")
    frame.colorspace = 8
    with pytest.raises(pixels.UnconvertibleError, match="colour space 8"):
        pixels.Converter().rgb(frame)


@pytest.mark.parametrize("width", [64, 63, 50])
def test_rows_of_any_width(width):
    """FFmpeg pads its rows; the pixels are those of the frame."""
    array = np.random.default_rng(0).integers(0, 256, (48, width, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(array, format="rgb24")
    np.testing.assert_array_equal(pixels.Converter().rgb(frame), array)
