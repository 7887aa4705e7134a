"""A folder of images as a video: what ActionBERT, C3D's PyTorch port and `prepare frames` write.

The images stand in natural order, so `frame_2.jpg` comes before `frame_10.jpg`. When each is shown
is no property of images: `frames.json` beside them says it, as `{"fps": 1.0}`, or with the second
of every image as `{"fps": 1.0, "seconds": [0.0, 1.0, 4.0], "end": 5.0}` where they are uneven.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int64, UInt8

from flaxvid import errors, files
from flaxvid.video import endings, reading, sample, times

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
FACTS = "frames.json"

PathLike = str | os.PathLike[str]


def images(folder: PathLike) -> list[str]:
    """The names of the images in a folder, in natural order; none is opened."""
    return sorted(filter(_is_image, os.listdir(folder)), key=sample.natural_key)


def is_frame_folder(folder: PathLike) -> bool:
    """Whether a folder holds images, and no videos or folders of videos or images.

    Where videos are, an image is a cover or a thumbnail of them.
    """
    found, folders = False, []
    with os.scandir(folder) as entries:
        for entry in entries:
            if os.path.isdir(entry.path):
                folders.append(entry)
            elif _is_video(entry.name):
                return False
            found = found or _is_image(entry.name)
    return found and not any(_holds_more(inner) for inner in folders)


def _holds_more(folder):
    if folder.name.startswith("."):
        return False
    names = (name for _, _, files in os.walk(folder) for name in files)
    return any(_is_image(name) or _is_video(name) for name in names)


def _is_video(name):
    return name.lower().endswith(endings.VIDEO_SUFFIXES) and not name.startswith(".")


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def facts(seconds: times.Times, end: float, rate: float) -> dict:
    """What `frames.json` says of frames: their rate, and, where it does not tell, their seconds.

    Args:
        seconds: of the frames.
        end: when the last one is no longer shown.
        rate: frames a second; 0: not known, so that their seconds mean nothing.
    """
    even = np.arange(len(seconds)) / (rate or 1.0)
    if not rate or np.abs(seconds - even).max() < 0.5 / rate:
        return {"fps": rate}
    return {"fps": rate, "seconds": np.round(seconds, 6).tolist(), "end": round(end, 6)}


class FrameFolder:
    """A folder of images to be read, as `reading.Video` is of a file.

    As with a video that is cut short, reading ends at the first image that can't be decoded.
    """

    def __init__(self, folder: PathLike):
        self._folder = folder
        self._paths = [os.path.join(folder, name) for name in images(folder)]
        self.fps, self._seconds, self._end = _facts(Path(folder, FACTS), len(self._paths))
        self._first = _read(self._paths[0]) if self._paths else None
        if self._first is None:
            raise errors.VideoError(
                folder, "this folder holds no images: name a video, or a frame folder"
            )

    bad_packets = 0

    @property
    def sizes(self) -> set[tuple[int, int]]:
        """Heights and widths of the images up to the first that can't be decoded."""
        found = (self._image(number) for number in range(self.count))
        return {image.shape[:2] for image in itertools.takewhile(lambda i: i is not None, found)}

    @property
    def count(self) -> int:
        """How many images there are, decodable or not."""
        return len(self._paths)

    @property
    def timed(self) -> bool:
        """Whether `frames.json` says when images are shown."""
        return self.fps > 0

    def remedy(self) -> str:
        """What to do where times are missing."""
        return f'write {{"fps": 25}}, or what it is, into {Path(self._folder, FACTS)}'

    def size(self) -> tuple[int, int]:
        """Height and width of the first image."""
        return self._first.shape[:2]

    def timeline(self, end: times.Seconds | None = None) -> times.Timeline:
        """When the images are shown; without a stated rate, one a second."""
        del end
        return self._timeline(self.count)

    def survey(self, *, keep: bool = False) -> times.Timeline:
        """The same of those images that can be decoded; none is kept."""
        del keep
        numbers = range(self.count)
        return self._timeline(next((n for n in numbers if self._image(n) is None), self.count))

    def _timeline(self, count):
        end = self._end if count == self.count else float(self._seconds[count])
        return times.Timeline(np.arange(count), self._seconds[:count], end)

    def frames(
        self,
        timeline: times.Timeline,
        wanted: Int64[np.ndarray, " wanted"] | Sequence[int],
        *,
        numbered: bool = False,
    ) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
        """The images wanted, by their numbers, in ascending order.

        Raises:
            DiffersError: at one that can't be decoded.
        """
        del timeline, numbered
        for number in map(int, wanted):
            bgr = self._image(number)
            if bgr is None:
                raise reading.DiffersError
            yield number, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)

    def _image(self, number):
        return _read(self._paths[number]) if number else self._first


def _facts(path, count):
    """Images a second, the second of each, and when the last one is no longer shown."""
    if not path.exists():
        return 0.0, np.arange(float(count)), float(count)
    try:
        with errors.damage_in(path, "make the frames again, or remove it: then they are 1 s apart"):
            return _from_json(files.read_json(path), count)
    except errors.UserError as error:
        raise errors.VideoError(path.parent, str(error)) from None


def _from_json(said, count):
    fps = float(said["fps"])
    even = np.arange(count) / (fps or 1.0)
    seconds = np.asarray(said.get("seconds", even), np.float64)
    if len(seconds) != count:  # images were added, or taken away
        seconds = even
    end = float(said.get("end", count / (fps or 1.0)))
    if fps < 0 or not np.isfinite([fps, *seconds, end]).all():
        raise ValueError(f"{fps} frames a second, and the end at {end} s")
    return fps, seconds, end


def _is_animated(head):
    """Whether an image begins as animated WebP or PNG do: a flag, or a chunk after the first."""
    webp = head[8:16] == b"WEBPVP8X" and len(head) > 20 and bool(head[20] & 2)
    return webp or head[37:41] == b"acTL"


def _read(path):
    # Not cv2.imread, which prints a warning about every file that it can't decode.
    data = np.fromfile(path, np.uint8)
    if _is_animated(data[:64].tobytes()):
        raise errors.VideoError(
            path, "this image is a film of its own, of which one frame would be taken: move it away"
        )
    return cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
