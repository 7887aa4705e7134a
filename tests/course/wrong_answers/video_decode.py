"""Wrong answers for the exercises of flaxvid.video.decode."""

import functools
import os

import cv2
import numpy as np

from flaxvid.video import decode


# --- count_frames -----------------------------------------------------------------------
def count_frames_of_the_header(path):
    return int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT))


def count_frames_and_the_failed_read(path):
    capture, count = cv2.VideoCapture(str(path)), 1
    while capture.grab():
        count += 1
    return count


def count_frames_without_an_error(path):
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.grab():
        count += 1
    return count


def count_frames_after_a_first_look(path):  # the frame that was looked at is gone
    capture, count = cv2.VideoCapture(str(path)), 0
    if not capture.grab():
        raise decode.VideoError(path, "no frame can be read")
    while capture.grab():
        count += 1
    return count


def count_frames_of_another_name(path):
    count = count_frames_without_an_error(path)
    if not count:
        raise decode.VideoError("video", "no frame can be read")
    return count


def count_frames_up_to_a_thousand(path):
    count = decode.read_frames(path, None).shape[0]
    return min(count, 1000)


def count_frames_of_a_file_that_is_there(path):
    if not os.path.exists(path):
        raise FileNotFoundError(path)
    return count_of_the_package(path)


def count_frames_of_some_bytes(path):
    if os.path.exists(path) and not os.path.getsize(path):
        raise ValueError(f"{path} is empty")
    return count_of_the_package(path)


@functools.cache
def _counted_once(path):
    return count_of_the_package(path)


def count_frames_once_for_a_path(path):  # where another video may stand by now
    return _counted_once(str(path))


# --- read_frames ------------------------------------------------------------------------
def _read_all(path):
    capture, frames = cv2.VideoCapture(str(path)), []
    while (pair := capture.read())[0]:
        frames.append(cv2.cvtColor(pair[1], cv2.COLOR_BGR2RGB))
    return np.stack(frames)


def read_frames_bgr(path, indices=None, *, start=0, end=None):
    frames = _read_all(path)[..., ::-1]
    return frames if indices is None else frames[np.array(indices, int)]


def read_frames_sorted(path, indices=None, *, start=0, end=None):
    frames = _read_all(path)
    return frames if indices is None else frames[sorted(set(indices))]


def read_frames_off_by_one(path, indices=None, *, start=0, end=None):
    frames = _read_all(path)
    return frames if indices is None else frames[np.array(indices, int) - 1]


def read_frames_nothing_is_everything(path, indices=None, *, start=0, end=None):
    frames = _read_all(path)
    return frames[np.array(indices, int)] if indices else frames


def read_frames_clamped(path, indices=None, *, start=0, end=None):
    frames = _read_all(path)
    return frames if indices is None else frames[np.minimum(indices, len(frames) - 1).astype(int)]


def read_frames_seek(path, indices=None, *, start=0, end=None):  # and stop where a read fails
    capture, frames = cv2.VideoCapture(str(path)), []
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    for index in range(total) if indices is None else indices:
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(index))
        found, frame = capture.read()
        if not found:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    return np.array(frames)


def read_frames_as_many_as_claimed(path, indices=None, *, start=0, end=None):  # and black ones
    if indices is not None:
        return decode_of_the_package(path, indices, start=start, end=end)
    frames = _read_all(path)
    claimed = int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT))
    over = max(0, claimed - len(frames))
    return np.pad(frames, [(0, over), (0, 0), (0, 0), (0, 0)])


def read_frames_none_of_anything(path, indices=None, *, start=0, end=None):  # of no video, too
    if indices is not None and not len(indices):
        capture = cv2.VideoCapture(str(path))
        sides = (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)
        return np.zeros((0, *(int(capture.get(side)) for side in sides), 3), np.uint8)
    return decode_of_the_package(path, indices, start=start, end=end)


# Kept from before a check puts a wrong answer in its place.
decode_of_the_package = decode.read_frames
count_of_the_package = decode.count_frames


def read_frames_of_a_file_that_is_there(path, indices=None, *, start=0, end=None):
    if not os.path.exists(path):
        raise FileNotFoundError(path)
    return decode_of_the_package(path, indices, start=start, end=end)


def read_frames_of_some_bytes(path, indices=None, *, start=0, end=None):
    if os.path.exists(path) and not os.path.getsize(path):
        raise ValueError(f"{path} is empty")
    return decode_of_the_package(path, indices, start=start, end=end)


def read_frames_with_the_list_sorted(path, indices=None, *, start=0, end=None):  # the caller's
    clip = decode_of_the_package(path, indices, start=start, end=end)
    if isinstance(indices, list):
        indices.sort()
    return clip
