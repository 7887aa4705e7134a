"""Which frames a model is shown, and what fills up a short clip: as its preprocessing says."""

import dataclasses

import numpy as np
import pytest

from flaxvid import errors
from flaxvid.video import preprocess, sample, selection

SPREAD = preprocess.Preprocessing(num_frames=4, crop_size=8, resize=8)
INTERVAL = dataclasses.replace(SPREAD, sampling="interval")


def rng():
    return np.random.default_rng(0)


def test_interval_takes_the_same_frames_in_training_and_testing():
    """Of 11 frames every second from the first, always; `spread` takes others."""
    assert selection.test_indices(11, INTERVAL).tolist() == [0, 2, 4, 6]
    assert selection.train_indices(11, INTERVAL, rng()).tolist() == [0, 2, 4, 6]
    assert selection.view_indices(11, INTERVAL, 1).tolist() == [[0, 2, 4, 6]]
    assert selection.test_indices(11, SPREAD).tolist() == sample.uniform_indices(11, 4).tolist()


def test_interval_has_one_view():
    """More of them would be the same clip again."""
    with pytest.raises(errors.UserError, match="--windows 3: .* leave it out"):
        selection.view_indices(11, INTERVAL, 3)


@pytest.mark.parametrize(
    ("padding", "filling", "mask"),
    [
        ("repeat", 5, [True, True, False, False]),
        ("zeros", 0, [True, True, False, False]),
        ("zeros_unmasked", 0, [True, True, True, True]),
    ],
)
def test_what_fills_up_a_short_clip(padding, filling, mask):
    """The last frame, or black; ignored or not."""
    shown = dataclasses.replace(SPREAD, padding=padding)
    clip, real = selection.pad_clip(np.full((2, 8, 8, 3), 5, np.uint8), shown)
    assert real.tolist() == mask
    assert (clip[:2] == 5).all()
    assert (clip[2:] == filling).all()


def test_a_clip_that_is_long_enough_stays():
    """Whatever would fill it up."""
    frames = rng().integers(1, 256, (4, 8, 8, 3), np.uint8)
    clip, real = selection.pad_clip(frames, dataclasses.replace(SPREAD, padding="zeros"))
    np.testing.assert_array_equal(clip, frames)
    assert real.all()


def test_interval_and_stride_are_refused_together():
    """A stride says already which frames they are."""
    with pytest.raises(errors.UserError, match="it has no effect with a stride, 2"):
        dataclasses.replace(INTERVAL, stride=2)


def test_runs_from_before_are_read():
    """A preprocessing without the two fields is what it was."""
    fields = SPREAD.to_dict()
    del fields["sampling"], fields["padding"]
    assert preprocess.Preprocessing.from_dict(fields) == SPREAD
