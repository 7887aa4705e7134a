"""Strips and timelines: what is drawn is what was given."""

import matplotlib
import numpy as np
import pytest

from flaxvid.figures import frames

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close():
    yield
    matplotlib.pyplot.close("all")


def clip(time=3, height=16, width=32):
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (time, height, width, 3), dtype=np.uint8)


def test_strip_shows_every_frame_in_order():
    """Frame i is drawn unchanged over its label, with a white gap to the next."""
    given = clip()
    axes = frames.film_strip(given, labels=[4, 7, 9], title="three")
    strip = axes.images[0].get_array()
    assert strip.shape == (16, 3 * 32 + 2 * 2, 3)
    for i, left in enumerate((0, 34, 68)):
        np.testing.assert_array_equal(strip[:, left : left + 32], given[i])
    assert (np.asarray(strip[:, 32:34]) == 255).all()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["4", "7", "9"]
    assert axes.get_title("left") == "three"


def test_strip_crosses_out_padding():
    """Two lines over each padded frame, and none over the others."""
    axes = frames.film_strip(clip(), mask=np.array([True, False, False]))
    assert len(axes.lines) == 4
    assert axes.lines[0].get_xdata().tolist() == [34, 65]


def test_strip_draws_on_given_axes():
    """No other figure is made."""
    axes = matplotlib.figure.Figure().add_subplot()
    assert frames.film_strip(clip(), axes) is axes
    assert not matplotlib.pyplot.get_fignums()


def test_timeline_marks_the_frames_of_each_rule():
    """A mark stands in the middle of its frame; the first rule is on top."""
    rows = {"first": np.array([0, 5]), "second": np.array([8])}
    axes = frames.timeline(9, rows, borders=[3, 6], event=(4, 6))
    middles = [[bar.get_x() + bar.get_width() / 2 for bar in bars] for bars in axes.containers]
    assert middles[1] == pytest.approx([0, 5])
    assert middles[3] == pytest.approx([8])
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["first", "second"]
    assert axes.yaxis_inverted()
    assert [line.get_xdata()[0] for line in axes.lines] == [2.5, 5.5]


def test_timeline_shows_the_whole_video():
    """The ground of a row runs from the start of frame 0 to the end of the last frame."""
    (ground, *_) = frames.timeline(9, {"none": np.array([], np.int64)}).containers[0]
    assert (ground.get_x(), ground.get_width()) == (-0.5, 9)
