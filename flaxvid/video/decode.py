"""Video files to RGB frames. The only file that knows OpenCV's captures of files, and their BGR.

A capture is read from its first frame to the last one wanted: `grab()` moves on, and only a frame
that is wanted is converted. We never seek. OpenCV's seek by frame number lands on wrong frames in
some files (its issue 9053), and where it is exact it decodes from the last key frame each
time, which for frames spread over a clip is slower than reading on (tests/benchmarks/decode.py).

What a header says is a claim: files are cut short, and some headers never knew. Counts of frames
come from reading.

A folder of images is read as a video is (`frame_folder.py`); only its captures differ.
"""

import contextlib
import dataclasses
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from jaxtyping import Int, UInt8

from flaxvid import errors
from flaxvid.video import frame_folder

PathLike = str | os.PathLike[str]
Capture = cv2.VideoCapture | frame_folder.FolderCapture
Frames = UInt8[np.ndarray, "time height width 3"]
Indices = Sequence[int] | Int[np.ndarray, "samples"]
Seconds = float | int
NO_END = sys.maxsize


class VideoError(errors.UserError):
    """A video that cannot be read as asked; `path` says which."""

    def __init__(self, path: PathLike, problem: str):
        # Both go into `args`, so that the error can be pickled from one process to another.
        super().__init__(os.fspath(path), problem)
        self.path = os.fspath(path)
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What the header of a video file says, before any frame is read."""

    path: str
    width: int
    """Pixels, after the rotation that phones store beside the frames: as `read_frames` gives."""
    height: int
    """Pixels, after rotation."""
    fps: float
    """Frames per second; 0 if the header does not say."""
    frame_count: int
    """How many frames the header CLAIMS; 0 if it does not say. `count_frames` counts them."""
    seconds: float
    """The claimed frames at the claimed rate; 0 if either is missing."""


def probe(path: PathLike) -> VideoInfo:
    """Reads the header of a video file, and no frame; of a folder, its first image.

    Raises:
        VideoError: if the file is missing, empty or not a video.
    """
    with _opened(path) as (_, info):
        return info


def count_frames(path: PathLike) -> int:
    """Counts the frames that can be read, at least 1, by reading to the end.

    Raises:
        VideoError: if the file is not a video, or no frame of it can be read.
    """
    with _opened(path) as (capture, info):
        passed = sum(1 for _ in _grabbed(capture, NO_END))
    return _reached(info, passed, first=0)


def read_frames(
    path: PathLike,
    indices: Indices | None = None,
    *,
    start: Seconds = 0,
    end: Seconds | None = None,
) -> Frames:
    """Decodes the frames wanted of a video, or of a segment of it, as RGB.

    Frame i of the file is taken to start at `i / fps` seconds; a segment has the frames that
    start in it, so segments that meet share none.

    Args:
        path: a video file, or a folder of images.
        indices: frames of the segment, counted from 0, in any order, repeats allowed; None is all.
        start: where the segment starts, in seconds.
        end: where the segment ends, in seconds, itself excluded; None is the end of the video.

    Raises:
        VideoError: if the file is not a video, no frame of it can be read, the segment is past
            its end, or an index is past the frames that can be read.
    """
    with _opened(path) as (capture, info):
        first, stop = _segment(info, start, end)
        frames, num_frames = _read(capture, info, first, stop, indices)
    if indices is None:
        indices = range(num_frames)
    for index in indices:
        if index not in frames:
            raise VideoError(
                path,
                f"frame {index} is wanted, but only frames 0 to {num_frames - 1} can be read"
                f"{_between(start, end)}: choose among those",
            )
    return _stacked(frames, indices, info)


def read_clip(
    path: PathLike,
    choose: Callable[[int], Indices],
    *,
    start: Seconds = 0,
    end: Seconds | None = None,
) -> Frames:
    """Decodes the frames that a rule chooses, whatever the header claims.

    The rule is asked with the header's count of frames. If reading ends before the last frame
    chosen, it is asked again with the number of frames really there. A random rule should draw
    afresh each time.

        read_clip("clip.avi", lambda num_frames: sample.uniform_indices(num_frames, 8))

    Args:
        path: a video file, or a folder of images.
        choose: from the number of frames in the segment, at least 1, to the indices wanted.
        start: where the segment starts, in seconds.
        end: where the segment ends, in seconds, itself excluded; None is the end of the video.

    Raises:
        VideoError: as `read_frames`.
    """
    with _opened(path) as (capture, info):
        first, stop = _segment(info, start, end)
        claimed = min(info.frame_count, stop) - first
        if claimed >= 1:
            indices = choose(claimed)
            frames, num_frames = _read(capture, info, first, stop, indices)
            if all(index in frames for index in indices):
                return _stacked(frames, indices, info)
        else:
            num_frames = _reached(info, sum(1 for _ in _grabbed(capture, stop)), first)
    return read_frames(path, choose(num_frames), start=start, end=end)


def each_frame(
    path: PathLike,
    *,
    rate: float | int | None = None,
    start: Seconds = 0,
    end: Seconds | None = None,
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """The frames of a video, or of a segment of it, one by one: memory for one is enough.

    Args:
        path: a video file, or a folder of images.
        rate: frames per second wanted, above 0; None, or more than the video has, gives all.
        start: where the segment starts, in seconds.
        end: where the segment ends, in seconds, itself excluded; None is the end of the video.

    Raises:
        VideoError: as `read_frames`, and if a rate is wanted of a video that states none.
    """
    with _opened(path) as (capture, info):
        first, stop = _segment(info, start, end)
        if rate is not None and not info.fps:
            raise VideoError(path, f"no frame rate is stated, so {rate:g} a second mean nothing")
        step = 1.0 if rate is None else min(1.0, rate / info.fps)
        passed = 0
        for index in _grabbed(capture, stop):
            # Wanted is the first frame at or after each multiple of 1 / rate seconds.
            place = index - first
            if place >= 0 and _floor(place * step) > _floor((place - 1) * step):
                decoded, bgr = capture.retrieve()
                if not decoded:
                    break
                yield _rgb(info, index, bgr)
            passed = index + 1
        _reached(info, passed, first)


@contextlib.contextmanager
def _opened(path: PathLike) -> Iterator[tuple[Capture, VideoInfo]]:
    """A capture before its first frame, and its header; released on the way out."""
    if not os.path.exists(path):
        raise VideoError(path, "there is no such file: check the path")
    if os.path.isdir(path):
        folder = frame_folder.FolderCapture(path)
        if not folder.isOpened():
            raise VideoError(path, "this folder holds no images: name a video, or a frame folder")
        yield folder, _header(path, folder)
        return
    if os.path.getsize(path) == 0:
        raise VideoError(path, "the file is empty, 0 bytes: download or copy it again")
    # An absolute path, because FFmpeg takes 12:30.mp4 for an address with the protocol 12.
    # One thread, because the parallel work is one video per thread, and threads cost a start-up.
    capture = cv2.VideoCapture(os.path.abspath(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        if not capture.isOpened():
            raise VideoError(
                path,
                "OpenCV cannot open it as a video; it is damaged, cut short or another kind of "
                f"file: download it again, or re-encode it with {_reencode(path)}",
            )
        info = _header(path, capture)
        if capture.get(cv2.CAP_PROP_FOURCC) == cv2.VideoWriter.fourcc(*"ansi"):
            raise VideoError(path, "this is a text file, which FFmpeg would draw: name a video")
        yield capture, info
    finally:
        capture.release()


def _header(path: PathLike, capture: Capture) -> VideoInfo:
    fps = capture.get(cv2.CAP_PROP_FPS)
    fps = fps if math.isfinite(fps) and fps > 0 else 0.0
    frame_count = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    return VideoInfo(
        path=os.fspath(path),
        width=int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        height=int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        fps=fps,
        frame_count=frame_count,
        seconds=frame_count / fps if fps else 0.0,
    )


def _segment(info: VideoInfo, start: Seconds, end: Seconds | None) -> tuple[int, int]:
    """The first frame of a segment and the one after its last, `NO_END` if none is given."""
    if start == 0 and end is None:
        return 0, NO_END
    if not 0 <= start < (math.inf if end is None else end):
        raise VideoError(info.path, f"no segment runs from {start} s to {end} s: swap or mend them")
    if not info.fps:
        raise VideoError(
            info.path,
            "the header gives no frame rate, so seconds mean nothing: leave start and end out, "
            f"or re-encode it with {_reencode(info.path)}",
        )
    # Seconds are decimal fractions, frames are not: 0.28 s at 25 fps is 7.000000000000001.
    first = math.ceil(start * info.fps - 1e-6)
    stop = NO_END if end is None else math.ceil(end * info.fps - 1e-6)
    if first >= stop:
        raise VideoError(
            info.path, f"no frame starts{_between(start, end)}, at {info.fps:g} fps: widen it"
        )
    return first, stop


def _grabbed(capture: Capture, stop: int) -> Iterator[int]:
    """Moves from frame to frame and yields the index of each; ends with the video or at `stop`."""
    index = 0
    while index < stop and capture.grab():
        yield index
        index += 1


def _read(
    capture: Capture, info: VideoInfo, first: int, stop: int, indices: Indices | None
) -> tuple[dict[int, np.ndarray], int]:
    """The wanted frames of a segment that can be read, and the number of frames passed in it."""
    wanted = None if indices is None else {int(index) for index in indices}
    if wanted:
        if min(wanted) < 0:
            raise ValueError(f"frames count from 0, so {min(wanted)} is not one")
        stop = min(stop, first + max(wanted) + 1)
    frames, passed = {}, 0
    for index in _grabbed(capture, stop):
        if index >= first and (wanted is None or index - first in wanted):
            decoded, bgr = capture.retrieve()
            if not decoded:
                break
            frames[index - first] = _rgb(info, index, bgr)
        passed = index + 1
    return frames, _reached(info, passed, first)


def _rgb(info: VideoInfo, index: int, bgr: np.ndarray) -> UInt8[np.ndarray, "height width 3"]:
    height, width = bgr.shape[:2]
    if (height, width) != (info.height, info.width):  # in damaged files, and some recordings
        raise VideoError(
            info.path,
            f"frame {index} has {width}x{height} pixels, the header says {info.width}x{info.height}"
            f": re-encode it with {_reencode(info.path)}",
        )
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _reached(info: VideoInfo, passed: int, first: int) -> int:
    """The number of frames read in a segment that starts at frame `first`; an error if none."""
    if passed == 0:
        raise VideoError(
            info.path,
            "it opens, but no frame can be read: it holds none, or the installed OpenCV cannot "
            f"decode its codec (AV1, say): re-encode it with {_reencode(info.path)}",
        )
    if passed <= first:
        raise VideoError(
            info.path,
            f"the segment starts at {first / info.fps:g} s, but reading ends after {passed} frames,"
            f" at {passed / info.fps:g} s: choose an earlier start",
        )
    return passed - first


def _stacked(frames: dict[int, np.ndarray], indices: Indices, info: VideoInfo) -> Frames:
    clip = np.empty((len(indices), info.height, info.width, 3), np.uint8)
    for position, index in enumerate(indices):
        clip[position] = frames[index]
    return clip


def _floor(value: float) -> int:
    """Rounded down, but for the dust that multiplying fractions leaves."""
    return math.floor(value + 1e-6)


def _between(start: Seconds, end: Seconds | None) -> str:
    if start == 0 and end is None:
        return ""
    return f" from {start:g} s on" if end is None else f" between {start:g} s and {end:g} s"


def _reencode(path: PathLike) -> str:
    return f"`ffmpeg -i {shlex.quote(os.fspath(path))} -c:v libx264 out.mp4`"
