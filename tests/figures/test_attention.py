"""Heat over frames: it lands where it should, and leaves the rest as it was."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from flaxvid.figures import attention

GREY = np.full((3, 16, 32, 3), 100, np.uint8)  # 3 frames of 16 x 32 pixels


def hot(*places, value=1.0):
    """Heat on a grid of 2 x 4 patches of 8 pixels."""
    heat = np.zeros((3, 2, 4))
    for place in places:
        heat[place] = value
    return heat


def test_heat_lands_on_its_patch():
    """Frame 1, row 1, column 2: brightest in the middle of that patch, other frames untouched."""
    shown = attention.overlay(GREY, hot((1, 1, 2)))
    assert shown.shape == GREY.shape
    changed = np.abs(shown.astype(int) - 100).sum(-1)
    np.testing.assert_array_equal(shown[[0, 2]], GREY[[0, 2]])
    inside = changed[1, 8:16, 16:24]
    assert inside.min() > 0
    assert changed[1, 12:, 19:21].min() == changed.max()
    # Two patches away nothing is left of it.
    assert not changed[1, :, :12].any()
    assert not changed[1, :4].any()


def test_no_heat_changes_nothing():
    """Heat of zero everywhere gives the frames back, and divides by nothing."""
    np.testing.assert_array_equal(attention.overlay(GREY, hot()), GREY)


def test_brightness_is_relative_to_the_clip():
    """Heat a thousand times as high looks the same; half of the highest is less bright."""
    heat = hot((0, 0, 0)) + hot((2, 1, 3), value=0.5)
    shown = attention.overlay(GREY, heat)
    np.testing.assert_array_equal(shown, attention.overlay(GREY, 1000 * heat))
    red = shown[..., 0].astype(int)
    assert red[0, 2, 2] > red[2, 14, 30] > 100


def test_opacity_of_one_hides_the_frame():
    """At full opacity the brightest place has the last colour of the map, whatever was there."""
    shown = attention.overlay(GREY, hot((0, 0, 0)), opacity=1.0)
    expected = 255 * np.asarray(matplotlib.colormaps["inferno"](1.0)[:3])
    np.testing.assert_allclose(shown[0, 2, 2], expected, atol=1)


def test_strip_has_shares_under_the_frames():
    """Under each frame stands its share of all heat."""
    axes = attention.film_strip(GREY, hot((0, 0, 0)) + hot((2, 1, 3), value=3.0), title="rollout")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["25%", "0%", "75%"]
    assert axes.get_title("left") == "rollout"
    matplotlib.pyplot.close("all")


def test_grid_has_frames_beside_their_rows_and_columns():
    """Row t has frame t at its left, column t has it above; the shares are drawn as they are."""
    weights = np.eye(3)
    frames = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((3, 4, 6, 3), np.uint8)
    axes = attention.grid(weights, frames, title="head 0")
    shares, *thumbnails = axes.get_images()
    np.testing.assert_array_equal(shares.get_array(), weights)
    assert shares.get_clim() == (0, 1)
    for number, (above, beside) in enumerate(zip(thumbnails[::2], thumbnails[1::2], strict=True)):
        assert above.get_array().max() == beside.get_array().max() == number
        left, right, low, high = above.get_extent()
        assert (left + right) / 2 == number
        assert high < low < -0.5
        left, right, low, high = beside.get_extent()
        assert (low + high) / 2 == number
        assert left < right < -0.5
        assert low > high  # y grows downwards: the frame stands upright
    assert axes.get_title("left") == "head 0"
    plt.close(axes.figure)


def test_gif_has_both_side_by_side(tmp_path):
    """Three frames, each twice as wide: as it is at the left, with heat at the right."""
    attention.write_gif(tmp_path / "heat.gif", GREY, hot((1, 1, 2)))
    with Image.open(tmp_path / "heat.gif") as gif:
        assert (gif.n_frames, gif.size) == (3, (64, 16))
        gif.seek(1)
        picture = np.asarray(gif.convert("RGB")).astype(int)
    assert np.abs(picture[:, :32] - 100).max() <= 4
    assert np.abs(picture[12:, 32 + 19 : 32 + 21] - 100).max() > 30


def test_gif_needs_its_ending(tmp_path):
    """Another ending is refused as for every GIF."""
    with pytest.raises(Exception, match=r"\.gif"):
        attention.write_gif(tmp_path / "heat.mp4", GREY, hot())
