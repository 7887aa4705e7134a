"""What is in a folder of videos: the videos, however deep, and what is left out, which is said."""

import collections
import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from flaxvid import errors, stores
from flaxvid.video import endings, frame_folder, sample

# What stands beside videos and is none: flaxvid's own files, and those of the systems.
COMPANIONS = {"manifest.csv", "manifest.json", "packed.json", "thumbs.db", "desktop.ini"}


@dataclasses.dataclass(frozen=True)
class Found:
    """Paths in natural order."""

    videos: tuple[Path, ...]
    """Files, by their endings, and frame folders."""
    left_out: tuple[Path, ...]
    """Files that are no videos by their endings."""

    def files(self) -> tuple[Path, ...]:
        """The videos that are files."""
        return tuple(path for path in self.videos if is_video_name(path.name))


def is_utf8(name: str) -> bool:
    """Whether a name can be written into a file of text: those of old archives can't always."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_video_name(name: str) -> bool:
    """Whether a file is a video by its ending."""
    return name.lower().endswith(endings.VIDEO_SUFFIXES) and not name.startswith(".")


def scan(folder: Path) -> Found:
    """The videos in a folder and those below it; hidden files and folders are passed over.

    Links are followed, but for those that lead back to a folder they stand in.

    Raises:
        UserError: for a name that is not in UTF-8, which no manifest can hold.
    """
    videos, left_out = [], []
    found = _objects(folder) if stores.is_store(folder) else _walk(Path(folder))
    for path, is_video in found:
        (videos if is_video else left_out).append(path)
    return Found(tuple(videos), tuple(left_out))


def _objects(folder) -> Iterator[tuple[Path, bool]]:
    """As `_walk`, of an object store: where images beside each other are no video."""
    folder = stores.path(folder)
    for name in sorted(folder.objects(), key=sample.natural_key):
        hidden = any(part.startswith(".") for part in name.split("/"))
        if not hidden and Path(name).name.lower() not in COMPANIONS:
            yield folder / name, is_video_name(Path(name).name)


def _walk(folder, above=()) -> Iterator[tuple[Path, bool]]:
    above = {*above, os.path.realpath(folder)}
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: sample.natural_key(entry.name))
    for entry in found:
        path = Path(entry.path)
        if entry.name.startswith("."):
            continue
        if not is_utf8(entry.name):
            raise errors.UserError(
                f"{errors.printable(path)}: its name is not in UTF-8, as in old archives: rename it"
            )
        if not os.path.isdir(path):  # entry.is_dir() raises for a link to itself
            if entry.name.lower() not in COMPANIONS:
                yield path, is_video_name(entry.name)
        elif entry.is_symlink() and os.path.realpath(path) in above:
            continue
        elif frame_folder.is_frame_folder(path):
            yield path, True
        else:
            yield from _walk(path, above)


def said(folder: Path, left_out: tuple[Path, ...]) -> str:
    """How many files are left out, of which endings, and where the first of them is."""
    counts = collections.Counter(path.suffix.lower() or "no ending" for path in left_out)
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(6))
    if len(counts) > 6:
        kinds += ", ..."
    one = f"the first is {left_out[0].relative_to(folder)}"
    files = f"{len(left_out)} files that are no videos by their names"
    if len(left_out) == 1:
        files = "1 file that is no video by its name"
    return f"{folder}: left out {files} ({kinds}); {one}"


def say(folder: Path, left_out: tuple[Path, ...]) -> None:
    """Prints what is left out, if anything is."""
    if left_out:
        print(said(folder, left_out), file=sys.stderr, flush=True)
