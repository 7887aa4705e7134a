"""Frames to files that people can open: videos, GIFs, and captions drawn under the picture.

A file is written under a temporary name beside its place and renamed when it is whole, so that
a half-written one never stands where the next run would read it.
"""

import io
import pathlib

import cv2
import matplotlib
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from flaxvid import atomic, files
from flaxvid.video import decode

Frames = UInt8[np.ndarray, "time height width 3"]

# What the OpenCV wheels can write and most players play. They have no H.264 encoder.
CODECS = {".mp4": "mp4v", ".avi": "MJPG"}

# Comes with matplotlib; knows Latin, Greek, Cyrillic, Arabic and more, which Pillow's own does not.
FONT = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


def write_video(
    path: decode.PathLike, frames: Frames, fps: float | int = 25, *, codec: str | None = None
) -> None:
    """Writes frames as a video file, over one of that name if there is.

    The codecs want even sizes: OpenCV drops the last row or column of an odd one.

    Args:
        path: the file; the ending `.mp4` or `.avi` says which container.
        frames: RGB frames, at least one.
        fps: frames per second, above 0.
        codec: four letters that OpenCV knows; None takes mp4v for `.mp4`, MJPG for `.avi`.

    Raises:
        ValueError: if there are no frames or `fps` is not above 0.
        VideoError: if there is no such folder, or OpenCV cannot write such a file.
    """
    _check_clip(frames, fps)
    suffix = pathlib.Path(path).suffix.lower()
    codec = codec or CODECS.get(suffix)
    if codec is None:
        raise decode.VideoError(path, f"the ending {suffix!r} is not a video's: use .mp4 or .avi")
    if len(codec) != 4:
        raise decode.VideoError(path, f"codec {codec!r} has not four letters: use mp4v or MJPG")
    height, width = frames.shape[1:3]
    fourcc = cv2.VideoWriter.fourcc(*codec)
    _check_folder(path)
    with atomic.whole(path) as partial:
        writer = cv2.VideoWriter(str(partial), cv2.CAP_FFMPEG, fourcc, float(fps), (width, height))
        try:
            opened = writer.isOpened()
            for frame in frames if opened else ():
                writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        finally:
            writer.release()
        # OpenCV reports no failure, so the proof is the file.
        if not (opened and _readable(partial, len(frames))):
            raise decode.VideoError(
                path,
                f"the installed OpenCV cannot write {width}x{height} pixels with codec {codec}: "
                "use mp4v in .mp4 or MJPG in .avi; H.264 (avc1) takes a second step, "
                "`ffmpeg -i in.avi -c:v libx264 out.mp4`",
            )


def write_gif(path: decode.PathLike, frames: Frames, fps: float | int = 10) -> None:
    """Writes frames as a GIF that repeats for ever; its 256 colours are chosen frame by frame.

    Args:
        path: the file, ending in `.gif`.
        frames: RGB frames, at least one.
        fps: frames per second, above 0; a GIF counts in hundredths of a second, 50 fps at most.

    Raises:
        ValueError: if there are no frames or `fps` is not above 0.
        VideoError: if there is no such folder, or the path does not end in `.gif`.
    """
    _check_clip(frames, fps)
    if pathlib.Path(path).suffix.lower() != ".gif":
        raise decode.VideoError(path, "a GIF is wanted here: give a name that ends in .gif")
    _check_folder(path)
    files.write_bytes(path, gif(frames, fps))


def gif(frames: Frames, fps: float | int = 10) -> bytes:
    """The contents of a GIF, as `write_gif` writes it.

    Raises:
        ValueError: if there are no frames or `fps` is not above 0.
    """
    _check_clip(frames, fps)
    first, *others = map(Image.fromarray, frames)
    # Rounded here, because Pillow rounds down; players slow what asks for 10 ms or less.
    duration, made = max(20, 10 * round(100 / fps)), io.BytesIO()
    first.save(made, format="GIF", save_all=True, append_images=others, duration=duration, loop=0)
    return made.getvalue()


def caption(frames: Frames, text: str) -> UInt8[np.ndarray, "time captioned_height width 3"]:
    """Adds a black strip with white text under every frame; the picture itself is not covered.

    The text is wrapped at words. If it takes more than two lines the letters shrink, down to 9
    pixels; then the strip grows.

    Args:
        frames: RGB frames.
        text: any letters; a newline starts a new line.
    """
    time, _, width, _ = frames.shape
    largest = min(max(width // 16, 12), 28)
    for size in range(largest, 8, -1):
        font = ImageFont.truetype(FONT, size)
        margin = size // 2
        lines = _wrapped(text, font, width - 2 * margin)
        if len(lines) <= 2:
            break
    line_height = sum(font.getmetrics())
    height = margin + len(lines) * line_height
    strip = Image.new("RGB", (width, height + height % 2))  # even, for the sake of video codecs
    draw = ImageDraw.Draw(strip)
    for number, line in enumerate(lines):
        draw.text((margin, margin // 2 + number * line_height), line, font=font, fill="white")
    strips = np.broadcast_to(np.asarray(strip), (time, *np.asarray(strip).shape))
    return np.concatenate([frames, strips], axis=1)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Text in lines of at most `width` pixels, broken at spaces, or anywhere in a long word."""
    lines = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            joined = f"{line} {word}".strip()
            if font.getlength(joined) <= width:
                line = joined
                continue
            if line:
                lines.append(line)
            line = ""
            for letter in word:
                if line and font.getlength(line + letter) > width:
                    lines.append(line)
                    line = ""
                line += letter
        lines.append(line)
    return lines


def _check_folder(path: decode.PathLike) -> None:
    folder = pathlib.Path(path).parent
    if not folder.is_dir():
        raise decode.VideoError(path, f"there is no folder {folder}: make it first")


def _readable(path: pathlib.Path, frames: int) -> bool:
    """Whether the first and the last frame are there: a full disk cuts off the end."""
    try:
        return len(decode.read_frames(path, [0, frames - 1])) == 2
    except decode.VideoError:
        return False


def _check_clip(frames: Frames, fps: float | int) -> None:
    if not len(frames):
        raise ValueError("there are 0 frames to write")
    if not fps > 0:
        raise ValueError(f"fps must be above 0, not {fps}")
