"""Which frames of a video a model is shown, and what fills up a short clip: as it was trained.

Training, evaluation and prediction all ask here, with the `Preprocessing` of the model.
"""

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from flaxvid import errors
from flaxvid.video import preprocess, sample

Indices = Int64[np.ndarray, " frames"]


def train_indices(
    num_frames: int, preprocessing: preprocess.Preprocessing, rng: np.random.Generator
) -> Indices:
    """The frames of one clip for training; at random, but for `interval`, which takes the same."""
    if preprocessing.sampling == "interval":
        return sample.interval_indices(num_frames, preprocessing.num_frames)
    if preprocessing.stride is None:
        return sample.random_segment_indices(num_frames, preprocessing.num_frames, rng)
    return sample.random_window_indices(
        num_frames, preprocessing.num_frames, preprocessing.stride, rng
    )


def test_indices(num_frames: int, preprocessing: preprocess.Preprocessing) -> Indices:
    """The frames of the one clip that stands for a video."""
    if preprocessing.sampling == "interval":
        return sample.interval_indices(num_frames, preprocessing.num_frames)
    if preprocessing.stride is None:
        return sample.uniform_indices(num_frames, preprocessing.num_frames)
    return sample.view_indices(num_frames, preprocessing.num_frames, preprocessing.stride, 1)[0]


def view_indices(
    num_frames: int, preprocessing: preprocess.Preprocessing, windows: int
) -> Int64[np.ndarray, "windows frames"]:
    """The frames of several clips of a video, of which evaluation takes the mean.

    Raises:
        UserError: for more than one of a model that takes frames at an interval from the first.
    """
    if preprocessing.sampling == "interval":
        if windows > 1:
            raise errors.UserError(
                f"--windows {windows}: this model takes frames at an interval from the first one, "
                "of which there is one way; leave it out"
            )
        return test_indices(num_frames, preprocessing)[None]
    return sample.view_indices(num_frames, preprocessing.num_frames, preprocessing.stride, windows)


def pad_clip(
    frames: UInt8[np.ndarray, "time height width 3"], preprocessing: preprocess.Preprocessing
) -> tuple[UInt8[np.ndarray, "frames height width 3"], Bool[np.ndarray, " frames"]]:
    """The clip filled up to `num_frames`, and a mask that is False where frames are ignored."""
    clip, mask = sample.pad_clip(frames, preprocessing.num_frames)
    if preprocessing.padding != "repeat":
        clip = np.where(mask[:, None, None, None], clip, np.uint8(0))
    if preprocessing.padding == "zeros_unmasked":
        mask = np.ones_like(mask)
    return clip, mask
