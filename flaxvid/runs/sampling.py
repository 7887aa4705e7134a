"""How a model's sampling fits the videos at hand: their lengths, and the share of padding."""

import numpy as np
from jaxtyping import Int

from flaxvid.data import manifest, packed
from flaxvid.video import decode

LOOKED_AT = 16  # videos whose length is read; a header each


def lengths(videos: manifest.Manifest, count: int = LOOKED_AT) -> Int[np.ndarray, " videos"]:
    """Frames of `count` videos, spread over the manifest's; those that can't be read are left out.

    A row that is part of a file has the frames of that part.
    """
    numbers = np.unique(np.linspace(0, len(videos.rows) - 1, count).round().astype(int))
    found = []
    for row in (videos.rows[number] for number in numbers if videos.rows):
        path = videos.path(row)
        read_clip = packed.read_clip if packed.is_address(path) else decode.read_clip
        asked: list[int] = []

        def first_frame(num_frames, asked=asked):
            asked.append(num_frames)
            return np.zeros(1, np.int64)

        try:
            read_clip(path, first_frame, start=row.start, end=row.end)
        except decode.VideoError:
            continue
        found.append(asked[-1])
    return np.array(found, np.int64)


def span(num_frames: int, stride: int) -> int:
    """Frames from the first to the last of a clip, both included."""
    return (num_frames - 1) * stride + 1


def stride_for(videos: manifest.Manifest, num_frames: int, stride: int | None) -> int | None:
    """The stride, or None, which spreads the frames, if half of the training videos are shorter
    than a clip spans."""
    if stride is None:
        return None
    found = lengths(videos.split("train"))
    too_short = len(found) > 0 and np.median(found) < span(num_frames, stride)
    return None if too_short else stride


def padded_share(lengths: Int[np.ndarray, " videos"], num_frames: int, stride: int | None) -> float:
    """The share of a batch's frames that only fill up the clips of videos that are too short.

    Args:
        lengths: frames of each video, one or more of them.
        num_frames: of a clip.
        stride: from one frame to the next; None: spread over the video.
    """
    there = lengths if stride is None else (lengths - 1) // stride + 1
    return float(1 - np.mean(np.minimum(there, num_frames)) / num_frames)
