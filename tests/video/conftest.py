"""Real video files, written by OpenCV itself, whose frames carry their index in their colour.

Files that OpenCV cannot write are drawn with PyAV (draw.py). Two lie beside this one, five or six
frames long:
`av1.mp4` (libsvtav1), and `rotated.mp4` (libx264 with B-frames, four coloured quarters that grow
brighter by 40 with each frame, and a track matrix that asks for a quarter turn clockwise).
"""

import struct

import cv2
import numpy as np
import pytest


def counting_frames(num_frames, height=48, width=64):
    """RGB frames of one colour each: red rises by 6 with every frame, blue falls by 3."""
    index = np.arange(num_frames)
    colours = np.stack([6 * index, np.full_like(index, 100), 200 - 3 * index], axis=-1)
    frames = np.empty((num_frames, height, width, 3), np.uint8)
    frames[:] = colours[:, None, None]
    return frames


def write_with_opencv(path, frames, codec="FFV1", fps=25.0):
    """FFV1 is lossless, so what is read can be compared exactly."""
    height, width = frames.shape[1:3]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


@pytest.fixture
def frames():
    """40 frames; the video of them lasts 1.6 seconds."""
    return counting_frames(40)


@pytest.fixture
def write(tmp_path):
    """Writes RGB frames under a name, without any code of flaxvid."""
    return lambda name, frames, **options: write_with_opencv(tmp_path / name, frames, **options)


@pytest.fixture
def video(write, frames):
    return write("counting.avi", frames)


@pytest.fixture
def claim(video):
    """Makes the header claim another number of frames than the 40 that the file holds."""

    def rewrite(num_frames):
        data = bytearray(video.read_bytes())
        # Two places in an AVI: dwTotalFrames of the main header, dwLength of the stream's.
        for chunk, offset in ((b"avih", 16), (b"strh", 32)):
            struct.pack_into("<I", data, data.index(chunk) + 8 + offset, num_frames)
        video.write_bytes(data)
        return video

    return rewrite


@pytest.fixture
def hollow(write, frames):
    """A file whose header is sound, and whose frames are gone."""
    path = write("hollow.mp4", frames, codec="mp4v")
    data = bytearray(path.read_bytes())
    place = data.index(b"mdat") + 4
    length = struct.unpack(">I", data[place - 8 : place - 4])[0] - 8
    data[place : place + length] = bytes(length)
    path.write_bytes(data)
    return path


@pytest.fixture
def cut_short(video):
    """The header and some whole frames, as after a broken download: the header still says 40."""
    data = video.read_bytes()
    middle = (data.index(b"movi") + len(data)) // 2
    video.write_bytes(data[: data.index(b"00dc", middle)])
    return video
