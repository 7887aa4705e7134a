"""Files and folders that are there whole, or not at all.

Each is written under a temporary name beside its place, brought to the disk, and renamed. A full
disk, a folder without permission or a kill at any moment leaves the file of before, or none, and
never half a file for the next command to take for a whole one. What the system refuses becomes a
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
    """A temporary name with the ending of `path`, for what writes by name; then it is `path`.

    If the block raises, nothing is left of it and `path` is as it was. A link is followed: the
    file that it leads to is replaced, and the link stays.

    Raises:
        FileError: if it can't be written, or something stands there that is no file.
    """
    if stores.is_store(path):
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder, Path(path).name)
            yield made
            stores.path(path).write_bytes(made.read_bytes())
        return
    place = Path(os.path.realpath(path))
    with errors.or_say_why(path):
        _refuse_protected(place)
        partial = place.with_name(_temporary(place.name))
        # A kill left it under this number: in a container, every process may have the same.
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
    """Removes what kills have left, in a folder, of files that `whole` was writing there.

    For who alone writes in it, as the name of such a file tells no living process from a dead one.
    """
    with contextlib.suppress(OSError):
        for name in filter(TEMPORARY.fullmatch, os.listdir(folder)):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))


@contextlib.contextmanager
def whole_folder(folder: Path | str, partials: Path | None = None) -> Iterator[Path]:
    """A new folder under a temporary name; when the block ends it is `folder`.

    What a kill left under that name is removed by the next that makes the folder. The files inside
    are not forced to the disk one by one: after a power cut, unlike after a kill, some may be
    empty.

    Args:
        folder: to make.
        partials: a folder in which it has a name that nobody else has, where others may be making
            the same one; None: it is made beside `folder`.

    Raises:
        FileError: if it can't be made, or `folder` is there and not empty.
    """
    if stores.is_store(folder):
        with tempfile.TemporaryDirectory() as partial:
            yield Path(partial)
            store_copies.put(Path(partial), stores.path(folder))
        return
    folder = Path(folder)
    partial = partial_name(folder, partials)
    with errors.or_say_why(folder):
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
    """Where something is made that gets its name `path` when it is whole.

    Args:
        path: the name.
        partials: a folder in which it has a name that nobody else has; None: beside `path`.
    """
    if partials is None:
        return path.with_name(f".{path.name}.partial")
    return partials / uuid.uuid4().hex / path.name


def _refuse_protected(place):
    """What a rename would replace without asking: devices, folders, files that may not change."""
    if not os.path.lexists(place):
        return
    if not place.is_file():
        raise errors.FileError(
            f"{place}: is {errors.kind(place.stat().st_mode)}; choose another name"
        )
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _temporary(name):
    """Hidden, short enough whatever the name, one for each file and process."""
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
