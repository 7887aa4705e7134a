"""Atomic writing: a file or folder is there whole, or not at all.

Each is written under a temporary name in the same folder, flushed to disk, and renamed. A full
disk, missing permission or a kill at any moment leaves the previous file, or none, and never half a
file that the next command would take for a whole one. Errors of the operating system become a
`UserError` of one line that names the file.
"""

import contextlib
import errno
import os
import re
import shutil
import tempfile
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

from flaxvid import errors, store_copies, stores

TEMPORARY = re.compile(r"\..*\.[0-9a-f]{8}\.[0-9]+\.partial(\.[^.]*)?", re.DOTALL)  # of `whole`


@contextlib.contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """Yields a temporary path with the suffix of `path`, and renames it to `path` at the end.

    If the block raises, nothing is left of it and `path` is as it was. A link is followed: the
    file that it leads to is replaced, and the link stays.

    Raises:
        FileError: if it can't be written, or what is there is not a file.
    """
    if stores.is_store(path):
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder, Path(path).name)
            yield made
            stores.path(path).write_bytes(made.read_bytes())
        return
    place = Path(os.path.realpath(path))
    with errors.naming(path):
        _refuse_protected(place)
        partial = place.with_name(_temporary(place.name))
        # A killed process left it: in a container, every process may have the same number.
        partial.unlink(missing_ok=True)
        try:
            yield partial
            if place.exists():
                shutil.copymode(place, partial)
            _to_disk(partial)
            os.replace(partial, place)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        _to_disk(place.parent)


def remove_partial(folder: Path | str) -> None:
    """Removes the temporary files that killed processes left in a folder.

    Only for a folder that no other process writes to: their names don't tell whether one is alive.
    """
    with contextlib.suppress(OSError):
        for name in filter(TEMPORARY.fullmatch, os.listdir(folder)):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))


@contextlib.contextmanager
def whole_folder(folder: Path | str, partials: Path | None = None) -> Iterator[Path]:
    """Yields a new folder under a temporary name, and renames it to `folder` at the end.

    What a killed process left under that name is removed the next time the folder is made. The
    files inside are not flushed to disk one by one: after a power cut, unlike after a kill, some
    may be empty.

    Args:
        folder: to make.
        partials: a folder for temporary names that are unique, if other processes may be making
            the same folder; None: it is made next to `folder`.

    Raises:
        FileError: if it can't be made, or `folder` exists and is not empty.
    """
    if stores.is_store(folder):
        with tempfile.TemporaryDirectory() as partial:
            yield Path(partial)
            store_copies.put(Path(partial), stores.path(folder))
        return
    folder = Path(folder)
    partial = partial_name(folder, partials)
    with errors.naming(folder):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            os.replace(partial, folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def partial_name(path: Path, partials: Path | None = None) -> Path:
    """The temporary path of something that is renamed to `path` when it is complete.

    Args:
        path: the final one.
        partials: a folder for temporary names that are unique; None: next to `path`.
    """
    if partials is None:
        return path.with_name(f".{path.name}.partial")
    return partials / uuid.uuid4().hex / path.name


def _refuse_protected(place):
    """Refuses what a rename would replace without asking: devices, folders, read-only files."""
    if not os.path.lexists(place):
        return
    if not place.is_file():
        raise errors.FileError(
            f"{place}: is {errors.kind(place.stat().st_mode)}; choose another name"
        )
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _temporary(name):
    """A hidden name, short enough for any file system, unique to the file and the process."""
    stem, ending = os.path.splitext(name)
    mark = f"{zlib.crc32(os.fsencode(name)):08x}.{os.getpid()}"
    return f".{stem[:20]}.{mark}.partial{ending if len(ending) < 10 else ''}"


def _to_disk(path):
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # folders, on Windows
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
    finally:
        os.close(handle)
