"""A camera: what the last seconds show, again and again."""

import numpy as np
import pytest

from flaxvid.prediction import live
from flaxvid.video import camera, decode


def test_the_last_seconds_are_seen(trained):
    """Ten frames a second, two seconds seen each half: frames of those two and no others."""
    frames = ((i / 10, np.full((16, 24, 3), i, np.uint8)) for i in range(41))
    said = list(live.predictions(trained, frames, 2.0, 0.5))
    assert [one.end for one, _ in said] == pytest.approx([2.0, 2.5, 3.0, 3.5, 4.0])
    for one, clip in said:
        shown = clip.real()[:, 0, 0, 0]
        assert round(10 * one.start) <= shown.min() <= shown.max() <= round(10 * one.end)
        assert shown.max() - shown.min() > 10


class Camera:
    """Two BGR frames, then it is unplugged."""

    def __init__(self, number):
        self.frames = [np.full((2, 3, 3), (9, 8, 7), np.uint8)] * 2

    def isOpened(self):
        return True

    def read(self):
        return (True, self.frames.pop()) if self.frames else (False, None)

    def release(self):
        self.frames = None


def test_frames_of_a_camera(monkeypatch):
    """RGB, in the order of time, from 0 s; an unplugged camera is named."""
    monkeypatch.setattr(camera.cv2, "VideoCapture", Camera)
    source = camera.frames(1)
    (first, frame), (second, _) = next(source), next(source)
    assert first == 0 <= second
    assert frame[0, 0].tolist() == [7, 8, 9]
    with pytest.raises(decode.VideoError, match="camera 1: gives no more frames"):
        next(source)


def test_no_camera():
    """Number 99 is on no machine."""
    with pytest.raises(decode.VideoError, match="camera 99: there is none"):
        next(camera.frames(99))
