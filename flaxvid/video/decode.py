"""Video files to RGB frames, each with its time in seconds.

A frame's time comes from the file, and never from its number: phones, screen recorders and editors
write frames at uneven times. Seconds count from the first of the file. What a header says is a
claim; counts and times come from the packets, and from decoding wherever those don't tell
(`reading.py`). A packet that can't be decoded is passed over, and reading goes on behind it.

A folder of images is read as a video is (`frame_folder.py`).
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float64, Int, UInt8

from flaxvid import errors
from flaxvid.video import container, opening, reading, times

PathLike = container.PathLike
Frame = UInt8[np.ndarray, "height width 3"]
Frames = UInt8[np.ndarray, "time height width 3"]
Indices = Sequence[int] | Int[np.ndarray, "samples"]
Seconds = times.Seconds
VideoError = errors.VideoError


def count_frames(path: PathLike) -> int:
    """Counts the frames that can be read, at least 1, by reading to the end.

    Raises:
        VideoError: if the file is not a video, or no frame of it can be read.
    """
    with opening.opened(path) as source:
        return len(source.survey(keep=False).seconds)


def frame_times(path: PathLike) -> Float64[np.ndarray, " frames"]:
    """The seconds at which the frames are shown, from the first of the file, as the file has them.

    Raises:
        VideoError: if the file is not a video, no frame of it can be read, or it states no times.
    """
    with opening.opened(path) as source:
        opening.check_timed(source, path)
        return source.survey(keep=False).seconds


def read_frames(
    path: PathLike,
    indices: Indices | None = None,
    *,
    start: Seconds = 0,
    end: Seconds | None = None,
) -> Frames:
    """Decodes the frames wanted of a video, or of a segment of it, as RGB.

    A segment has the frames that begin in it, by the times that the file gives them, so segments
    that meet share none.

    Args:
        path: a video file, or a folder of images.
        indices: frames of the segment, counted from 0, in any order, repeats allowed; None is all.
        start: where the segment starts, in seconds from the first frame.
        end: where the segment ends, in seconds, itself excluded; None is the end of the video.

    Raises:
        VideoError: if the file is not a video, no frame of it can be read, the segment is past
            its end, or an index is past the frames that can be read.
    """
    wanted = None if indices is None else {int(index) for index in indices}
    if wanted and min(wanted) < 0:
        raise ValueError(f"frames count from 0, so {min(wanted)} is not one")

    def choose(timeline, first, stop):
        if wanted and max(wanted) >= stop - first:
            missing = next(index for index in indices if index >= stop - first)
            raise _TooFewError(int(missing), stop - first)
        return np.arange(first, stop) if wanted is None else first + np.asarray(indices, np.int64)

    try:
        return _read(path, choose, start, end, numbered=True)
    except _TooFewError as error:
        missing, there = error.args
        raise VideoError(
            path,
            f"frame {missing} is wanted, but only frames 0 to {there - 1} can be read"
            f"{opening.between(start, end)}: choose among those",
        ) from None


def read_clip(
    path: PathLike,
    choose: Callable[[int], Indices],
    *,
    start: Seconds = 0,
    end: Seconds | None = None,
) -> Frames:
    """Decodes the frames that a rule chooses, whatever the header claims.

    The rule is asked with the number of frames. Its answer is taken to mean evenly spaced moments:
    where the frame rate varies, the frame shown at each is read (`times.evenly`). If packets turn
    out damaged, it is asked again with the number of frames that can be decoded. A random rule
    should draw afresh each time.

        read_clip("clip.avi", lambda num_frames: sample.uniform_indices(num_frames, 8))

    Args:
        path: a video file, or a folder of images.
        choose: from the number of frames in the segment, at least 1, to the indices wanted.
        start: where the segment starts, in seconds from the first frame.
        end: where the segment ends, in seconds, itself excluded; None is the end of the video.

    Raises:
        VideoError: as `read_frames`.
    """

    def chosen(timeline, first, stop):
        shown = first + timeline.evenly(first, stop, end)
        return shown[np.asarray(choose(stop - first), np.int64)]

    return _read(path, chosen, start, end)


def each_frame(
    path: PathLike,
    *,
    rate: float | int | None = None,
    start: Seconds = 0,
    end: Seconds | None = None,
) -> Iterator[Frame]:
    """The frames of a video, or of a segment of it, one by one: memory for one is enough.

    Args:
        path: a video file, or a folder of images.
        rate: frames per second wanted, above 0; None, or more than the video has, gives all.
        start: where the segment starts, in seconds from the first frame.
        end: where the segment ends, in seconds, itself excluded; None is the end of the video.

    Raises:
        VideoError: as `read_frames`, and if a rate is wanted of a video that states none.
    """
    return (frame for _, frame in TimedFrames(path, rate=rate, start=start, end=end))


class TimedFrames:
    """As `each_frame`, each with its time in seconds, from the first frame of the file.

    `end` says when the last of them is no longer shown, once the first one has come.
    """

    def __init__(
        self,
        path: PathLike,
        *,
        rate: float | int | None = None,
        start: Seconds = 0,
        end: Seconds | None = None,
    ):
        self._path, self._rate, self._part = path, rate, (start, end)
        self.end = math.nan

    def __iter__(self) -> Iterator[tuple[float, Frame]]:
        start, end = self._part
        given = -math.inf

        def choose(timeline):
            first, stop = opening.segment(self._path, timeline, start, end)
            self.end = timeline.until(first, stop, end)
            wanted = np.arange(first, stop)
            if self._rate is not None:
                wanted = first + times.at_rate(timeline.seconds[first:stop], self._rate)
            # Asked again, because of damage: what was given is given.
            return wanted[timeline.seconds[wanted] > given]

        part = (start, end) != (0, None)
        if part:
            opening.check_segment(self._path, start, end)
        timed = part or self._rate is not None
        for second, frame in chosen_frames(self._path, choose, end=end, timed=timed):
            given = second
            yield second, frame


def chosen_frames(
    path: PathLike,
    choose: Callable[[times.Timeline], Indices],
    *,
    end: Seconds | None = None,
    timed: bool = False,
) -> Iterator[tuple[float, Frame]]:
    """The frames that are chosen by their times, one by one, each with its time in seconds.

    Args:
        path: a video file, or a folder of images.
        choose: from the times to the numbers of the frames wanted, ascending, each once. If
            packets turn out damaged on the way, it is asked again with the times of what can be
            decoded, and its new answer is read from its beginning.
        end: the choice looks at nothing from here on, in seconds; None: it may.
        timed: refuse a video that states no times.

    Raises:
        VideoError: if the file is not a video, or no frame of it can be read.
    """
    with opening.opened(path) as source:
        if timed:
            opening.check_timed(source, path)
        timeline, size = source.timeline(end), None
        while True:
            wanted = np.asarray(choose(timeline), np.int64)
            try:
                for index, frame in source.frames(timeline, wanted):
                    size = opening.same_size(path, index, frame, size)
                    yield float(timeline.seconds[index]), frame
                return
            except reading.DiffersError:
                timeline = source.survey()


class _TooFewError(Exception):
    """A frame is wanted that is not there; and how many are."""


def _read(path, choose, start, end, *, numbered=False):
    """The frames that `choose` wants of a timeline, of a segment's first frame and that after."""
    with opening.opened(path) as source:
        if (start, end) != (0, None):
            opening.check_segment(path, start, end)
            opening.check_timed(source, path)
        try:
            return _gathered(source, path, source.timeline(end), choose, start, end, numbered)
        except reading.DiffersError:
            return _gathered(source, path, source.survey(), choose, start, end, numbered)


def _gathered(source, path, timeline, choose, start, end, numbered):
    first, stop = opening.segment(path, timeline, start, end)
    try:
        indices = choose(timeline, first, stop)
    except _TooFewError:
        # What is missing is told by what can be decoded, and not by what packets say.
        timeline = source.survey()
        indices = choose(timeline, *opening.segment(path, timeline, start, end))
    places = {}
    for place, index in enumerate(indices):
        places.setdefault(int(index), []).append(place)
    clip = size = None
    wanted = sorted(places) or [first]
    for index, frame in source.frames(timeline, wanted, numbered=numbered):
        size = opening.same_size(path, index, frame, size)
        if clip is None:
            clip = np.empty((len(indices), *frame.shape), np.uint8)
        for place in places.get(index, ()):
            clip[place] = frame
    return clip
