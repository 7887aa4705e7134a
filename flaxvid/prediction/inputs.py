"""Which videos, or which camera, are meant by the names on a command line."""

from collections.abc import Sequence
from pathlib import Path

from flaxvid import errors, stores
from flaxvid.data import scan
from flaxvid.video import endings, frame_folder


def videos(paths: Sequence[Path]) -> list[Path]:
    """The files named, and those in the folders named, in the order of their names.

    A file named is taken whatever its ending, a file in a folder by its ending. A folder of images
    is a video; one below a folder named counts where there are no video files, as images beside
    videos are covers and thumbnails. What is left out is said.

    Raises:
        UserError: for a folder without videos, or a picture.
    """
    return [video for path in paths for video in _under(stores.path(path))]


def camera(paths: Sequence[Path]) -> int | None:
    """The number of the camera, if a single `camera`, or a number that is no file, is named."""
    name = str(paths[0])
    if len(paths) > 1 or paths[0].exists() or not (name == "camera" or name.isdecimal()):
        return None
    return 0 if name == "camera" else int(name)


def _under(path):
    if path.suffix.lower() in frame_folder.IMAGE_SUFFIXES and path.is_file():
        raise errors.UserError(
            f"{path}: is a single picture, in which nothing moves: name a video, or a folder with "
            "a picture for each frame"
        )
    if not path.is_dir() or (not stores.is_store(path) and frame_folder.is_frame_folder(path)):
        return [path]
    found = scan.scan(path)
    if not found.videos:
        raise errors.UserError(
            f"{path}: holds no videos ({', '.join(endings.VIDEO_SUFFIXES)}): name a video, or a "
            "folder of them"
        )
    files = found.files()
    folders = [video for video in found.videos if video not in set(files)]
    scan.say(path, found.left_out + tuple(folders if files else ()))
    return list(files or folders)
