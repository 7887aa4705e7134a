"""Augmented views of a video, as clips: other moments of it, filmed by another camera.

Embeddings are made once, so that what would be drawn anew in each epoch is drawn beforehand.
"""

from collections.abc import Sequence

import numpy as np

from flaxvid.data import batches
from flaxvid.video import augment, sample, transform

TOGETHER = 5  # views cut from one pass over the video: their frames are in memory together
SHORTEST = 0.8  # share of the video that a view lasts, at least
MARGIN = 1.25  # times as many pixels along a side as are shown, so that zooming in stays sharp


def clips(
    loader: batches.VideoRows, index: int, views: Sequence[int], video: int | None = None
) -> batches.Batch:
    """The views of these numbers of row `index`, as rows of a batch.

    A view lasts 80 to 100% of the video, with one frame drawn from each of its equal segments, and
    is changed by `augment.another_view`. Its number and that of the video determine it: `video`, or
    `index` where the loader has all videos.

    Raises:
        VideoError: if the video can't be read, and bad videos are errors.
    """
    shown = loader.preprocessing
    video = index if video is None else video
    chosen = []

    def choose(num_frames):
        # Asked again where a header claimed too many frames.
        chosen[:] = [moments(num_frames, shown.num_frames, _rng(video, view)) for view in views]
        return np.unique(np.concatenate(chosen))

    def cut(frames):
        size = round(MARGIN * shown.crop_size)
        frames, places = transform.resize(frames, (size, size)), np.unique(np.concatenate(chosen))
        return np.stack(
            [
                augment.another_view(
                    frames[np.searchsorted(places, indices)],
                    shown.crop_size,
                    # Another stream than that of the moments, which may be drawn twice.
                    _rng(video, view, 1),
                )
                for indices, view in zip(chosen, views, strict=True)
            ]
        )

    return loader.clips(index, choose, cut, len(views))


def moments(num_frames: int, num_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Frames of one view: as many for every view of a video, in the order of time."""
    count = min(num_samples, max(1, int(SHORTEST * num_frames)))
    length = max(count, round(rng.uniform(SHORTEST, 1) * num_frames))
    start = rng.integers(num_frames - length + 1)
    return start + sample.random_segment_indices(length, count, rng)


def _rng(*numbers):
    return np.random.default_rng([20, *numbers])
