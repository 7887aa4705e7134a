"""A folder of images as a video: what ActionBERT, C3D's PyTorch port and `prepare frames` write.

The images stand in natural order, so `frame_2.jpg` comes before `frame_10.jpg`. How many there
are a second is no property of images: `frames.json` beside them says it, as `{"fps": 1.0}`.
"""

import json
import os
from pathlib import Path

import cv2
import numpy as np

from flaxvid.video import sample

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
FACTS = "frames.json"

PathLike = str | os.PathLike[str]


def images(folder: PathLike) -> list[str]:
    """The names of the images in a folder, in natural order; none is opened."""
    return sorted(filter(_is_image, os.listdir(folder)), key=sample.natural_key)


def is_frame_folder(folder: PathLike) -> bool:
    """Whether there is an image in it; looks no further than the first."""
    with os.scandir(folder) as entries:
        return any(_is_image(entry.name) for entry in entries)


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


class FolderCapture:
    """The part of `cv2.VideoCapture` that decoding needs, over a folder of images.

    As with a video that is cut short, reading ends at the first image that can't be decoded.
    """

    def __init__(self, folder: PathLike):
        self._paths = [os.path.join(folder, name) for name in images(folder)]
        self._next = 0
        self._fps = _fps(Path(folder, FACTS))
        self._first = _read(self._paths[0]) if self._paths else None

    def isOpened(self) -> bool:  # OpenCV writes it so
        """Whether there is a first image, and it can be decoded."""
        return self._first is not None

    def get(self, prop: int) -> float:
        """Size, rate and number of the images; 0 for anything else."""
        height, width = self._first.shape[:2]
        values = {
            cv2.CAP_PROP_FRAME_WIDTH: width,
            cv2.CAP_PROP_FRAME_HEIGHT: height,
            cv2.CAP_PROP_FPS: self._fps,
            cv2.CAP_PROP_FRAME_COUNT: len(self._paths),
        }
        return float(values.get(prop, 0))

    def grab(self) -> bool:
        """Moves to the next image, without reading it."""
        self._next += 1
        return self._next <= len(self._paths)

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        """Decodes the image moved to, BGR."""
        image = self._first if self._next == 1 else _read(self._paths[self._next - 1])
        return image is not None, image


def _fps(path):
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["fps"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _read(path):
    # Not cv2.imread, which prints a warning about every file that it can't decode.
    data = np.fromfile(path, np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
