"""Clips cut into patches: what fades, what is framed, where the lines run."""

import matplotlib
import numpy as np
import pytest

from flaxvid.figures import patches

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close():
    yield
    matplotlib.pyplot.close("all")


def clip(time=3, height=8, width=12):
    return np.random.default_rng(0).integers(0, 255, (time, height, width, 3), dtype=np.uint8)


def test_unseen_patches_fade():
    """A seen patch keeps its pixels; an unseen one keeps 15% of its distance from white."""
    given, seen = clip(), np.zeros((3, 2, 3), bool)
    seen[1, 0, 2] = True
    strip = np.asarray(patches.film_strip(given, 4, seen=seen).images[0].get_array())
    frame = strip[:, 13:25]  # frame 1, after 12 pixels and a gap of 1
    np.testing.assert_array_equal(frame[:4, 8:], given[1, :4, 8:])
    expected = 255 - 0.15 * (255.0 - given[1, 4:, :8])
    np.testing.assert_allclose(frame[4:, :8], expected, atol=0.51)


def test_a_token_is_framed():
    """The rectangle stands on the edges of its patch: frame 1, row 1, column 2."""
    axes = patches.film_strip(clip(), 4, token=(1, 1, 2))
    (frame,) = axes.patches
    assert (frame.get_x(), frame.get_y()) == (13 + 8 - 0.5, 3.5)
    assert (frame.get_width(), frame.get_height()) == (4, 4)


def test_lines_run_between_patches():
    """Three frames of 2 x 3 patches have 3 + 4 lines each."""
    axes = patches.film_strip(clip(), 4, labels=[4, 6, 8])
    assert len(axes.lines) == 3 * (3 + 4)
    assert {line.get_ydata()[0] for line in axes.lines if np.ptp(line.get_ydata()) == 0} == {
        -0.5,
        3.5,
        7.5,
    }
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["4", "6", "8"]
