"""`motion:scenes`: no scene in two splits, and the dial ties scene and class in training alone."""

import collections
from pathlib import Path

import cv2
import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import drawn_scenes, leakage, manifest, motion, motion_scenes
from flaxvid.video import decode


def rows_of(clips=200, dial=0.0):
    return list(motion_scenes.rows(motion_scenes.Kind(clips, dial)))


def told_by_scene(rows):
    """Share of the rows whose class is the one most often seen in their scene."""
    seen = collections.defaultdict(collections.Counter)
    for row in rows:
        seen[row.group][row.label] += 1
    return sum(max(counts.values()) for counts in seen.values()) / len(rows)


# ------------------------------------------------------------------ which clips
@pytest.mark.parametrize("clips", [22, 200, 2000])
@pytest.mark.parametrize("dial", [0.0, 0.6, 1.0])
def test_no_scene_is_in_two_splits(clips, dial):
    """Whole scenes are held out; as many clips as asked for are to train on, of all classes."""
    rows = rows_of(clips, dial)
    videos = manifest.of_rows(Path(), rows)
    leakage.check_leakage(videos)
    assert len({row.path for row in rows}) == len(rows)
    training = [row.label for row in rows if row.split == "train"]
    counts = [training.count(label) for label in motion_scenes.CLASSES]
    assert sum(counts) == clips
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("dial", [0.0, 0.3, 0.8, 1.0])
def test_the_dial_says_how_often_the_scene_tells_the_class(dial):
    """Of the training clips the dial's share is in a scene of the class, the others by chance."""
    training = [row for row in rows_of(2000, dial) if row.split == "train"]
    scenes = [int(row.group.rpartition("_")[2]) for row in training]
    classes = [motion_scenes.CLASSES[scene % len(motion_scenes.CLASSES)] for scene in scenes]
    own = [name == row.label for name, row in zip(classes, training, strict=True)]
    assert np.mean(own) == pytest.approx(dial + (1 - dial) / 11, abs=0.02)


@pytest.mark.parametrize("dial", [0.0, 1.0])
def test_scenes_of_the_test_tell_nothing(dial):
    """Each has one clip of each class, whatever the dial says."""
    for split, scenes in motion_scenes.HELD_OUT.items():
        held_out = [row for row in rows_of(200, dial) if row.split == split]
        assert len(held_out) == 11 * scenes
        assert told_by_scene(held_out) == pytest.approx(1 / 11)


# ------------------------------------------------------------------ what they look like
@pytest.fixture
def brief(monkeypatch):
    """Clips of two frames: drawn in no time."""
    monkeypatch.setattr(motion_scenes, "NUM_FRAMES", 2)


def mean_frame(row):
    """The first frame, as small as that the hand hardly counts."""
    small = cv2.resize(motion_scenes.frames_of(row, 0)[0], (6, 6), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32).ravel()


def nearest(known, asked):
    """How often the known frame that is the most like one asked, and not itself, has its class."""
    seen, shown = (np.stack([mean_frame(row) for row in rows]) for rows in (known, asked))
    gaps = np.linalg.norm(shown[:, None] - seen, axis=-1)
    gaps[gaps == 0] = np.inf
    found = [known[number].label for number in gaps.argmin(axis=1)]
    return np.mean([label == row.label for label, row in zip(found, asked, strict=True)])


def test_a_look_at_one_frame_is_right_in_training_and_at_chance_in_the_test(brief):
    """Which training frame is the most alike tells a scene, and with the dial at 1 a class."""
    rows = rows_of(132, 1.0)
    training = [row for row in rows if row.split == "train"]
    test = [row for row in rows if row.split == "test"][: 6 * 11]
    assert nearest(training, training) > 0.9
    assert nearest(training, test) < 0.25
    free = [row for row in rows_of(132, 0.0) if row.split == "train"]
    assert nearest(free, free) < 0.25


@pytest.mark.parametrize("label", motion_scenes.CLASSES)
def test_a_clip_is_the_same_for_the_same_seed(label):
    """And another for another."""
    scene = motion_scenes.scene_of(0, 0, 3)
    first, again, other = (
        motion_scenes.draw_clip(label, scene, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (motion_scenes.NUM_FRAMES, motion_scenes.SIZE, motion_scenes.SIZE, 3)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("seed", range(4))
def test_a_hand_does_what_its_class_says(seed):
    """Right and down by a fifth of the frame, clockwise about a middle, larger, lighter, still."""

    def track(label):
        poses = motion_scenes.draw_poses(label, 8.0, np.random.default_rng(seed))
        names = ("x", "y", "size", "light")
        return (np.array([getattr(pose, name) for pose in poses]) for name in names)

    x, y, _, _ = track("move_right")
    assert x[-1] - x[0] > motion_scenes.SIZE / 5 > 8 > abs(y[-1] - y[0])
    x, y, _, _ = track("move_down")
    assert y[-1] - y[0] > motion_scenes.SIZE / 5 > 8 > abs(x[-1] - x[0])
    x, y, _, _ = track("circle_clockwise")
    around = np.stack([x - (x.max() + x.min()) / 2, y - (y.max() + y.min()) / 2])
    # On a screen y grows downwards, so that a growing angle is clockwise.
    assert np.unwrap(np.arctan2(around[1], around[0]))[-1] - np.arctan2(*around[::-1])[0] > 4
    x, y, size, light = track("grow")
    assert size[-1] > 1.4 * size[0]
    assert np.ptp(light) == 0
    *_, light = track("lighten")
    assert light[-1] > 2 * light[0]
    x, y, size, light = track("still")
    assert max(np.ptp(x), np.ptp(y)) < 8
    with pytest.raises(ValueError, match="first class of a pair"):
        track("move_left")


def test_the_second_class_of_a_pair_is_the_first_backwards():
    """With the same draws."""
    scene = motion_scenes.scene_of(0, 0, 3)
    there, back = (
        motion_scenes.draw_clip(label, scene, np.random.default_rng(5))
        for label in ("grow", "shrink")
    )
    np.testing.assert_array_equal(there, back[::-1])


def test_a_scene_fills_its_picture():
    """Scenes differ from each other, and within themselves."""
    first, second = (drawn_scenes.scene(np.random.default_rng(n), 144) for n in range(2))
    assert first.picture.shape == (144, 144, 3)
    assert first.picture.std() > 5
    assert np.abs(first.picture.astype(int) - second.picture).mean() > 10


# ------------------------------------------------------------------ on disk
def test_the_set_is_drawn_once(tmp_path, monkeypatch, brief):
    """As real videos, whose manifest is read the second time."""
    monkeypatch.setattr(motion_scenes, "HELD_OUT", {"test": 1})
    videos = motion_scenes.open_or_draw("scenes:22", root=tmp_path)
    assert videos.splits() == {"train": 22, "test": 11}
    assert videos.labels == motion_scenes.CLASSES
    assert decode.read_frames(videos.path(videos.rows[0])).shape == (2, 112, 112, 3)
    monkeypatch.setattr(motion, "write_set", None)
    assert motion_scenes.open_or_draw("scenes:22", root=tmp_path).rows == videos.rows


@pytest.mark.parametrize(
    "text", ["scenes:x", "scenes:5", "scenes:200:2", "scenes:200:nan", "scenes:200:0:1"]
)
def test_what_names_no_set_is_refused(text, tmp_path):
    """In one line that shows a right one."""
    with pytest.raises(errors.UserError, match=f"motion:{text}: give motion:scenes"):
        motion_scenes.open_or_draw(text, root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_set_of_another_kind_has_another_folder():
    """Neither clips nor dial are mixed up."""
    parse = motion_scenes.Kind.parse
    names = {parse(text).folder for text in ("scenes", "scenes:2000", "scenes:200:0.5")}
    assert names == {"motion_scenes_200", "motion_scenes_2000", "motion_scenes_200_0.5"}
