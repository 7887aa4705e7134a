"""Which frames: index arithmetic only, no pixels read and no file opened.

Every `*_indices` function returns ascending frame indices, none of them out of range and none
twice: `num_samples` of them, or as many as a short video has, and `pad_clip` fills the clip up
after decoding.
"""

import re

import numpy as np
from jaxtyping import Bool, Int64, UInt8


def interval_indices(num_frames: int, num_samples: int) -> Int64[np.ndarray, "samples"]:
    """Every `max(1, num_frames // num_samples)`-th frame from frame 0, `num_samples` at most.

    The division rounds down, so the end of a video goes unseen: of 39 frames, 20 samples are
    frames 0 to 19, the first half. `uniform_indices` does not have this flaw.

    Args:
        num_frames: frames in the video, at least 1.
        num_samples: frames wanted, at least 1.

    Raises:
        ValueError: if an argument is below 1.

    Source: the sampling common in tutorials on CNN features of video frames.
    """
    _at_least_one(num_frames=num_frames, num_samples=num_samples)
    interval = max(1, num_frames // num_samples)
    return interval * np.arange(min(num_samples, num_frames), dtype=np.int64)


def uniform_indices(num_frames: int, num_samples: int) -> Int64[np.ndarray, "samples"]:
    """The middle frame of each of `num_samples` equal segments of the video.

    Of 9 frames, one sample is frame 4 and three samples are frames 1, 4 and 7.

    Args:
        num_frames: frames in the video, at least 1.
        num_samples: frames wanted, at least 1.

    Raises:
        ValueError: if an argument is below 1.

    Source: Wang et al., "Temporal Segment Networks" (2016): sampling at test time.
    """
    _at_least_one(num_frames=num_frames, num_samples=num_samples)
    segments = min(num_samples, num_frames)
    # (i + 1/2) / segments of the way, in whole numbers, so that nothing is rounded twice.
    return (2 * np.arange(segments, dtype=np.int64) + 1) * num_frames // (2 * segments)


def random_segment_indices(
    num_frames: int, num_samples: int, rng: np.random.Generator
) -> Int64[np.ndarray, "samples"]:
    """One frame drawn at random, each as likely, from each of `num_samples` equal segments.

    Segment i runs from frame `i * num_frames // num_samples` up to where the next one begins.

    Args:
        num_frames: frames in the video, at least 1.
        num_samples: frames wanted, at least 1.
        rng: where the randomness comes from.

    Raises:
        ValueError: if an argument is below 1.

    Source: Wang et al., "Temporal Segment Networks" (2016): sampling in training.
    """
    _at_least_one(num_frames=num_frames, num_samples=num_samples)
    segments = min(num_samples, num_frames)
    edges = np.arange(segments + 1, dtype=np.int64) * num_frames // segments
    return rng.integers(edges[:-1], edges[1:])


def window_indices(
    num_frames: int, num_samples: int, stride: int, start: int
) -> Int64[np.ndarray, "samples"]:
    """Every `stride`-th frame from `start` on, cut at the end of the video.

    Args:
        num_frames: frames in the video, at least 1.
        num_samples: frames wanted, at least 1.
        stride: frames from one sample to the next, at least 1.
        start: the first frame, from 0 to `num_frames - 1`.

    Raises:
        ValueError: if an argument is out of its range.
    """
    _at_least_one(num_frames=num_frames, num_samples=num_samples, stride=stride)
    if not 0 <= start < num_frames:
        raise ValueError(f"start must be from 0 to {num_frames - 1}, not {start}")
    indices = start + stride * np.arange(num_samples, dtype=np.int64)
    return indices[indices < num_frames]


def random_window_indices(
    num_frames: int, num_samples: int, stride: int, rng: np.random.Generator
) -> Int64[np.ndarray, "samples"]:
    """A window placed at random so that it fits; one longer than the video starts at frame 0.

    Args:
        num_frames: frames in the video, at least 1.
        num_samples: frames wanted, at least 1.
        stride: frames from one sample to the next, at least 1.
        rng: where the randomness comes from.

    Raises:
        ValueError: if an argument is below 1.
    """
    _at_least_one(num_frames=num_frames, num_samples=num_samples, stride=stride)
    start = int(rng.integers(_last_start(num_frames, num_samples, stride) + 1))
    return window_indices(num_frames, num_samples, stride, start)


def view_indices(
    num_frames: int, num_samples: int, stride: int | None, num_views: int
) -> Int64[np.ndarray, "views samples"]:
    """`num_views` ways to see one video, for testing: their class probabilities are averaged.

    With a stride, a view is a window: the first starts with the video, the last ends with it and
    the others stand evenly between; a single one stands in the middle. Without, a view is the
    whole video, one frame from each of `num_samples` equal segments, a little later in its
    segment from view to view; a single one takes the middles, as `uniform_indices` does.

    In a video shorter than the window, a view has as many samples as fit at this stride, and the
    views are spread over what room is left; where none is left they are equal. There are
    always `num_views` of them, of equal length.

    Args:
        num_frames: frames in the video, at least 1.
        num_samples: frames wanted in each view, at least 1.
        stride: frames from one sample to the next, at least 1; None spreads each view over the
            whole video.
        num_views: views wanted, at least 1.

    Raises:
        ValueError: if an argument is below 1.

    Source: Feichtenhofer et al., "SlowFast Networks" (2019), section 4: clips sampled uniformly
    along a video's time. Which frame a single view takes is our choice.
    """
    _at_least_one(num_frames=num_frames, num_samples=num_samples, num_views=num_views)
    views = np.arange(num_views, dtype=np.int64)[:, None]
    if stride is None:
        segments = min(num_samples, num_frames)
        # (i + (view + 1/2) / num_views) / segments of the way, in whole numbers.
        steps = 2 * num_views * np.arange(segments) + 2 * views + 1
        return steps * num_frames // (2 * num_views * segments)
    _at_least_one(stride=stride)
    fitting = min(num_samples, (num_frames - 1) // stride + 1)
    last_start = _last_start(num_frames, fitting, stride)
    starts = last_start * views // (num_views - 1) if num_views > 1 else views + last_start // 2
    return starts + stride * np.arange(fitting)


def pad_clip(
    frames: UInt8[np.ndarray, "time height width 3"], num_samples: int
) -> tuple[UInt8[np.ndarray, "{num_samples} height width 3"], Bool[np.ndarray, "{num_samples}"]]:
    """Fills a short clip up to `num_samples` frames and says which are real.

    The last real frame is repeated. Black frames would be an event that never happened, and
    normalisation would make large numbers of them.

    Args:
        frames: 1 to `num_samples` frames.
        num_samples: frames wanted.

    Returns:
        The clip, and a mask that is True on real frames and False on padding.

    Raises:
        ValueError: if there is no frame, or there are more than `num_samples`.
    """
    time = len(frames)
    if not 1 <= time <= num_samples:
        raise ValueError(f"a clip of {num_samples} frames takes 1 to {num_samples}, not {time}")
    positions = np.arange(num_samples)
    if time < num_samples:  # else nothing is copied
        frames = frames[np.minimum(positions, time - 1)]
    return frames, positions < time


def natural_key(name: str) -> tuple:
    """A sort key that counts: `frame_2.jpg` comes before `frame_10.jpg`.

    Plain string order gives 1, 10, 2 and with it a clip whose frames are shuffled.

        sorted(names, key=natural_key)

    Args:
        name: a file name or any other text with numbers in it.
    """
    # Text and digits alternate, so two keys always compare text with text, number with number.
    parts = re.split(r"(\d+)", name)
    parts[1::2] = map(int, parts[1::2])
    return tuple(parts), name  # the name settles 2 against 02


def _last_start(num_frames: int, num_samples: int, stride: int) -> int:
    """The last frame at which a whole window can start; 0 if none fits."""
    return max(0, num_frames - 1 - stride * (num_samples - 1))


def _at_least_one(**arguments: int) -> None:
    for name, value in arguments.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
