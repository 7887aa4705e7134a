"""A video file or a folder of images, opened alike, and the segment of it that is asked for."""

import contextlib
import math
import os
from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8

from flaxvid import errors, stores
from flaxvid.video import container, frame_folder, reading, times

PathLike = container.PathLike
Seconds = times.Seconds
Source = reading.Video | frame_folder.FrameFolder
VideoError = errors.VideoError


@contextlib.contextmanager
def opened(path: PathLike) -> Iterator[Source]:
    """A video file or a folder of images, before its first frame; closed on the way out."""
    if not stores.is_store(path) and os.path.isdir(path):
        yield frame_folder.FrameFolder(path)
        return
    with contextlib.ExitStack() as stack:
        yield reading.Video(path, stack)


def check_timed(source: Source, path: PathLike) -> None:
    """Refuses a video that states no times, for whoever asks for seconds.

    Raises:
        VideoError: with what to do.
    """
    if not source.timed:
        raise VideoError(
            path,
            "no frame rate is stated, so seconds mean nothing: leave start and end out, or "
            + source.remedy(),
        )


def check_segment(path: PathLike, start: Seconds, end: Seconds | None) -> None:
    """Refuses a segment that ends before it starts.

    Raises:
        VideoError: naming both seconds.
    """
    if not 0 <= start < (math.inf if end is None else end):
        raise VideoError(path, f"no segment runs from {start} s to {end} s: swap or mend them")


def segment(
    path: PathLike, timeline: times.Timeline, start: Seconds, end: Seconds | None
) -> tuple[int, int]:
    """The number of the first frame of a segment, and of the one after its last.

    Raises:
        VideoError: if no frame begins in it.
    """
    if (start, end) == (0, None):
        return 0, len(timeline.seconds)
    first, stop = times.between(timeline.seconds, start, end)
    if first == len(timeline.seconds):
        raise VideoError(
            path,
            f"the segment starts at {start:g} s, but reading ends after {first} frames, at "
            f"{timeline.end:g} s: choose an earlier start",
        )
    if first == stop:
        raise VideoError(
            path,
            f"no frame starts{between(start, end)}, where frame {max(0, first - 1)} is shown: "
            "widen it",
        )
    return first, stop


def same_size(
    path: PathLike,
    index: int,
    frame: UInt8[np.ndarray, "height width 3"],
    size: tuple[int, int] | None,
) -> tuple[int, int]:
    """Height and width of a frame, which must be those of the frames before it, if there are any.

    Raises:
        VideoError: if they are others.
    """
    height, width = frame.shape[:2]
    if size not in (None, (height, width)):  # in damaged files, and some recordings
        raise VideoError(
            path,
            f"frame {index} has {width}x{height} pixels, those before {size[1]}x{size[0]}: "
            f"re-encode it with {container.reencode(path)}",
        )
    return height, width


def between(start: Seconds, end: Seconds | None) -> str:
    """A segment in words; of a whole video, none."""
    if start == 0 and end is None:
        return ""
    return f" from {start:g} s on" if end is None else f" between {start:g} s and {end:g} s"
