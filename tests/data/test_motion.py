"""The motion set: real files, the same twice, and only order tells the two of a pair apart."""

import cv2
import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import leakage, motion
from flaxvid.video import decode


def clip_of(label, seed=0, level="easy"):
    return motion.draw_clip(label, np.random.default_rng(seed), level)


def sprite_centre(frame):
    """Centre of what is coloured: the background is grey."""
    saturation = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)[..., 1].astype(float)
    weight = np.where(saturation > saturation.max() / 2, saturation, 0)
    rows, columns = np.indices(weight.shape)
    return (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()


def test_ten_classes_in_five_pairs():
    """Every class has one partner, and the partner's partner is the class."""
    assert len(motion.CLASSES) == 10
    assert all(motion.reverse_of(motion.reverse_of(name)) == name for name in motion.CLASSES)
    assert motion.reverse_of("grow") == "shrink"


@pytest.mark.parametrize("level", motion.LEVELS)
@pytest.mark.parametrize("pair", motion.PAIRS)
def test_a_clip_is_the_same_for_the_same_seed(pair, level):
    """Drawing depends on the generator alone."""
    first, second = clip_of(pair[0], 3, level), clip_of(pair[0], 3, level)
    assert first.shape == (motion.NUM_FRAMES, motion.SIZE, motion.SIZE, 3)
    np.testing.assert_array_equal(first, second)
    assert (clip_of(pair[0], 4, level) != first).any()


@pytest.mark.parametrize("seed", range(5))
def test_move_right_moves_right(seed):
    """The sprite's centre goes right by a quarter of the frame or more, and not up or down."""
    clip = clip_of("move_right", seed)
    (x0, y0), (x1, y1) = sprite_centre(clip[0]), sprite_centre(clip[-1])
    assert x1 - x0 > motion.SIZE / 4
    assert abs(y1 - y0) < 4


@pytest.mark.parametrize("seed", range(5))
def test_circle_clockwise_turns_clockwise(seed):
    """Seen on a screen, where y grows downwards, the angle of the sprite grows."""
    centres = np.array([sprite_centre(frame) for frame in clip_of("circle_clockwise", seed)])
    around = centres - (centres.max(0) + centres.min(0)) / 2
    steps = np.diff(np.unwrap(np.arctan2(around[:, 1], around[:, 0])))
    assert np.median(steps) > 0.1


@pytest.mark.parametrize("seed", range(5))
def test_lighten_gets_lighter(seed):
    """The sprite's brightness rises; its place stays."""
    clip = clip_of("lighten", seed)
    values = [cv2.cvtColor(f, cv2.COLOR_RGB2HSV)[..., 2].max() for f in clip[[0, -1]]]
    assert values[1] > values[0] + 30


def test_written_clips_are_real_videos(small_motion):
    """Every row is a file that decodes to the frames it should have."""
    for row in small_motion.rows[:6]:
        frames = decode.read_frames(small_motion.path(row))
        assert frames.shape == (motion.NUM_FRAMES, motion.SIZE, motion.SIZE, 3)


@pytest.mark.parametrize("pair", motion.PAIRS)
def test_pairs_are_the_same_frames_backwards(small_motion, pair):
    """Pixel for pixel after decoding: no set of frames tells the two classes apart."""
    rows = {row.label: row for row in small_motion.split("test").rows if row.label in pair}
    forwards, backwards = (decode.read_frames(small_motion.path(rows[label])) for label in pair)
    np.testing.assert_array_equal(forwards, backwards[::-1])
    assert rows[pair[0]].group == rows[pair[1]].group


def test_pairs_never_cross_splits(small_motion):
    """A clip and its reverse share a group and a split."""
    leakage.check_leakage(small_motion)
    assert small_motion.splits() == {"train": 40, "validation": 10, "test": 20}


def test_classes_are_balanced(small_motion):
    """Every class has the same number of videos in every split."""
    for split, count in small_motion.splits().items():
        labels = [row.label for row in small_motion.split(split).rows]
        assert all(labels.count(name) == count / 10 for name in motion.CLASSES)


def test_drawing_again_gives_the_same_files(small_motion, tmp_path):
    """The set is a function of its seed, byte for byte, whatever thread drew which clip."""
    counts = {"train": 10}
    again = motion.open_or_draw(root=tmp_path, counts=counts)
    for row in again.rows:
        assert again.path(row).read_bytes() == small_motion.path(row).read_bytes()


def test_an_interrupted_drawing_leaves_nothing_half_made(tmp_path, monkeypatch):
    """The folder appears when it is whole; the next call draws it."""
    calls = []

    def fail(path, *args, **kwargs):
        calls.append(path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flaxvid.video.write.write_video", fail)
        with pytest.raises(KeyboardInterrupt):
            motion.open_or_draw(root=tmp_path, counts={"test": 10})
    assert calls
    assert not (tmp_path / "motion").exists()
    assert len(motion.open_or_draw(root=tmp_path, counts={"test": 10}).rows) == 10


def test_an_unknown_level_is_named(tmp_path):
    """The error lists the levels."""
    with pytest.raises(errors.UserError, match="motion:medium: the levels are easy, hard, scenes"):
        motion.open_or_draw("medium", root=tmp_path)
