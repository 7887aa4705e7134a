"""Folders to write into: made, and refused where what is in them is not ours."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from flaxvid import atomic, errors, stores


def make_folder(folder: Path | str) -> None:
    """Makes a folder and those above it, if they are not there.

    Raises:
        FileError: if it can't be made.
    """
    if stores.is_store(folder):  # which has none
        return
    with errors.or_say_why(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)


def refuse_occupied(folder: Path | str, made: str) -> None:
    """Refuses a folder with something in it that we have not made there.

    Args:
        folder: where something is to be written; it may be missing.
        made: what we make, for the message.

    Raises:
        FileError: naming one of the things in it.
    """
    with errors.or_say_why(folder, "read"):
        if stores.is_store(folder):
            found = sorted(entry.name for entry in stores.path(folder).iterdir())
        else:
            found = sorted(os.listdir(folder)) if os.path.lexists(folder) else []
    # What a kill left of a first file is nobody's.
    found = [name for name in found if not atomic.TEMPORARY.fullmatch(name)]
    if found:
        raise errors.FileError(
            f"{folder}: holds {found[0]!r}, and was not {made}; choose a new folder, so that "
            "nothing is written over"
        )


def refuse_strangers(folder: Path | str, ours: str, names: Sequence[str]) -> None:
    """Refuses to write over files of these names that stand in a folder without our `ours`.

    Raises:
        FileError: naming the first of them.
    """
    folder = stores.path(folder)
    if (folder / ours).exists():
        return
    there = os.path.lexists if not stores.is_store(folder) else stores.StorePath.exists
    for name in names:
        if there(folder / name):
            raise errors.FileError(
                f"{folder / name}: is there already, and flaxvid did not make it; move it "
                "away, or choose another --out"
            )


def why_unwritable(path: Path | str) -> str:
    """Why nothing can be made under a name, as far as can be told without doing it; or nothing."""
    if stores.is_store(path):
        return stores.refusal(path, write=True)
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            return f"can't be written ({error.strerror}); choose another place"
    folder = Path(path).absolute()
    while not os.path.isdir(folder):
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"can't be written (no permission in {folder}); choose another place"
    return ""


def refuse_unwritable(folder: Path | str, option: str) -> None:
    """Refuses a folder in which nothing can be made, before the work that is to be kept there.

    Raises:
        FileError: naming the option that gives another.
    """
    if why := why_unwritable(folder):
        raise errors.FileError(f"{folder}: {why} with {option}")
