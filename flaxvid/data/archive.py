"""Archives from elsewhere, unpacked without trust.

A member may name a place outside the folder, be a link to one, or grow from kilobytes to
terabytes. All three are refused, and nothing is written over.

The standard library reads the archives, and does not unpack them: tarfile's `data` filter refuses
the first, and the second in part, but neither a member that grows nor one that replaces another;
zipfile renames what leads outside without a word.
"""

import contextlib
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from flaxvid import errors, folders

# Videos are compressed already: an archive that grows much more than this holds something else.
GROWTH = 100
ALWAYS_FINE = 1 << 30  # bytes


_DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, RuntimeError, ValueError, LookupError, ArithmeticError),
)


class ArchiveError(errors.UserError):
    """An archive that can't be unpacked, or must not be."""


def extract(archive: Path, folder: Path, *, largest: int | None = None) -> list[Path]:
    """Unpacks a .zip or a .tar, plain or compressed, into a folder that is new or empty.

    Args:
        archive: the file.
        folder: where to; it appears when all is unpacked.
        largest: bytes that may come out; None allows 100 times the archive, or 1 GiB.

    Returns:
        The files, as paths from `folder`.

    Raises:
        ArchiveError: for a member that leaves the folder, a link or a device, two members of one
            name, more bytes than allowed, a damaged archive, or a folder that has something in it.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArchiveError(f"{folder}: is there and not empty; choose another folder")
    left = largest or max(ALWAYS_FINE, GROWTH * _size(archive))
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    folders.make_folder(partial)
    found = []
    try:
        for name, content in _members(archive):
            place = _place(archive, name)
            target = partial / place
            with _writing(archive, target):
                target.parent.mkdir(parents=True, exist_ok=True)
                file = target.open("xb", buffering=0)  # x: never over another member
            with file:
                left -= _copy(content, file, left, archive)
            found.append(place)
        with _writing(archive, folder):
            if folder.exists():
                folder.rmdir()
            partial.rename(folder)
    except errors.UserError:
        raise
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ArchiveError(f"{archive}: is damaged or locked ({reason}); get it again") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return found


def _size(archive):
    try:
        return os.path.getsize(archive)
    except OSError as error:
        raise ArchiveError(f"{archive}: {error.strerror}; check the path") from None


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The name and content of every file, in order; what is neither file nor folder is refused."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                kind = stat.S_IFMT(member.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise ArchiveError(f"{archive}: {member.filename} is a link or device; refused")
                if not member.is_dir():
                    with opened.open(member) as content:
                        yield member.filename, content
        return
    if not tarfile.is_tarfile(archive):
        raise ArchiveError(
            f"{archive}: is not a .zip or .tar (a .rar needs `unrar x`); use its own tool"
        )
    with tarfile.open(archive) as opened:
        for member in opened:
            if not (member.isreg() or member.isdir()):
                raise ArchiveError(f"{archive}: {member.name} is a link or device; refused")
            if member.isreg():
                yield member.name, opened.extractfile(member)


def _place(archive, name):
    place = PurePosixPath(name.replace("\\", "/"))
    if not place.parts:
        raise ArchiveError(f"{archive}: {name!r} is not a valid file name; refused")
    if place.is_absolute() or ".." in place.parts or ":" in place.parts[0] or "\0" in name:
        raise ArchiveError(f"{archive}: {name!r} would be written outside the folder; refused")
    return Path(place)


def _copy(content, file, left, archive):
    """Copies, counting what really comes out: sizes in headers can lie."""
    copied = 0
    while block := content.read(1 << 20):
        copied += len(block)
        if copied > left:
            raise ArchiveError(
                f"{archive}: holds far more than an archive of videos of its size would; refused"
            )
        with _writing(archive, file.name):
            while block:
                block = block[file.write(block) :]
    return copied


@contextlib.contextmanager
def _writing(archive, path):
    """Inside, what fails is the disk's fault, and not that of the archive."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise ArchiveError(f"{archive}: two members have one name; unpack it by hand") from None
    except OSError as error:
        raise ArchiveError(
            f"{path}: can't be written ({error.strerror}); make room, or choose another folder"
        ) from None
