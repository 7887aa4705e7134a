"""Output folders: made, or refused if they hold something that flaxvid did not make."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from flaxvid import atomic, errors, stores


def make_folder(folder: Path | str) -> None:
    """Makes a folder and its parents, if they don't exist.

    Raises:
        FileError: if it can't be made.
    """
    if stores.is_store(folder):  # which has none
        return
    with errors.naming(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)


def refuse_occupied(folder: Path | str, made: str) -> None:
    """Refuses a folder that holds something which was not made for this purpose.

    Args:
        folder: to be written to; it need not exist.
        made: how its content should have been made, for the message.

    Raises:
        FileError: naming one of the things in it.
    """
    with errors.naming(folder, "read"):
        if stores.is_store(folder):
            found = sorted(entry.name for entry in stores.path(folder).iterdir())
        else:
            found = sorted(os.listdir(folder)) if os.path.lexists(folder) else []
    # Temporary files of a killed process don't count.
    found = [name for name in found if not atomic.TEMPORARY.fullmatch(name)]
    if found:
        raise errors.FileError(
            f"{folder}: holds {found[0]!r}, and was not {made}; choose a new folder, so that "
            "nothing is overwritten"
        )


def refuse_strangers(folder: Path | str, ours: str, names: Sequence[str]) -> None:
    """Refuses to overwrite files of these names in a folder that has no file `ours`.

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
    """Why a path can't be written, as far as can be told without trying; empty if it can."""
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
    """Refuses a folder that can't be written, before the work whose results go there.

    Raises:
        FileError: naming the option that chooses another.
    """
    if why := why_unwritable(folder):
        raise errors.FileError(f"{folder}: {why} with {option}")
