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
