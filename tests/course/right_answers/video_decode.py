"""Right answers for the exercises of flaxvid.video.decode, in other ways."""

import cv2
import numpy as np

from flaxvid.video import decode


def _pictures(path):
    capture = cv2.VideoCapture(str(path))
    try:
        while True:
            found, picture = capture.read()
            if not found:
                return
            yield picture
    finally:
        capture.release()


# --- count_frames -----------------------------------------------------------------------
def count_frames_in_a_loop(path):
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.grab():
        count += 1
    capture.release()
    if count == 0:
        raise decode.VideoError(path, "no frame can be read")
    return count


def count_frames_by_decoding_them(path):
    count = sum(1 for _ in _pictures(path))
    if not count:
        raise decode.VideoError(path, "no frame can be read")
    return count


def count_frames_of_all_that_is_read(path):
    return len(decode.read_frames(path))


# --- read_frames ------------------------------------------------------------------------
def _chosen(path, frames, indices):
    if not frames:
        raise decode.VideoError(path, "no frame can be read")
    wanted = range(len(frames)) if indices is None else indices
    for index in wanted:
        if not 0 <= index < len(frames):
            last = len(frames) - 1
            raise decode.VideoError(
                path, f"frame {index} is wanted, but only frames 0 to {last} can be read"
            )
    chosen = [frames[index] for index in wanted]
    return np.stack(chosen) if chosen else np.empty((0, *frames[0].shape), np.uint8)


def read_frames_all_and_then_some(path, indices=None, *, start=0, end=None):
    frames = [cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) for picture in _pictures(path)]
    return _chosen(path, frames, indices)


def read_frames_turned_at_the_end(path, indices=None, *, start=0, end=None):
    return np.ascontiguousarray(_chosen(path, list(_pictures(path)), indices)[..., ::-1])


def read_frames_by_fancy_index(path, indices=None, *, start=0, end=None):
    frames = list(_pictures(path))
    _chosen(path, frames, indices)
    frames = np.stack(frames)[..., ::-1]
    return frames if indices is None else frames[np.asarray(indices, np.int64)]
