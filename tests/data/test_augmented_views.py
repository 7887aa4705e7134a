"""Augmented views: other moments, another camera, the same throughout a clip."""

import numpy as np
import pytest

from flaxvid.data import augmented_views, batches, manifest
from flaxvid.video import augment, preprocess, write


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    """One video of 40 frames, each a grey level of its own with a bright spot to the left."""
    folder = tmp_path_factory.mktemp("views")
    frames = (
        np.full((40, 48, 64, 3), 60, np.uint8)
        + 3 * np.arange(40, dtype=np.uint8)[:, None, None, None]
    )
    frames[:, 16:32, 8:20] = 250
    write.write_video(folder / "one.avi", frames, fps=10, codec="MJPG")
    videos = manifest.of_rows(folder, [manifest.Row("one.avi", "a")])
    shown = preprocess.Preprocessing(num_frames=8, crop_size=32, resize=(32, 32))
    return batches.VideoRows(videos, shown)


def test_views_are_determined_by_video_and_number(loader):
    """Made together, or alone as after a kill, a view is the same; two views are not."""
    together = augmented_views.clips(loader, 0, (0, 1, 2))
    assert together["video"].shape == (3, 8, 32, 32, 3)
    alone = augmented_views.clips(loader, 0, (1,))
    np.testing.assert_array_equal(alone["video"][0], together["video"][1])
    assert np.abs(together["video"][0].astype(int) - together["video"][1]).mean() > 2


def test_a_view_is_one_camera(loader):
    """The spot stays where it is in all frames of a view, and is never mirrored to the right."""
    for clip in augmented_views.clips(loader, 0, range(5))["video"]:
        lit = clip[..., 0].astype(int) > np.median(clip[..., 0], axis=(1, 2))[:, None, None] + 20
        columns = [np.nonzero(frame)[1].mean() for frame in lit]
        assert np.ptp(columns) < 1
        assert np.mean(columns) < 16


@pytest.mark.parametrize("num_frames", [1, 3, 9, 40, 301])
def test_moments_are_spread_over_most_of_the_video(num_frames):
    """In order, inside the video, over 80 to 100% of it, as many in each view."""
    counts = set()
    for seed in range(20):
        chosen = augmented_views.moments(num_frames, 8, np.random.default_rng(seed))
        counts.add(len(chosen))
        assert (np.diff(chosen) > 0).all()
        assert chosen[0] >= 0
        assert chosen[-1] < num_frames
        if num_frames > 100:
            assert np.ptp(chosen) > 0.6 * num_frames
    assert counts == {min(8, max(1, int(0.8 * num_frames)))}


def test_each_colour_stays_itself():
    """Of a clip of one colour, red stays least, then green, then blue, each within the bounds."""
    clip = np.full((2, 30, 40, 3), (20, 90, 160), np.uint8)
    for seed in range(20):
        view = augment.another_view(clip, 24, np.random.default_rng(seed)).astype(int)
        (colour,) = np.unique(view.reshape(-1, 3), axis=0)
        for given, found in zip((20, 90, 160), colour, strict=True):
            least, most = given * 0.8 * 0.9 - 20, given * 1.2 * 1.1 + 20
            assert max(0, least - 1) <= found <= min(255, most + 1)
        assert colour[0] < colour[1] < colour[2]


def test_nothing_drawn_leaves_the_picture():
    """With every draw in the middle of its range, a view is the clip, but for interpolation."""

    class Middle(np.random.Generator):
        def uniform(self, low, high, size=None):
            value = (low + high) / 2
            return value if size is None else np.full(size, value)

    smooth = np.add.outer(np.arange(40), np.arange(40)).astype(np.uint8)
    clip = np.stack([np.stack([smooth, 2 * smooth, 200 - smooth], axis=-1)] * 2)
    middle = Middle(np.random.PCG64(0))
    view = augment.another_view(clip, 40, middle)
    np.testing.assert_allclose(view.astype(int), clip, atol=1)
    half = augment.another_view(clip, 20, middle)
    np.testing.assert_allclose(half[:, 5:15, 5:15], clip[:, 10:30:2, 10:30:2], atol=3)


class Highest(np.random.Generator):
    """Draws the middle of every range, but in one draw, counted from 0, its upper end."""

    def __init__(self, which):
        super().__init__(np.random.PCG64(0))
        self.which, self.draws = which, 0

    def uniform(self, low, high, size=None):
        value = high if self.draws == self.which else (low + high) / 2
        self.draws += 1
        return value if size is None else np.full(size, value)


PLACES = np.arange(60)
TILTED = np.cos(np.radians(8)), np.sin(np.radians(8))
MOVED = {
    "zoom": (0, lambda x, y: (x / 1.2, y / 1.2)),
    "aspect": (1, lambda x, y: (x / 1.1**0.5, y * 1.1**0.5)),
    "tilt": (2, lambda x, y: (TILTED[0] * x + TILTED[1] * y, TILTED[0] * y - TILTED[1] * x)),
    "move": (3, lambda x, y: (x - 6, y - 6)),
}
LIT = {
    "gain": (4, lambda value: 1.2 * value),
    "colour": (5, lambda value: 1.1 * value),
    "offset": (6, lambda value: value + 20),
}


@pytest.fixture
def ramps():
    """60 x 60 pixels: red grows by 2 a column and green by 2 a row, from 30 on; blue is 100."""
    red, green = np.meshgrid(30 + 2 * PLACES, 30 + 2 * PLACES)
    return np.stack([red, green, np.full((60, 60), 100)], axis=-1).astype(np.uint8)[None]


@pytest.mark.parametrize("name", MOVED)
def test_the_camera_goes_as_far_as_it_says(name, ramps):
    """Zoom by 1.2, sides by 1.1, a turn of 8 degrees, a tenth of a side: from where a place of the
    view, counted from the middle, was in the clip."""
    which, source = MOVED[name]
    view = augment.another_view(ramps, 60, Highest(which))[0].astype(float)
    x, y = source(*np.meshgrid(PLACES - 29.5, PLACES - 29.5))
    inside = slice(12, 48)
    for channel, place in enumerate((x, y)):
        expected = 30 + 2 * (place + 29.5)
        np.testing.assert_allclose(view[inside, inside, channel], expected[inside, inside], atol=1)
    assert (view[..., 2] == 100).all()


@pytest.mark.parametrize("name", LIT)
def test_light_changes_as_far_as_it_says(name, ramps):
    """Times 1.2, each colour times 1.1, or 20 levels more, rounded."""
    which, of = LIT[name]
    view = augment.another_view(ramps, 60, Highest(which))
    plain = augment.another_view(ramps, 60, Highest(None))
    np.testing.assert_array_equal(view, np.round(of(plain.astype(float))))


def test_a_wide_clip_is_squeezed_into_a_square(ramps):
    """Of 30 rows and 60 columns, every pixel of 20 x 20 is 1.5 rows and 3 columns further."""
    view = augment.another_view(ramps[:, :30], 20, Highest(None))[0].astype(float)
    assert view.shape == (20, 20, 3)
    np.testing.assert_allclose(view[5, 1:-1, 0], 30 + 2 * (3 * np.arange(1, 19) + 1), atol=1)
    np.testing.assert_allclose(view[1:-1, 5, 1], 30 + 2 * (1.5 * np.arange(1, 19) + 0.25), atol=1)


def test_white_stays_white_and_black_black():
    """The ends of the levels are levels too."""
    clip = np.zeros((1, 20, 20, 3), np.uint8)
    clip[:, :, 10:] = 255
    view = augment.another_view(clip, 20, Highest(None))[0]
    np.testing.assert_array_equal(view, clip[0])
