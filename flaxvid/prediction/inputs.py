"""Which videos, or which camera, are meant by the names on a command line."""

from collections.abc import Sequence
from pathlib import Path

from flaxvid import errors
from flaxvid.data import manifest
from flaxvid.video import frame_folder


def videos(paths: Sequence[Path]) -> list[Path]:
    """The files named, and those in the folders named, in the order of their names.

    A file named is taken whatever its ending, a file in a folder by its ending; a folder of
    images is a video.

    Raises:
        UserError: for a folder without videos.
    """
    return [video for path in paths for video in _under(Path(path))]


def camera(paths: Sequence[Path]) -> int | None:
    """The number of the camera, if a single `camera`, or a number that is no file, is named."""
    name = str(paths[0])
    if len(paths) > 1 or paths[0].exists() or not (name == "camera" or name.isdecimal()):
        return None
    return 0 if name == "camera" else int(name)


def _under(path):
    if not path.is_dir() or frame_folder.is_frame_folder(path):
        return [path]
    named = (p for p in path.rglob("*") if not p.name.startswith("."))
    found = sorted(p for p in named if p.suffix.lower() in manifest.VIDEO_SUFFIXES)
    if not found:
        raise errors.UserError(
            f"{path}: holds no videos ({', '.join(manifest.VIDEO_SUFFIXES)}): name a video, or a "
            "folder of them"
        )
    return found
