"""A video in a form that browsers play: itself, or a copy of what is read of it."""

import fractions
import pathlib

import av
import cv2
import numpy as np

from flaxvid import atomic
from flaxvid.video import decode, header

PLAYED = {"h264", "vp8", "vp9", "av1"}  # codecs, in
CONTAINERS = {"mov", "matroska"}  # which are MP4 and WebM too
ENCODERS = {"libx264": ".mp4", "libvpx": ".webm"}
SIDE = 640  # pixels of the longer side of a copy, at most
TICKS = 1000  # a second


def playable(path: decode.PathLike, folder: pathlib.Path) -> pathlib.Path | None:
    """The path of a video that browsers play.

    Args:
        path: of a video file, or of a folder of images.
        folder: where a copy is written if the video's codec, container or kind of pixels is none
            that they play: smaller, upright, without sound, each frame at its own time.

    Returns:
        None: no such copy can be made, as FFmpeg has no encoder for one.

    Raises:
        VideoError: if the video can't be read.
    """
    info = header.probe(path)
    if info.codec in PLAYED and info.container in CONTAINERS and not info.notes:
        return pathlib.Path(path)
    encoder = next((name for name in ENCODERS if name in av.codecs_available), None)
    if encoder is None:
        return None
    copy = pathlib.Path(folder) / f"{pathlib.Path(path).stem}{ENCODERS[encoder]}"
    with atomic.whole(copy) as partial:
        _encode(path, partial, encoder, _size(info.width, info.height))
    return copy


def _size(width, height):
    """Of the copy: no side longer than `SIDE`, both even."""
    share = min(1.0, SIDE / max(width, height))
    return tuple(max(2, 2 * round(share * side / 2)) for side in (width, height))


def _encode(path, place, encoder, size):
    kind = ENCODERS[encoder].removeprefix(".")
    with av.open(str(place), "w", format=kind) as made:
        stream = made.add_stream(encoder, rate=TICKS, width=size[0], height=size[1])
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", fractions.Fraction(1, TICKS)
        for seconds, pixels in decode.chosen_frames(path, _all):
            small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            frame = av.VideoFrame.from_ndarray(small, format="rgb24")
            frame.pts = round(TICKS * seconds)
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))


def _all(timeline):
    return np.arange(len(timeline.seconds))
