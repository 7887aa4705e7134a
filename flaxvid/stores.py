"""Object stores, as `s3://bucket/key` and `gs://bucket/key`: the one place that reaches them.

A store has no folders, no append, no rename and no lock, and much of what reads files (ArrayRecord,
memory maps, Orbax in any store but Google's) takes none. So what is small is read and written whole
(manifests, journals, pictures, a video at a time), and the rest is a copy on this machine
(`store_copies`), brought up to date before it is read and after it is written.

fsspec reaches the stores, with s3fs and gcsfs behind it. Not `etils.epath`: its paths are no
`pathlib.Path`, and where TensorFlow is installed it asks that for s3://, which can't.
"""

import contextlib
import functools
import io
import logging
import os
import pathlib
import posixpath
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flaxvid import errors

# Seconds and tries after which a store counts as out of reach: a minute for one that hangs.
CONNECT, READ, TRIES = 5, 20, 3
IN_MEMORY = 2**26  # bytes of an object; a larger one is read from a temporary file
NEEDS = {
    "s3": "needs s3fs; pip install 'flaxvid[stores]'",
    "gs": "needs gcsfs; pip install 'flaxvid[gcs]'",
}


class StoreError(errors.UserError):
    """A store that can't be reached, or does not allow it. No video and no file is to blame."""


def is_elsewhere(path: Path | str) -> bool:
    """Whether a path names an object store or a server, as gs://bucket/x does: no local folder."""
    # A `Path` has one slash of the two; a letter alone is a drive of Windows.
    return re.match("[a-zA-Z][a-zA-Z0-9+.-]+:/", str(path)) is not None


def is_store(path: Path | str) -> bool:
    """Whether a path is in a store that can be reached from here."""
    return is_elsewhere(path) and _scheme(path) in NEEDS


def path(name: Path | str) -> Path:
    """A path from outside, which may be in a store: the one way from a text to either."""
    return StorePath(name) if is_store(name) else Path(name)


def shown(path: Path | str) -> str:
    """A path as it was given: a `Path` has one slash of the two of s3://."""
    text = str(path)  # of millions of rows, nearly none is in a store
    return re.sub("^([a-zA-Z0-9+.-]{2,}):/+", r"\1://", text) if ":/" in text else text


def joined(root: Path, name: str) -> Path:
    """The path of a name that starts from `root`, or stands for itself."""
    if is_elsewhere(name):
        return path(name)
    if not is_store(root):
        return root / name
    if name.startswith("/"):
        return Path(name)
    # No store knows `..`.
    return StorePath(posixpath.normpath(f"/{str(root).replace('://', ':/', 1)}/{name}")[1:])


def absolute(place: Path | str) -> Path:
    """As `os.path.abspath`; in a store every path is."""
    return path(place) if is_store(place) else Path(os.path.abspath(place))


class StorePath(pathlib.PosixPath):
    """A name in a store, that is used as a path is: to be read, listed and named from.

    Whatever would hand it to the operating system is refused in one line, so that nothing takes it
    for a local file that is not there. It is written by `files`.
    """

    def __str__(self) -> str:
        return shown(super().__str__())

    def __fspath__(self) -> str:
        raise errors.NotLocalError(
            f"{self}: can't be used where it lies, in an object store; copy it here"
        )

    def glob(self, *_pattern, **_options):
        """Refused: some releases of Python would find nothing, without a word."""
        self.__fspath__()

    rglob = walk = glob

    def __bytes__(self) -> bytes:
        return str(self).encode()

    def absolute(self) -> "StorePath":
        """Itself."""
        return self

    def resolve(self, strict: bool = False) -> "StorePath":
        """Itself: a store has no links."""
        return self

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Kind, bytes and no more; a name that others begin with is a folder.

        Raises:
            FileNotFoundError: if there is no such object.
        """
        with reached(self) as store:
            found = store.info(str(self))
        kind = stat.S_IFDIR if found["type"] == "directory" else stat.S_IFREG
        return os.stat_result((kind | 0o644, 0, 0, 1, 0, 0, found.get("size") or 0, 0, 0, 0))

    def _mode(self):
        try:
            return self.stat().st_mode
        except FileNotFoundError:
            return 0

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Whether there is such an object, or one below it."""
        return self._mode() != 0

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is an object."""
        return stat.S_ISREG(self._mode())

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether objects begin with this name and a slash."""
        return stat.S_ISDIR(self._mode())

    def iterdir(self) -> Iterator["StorePath"]:
        """What is in it, by name."""
        with reached(self) as store:
            found = store.ls(str(self), detail=False) if store.exists(str(self)) else []
        names = sorted(name.rstrip("/").rpartition("/")[2] for name in found)
        return iter([self / name for name in names if name and self / name != self])

    def objects(self) -> dict[str, tuple[int, str]]:
        """Bytes and tag of every object below it, by its name from here; its own name is "".

        The tag differs if the content does.
        """
        with reached(self) as store:
            found = store.find(str(self), detail=True)
        start = len(str(self).partition("://")[2]) + 1
        return {
            name[start:]: (about["size"], str(about.get("ETag") or about.get("etag")))
            for name, about in found.items()
            if not name.endswith("/")
        }

    def open(self, mode="r", buffering=-1, encoding=None, errors=None, newline=None) -> io.IOBase:
        """The whole object, to be read: in memory, or a temporary file if it is large.

        Raises:
            FileNotFoundError: if there is no such object.
        """
        if mode not in ("r", "rt", "rb"):
            raise StoreError(f"{self}: is written whole or not at all, by `flaxvid.files`")
        file = self._fetched()
        return file if mode == "rb" else io.TextIOWrapper(file, encoding, errors, newline)

    def _fetched(self):
        if self.stat().st_size <= IN_MEMORY:
            with reached(self) as store:
                return io.BytesIO(store.cat_file(str(self)))
        with tempfile.NamedTemporaryFile(delete=False) as taken:
            try:
                with reached(self) as store:
                    store.get_file(str(self), taken.name)
                return open(taken.name, "rb")
            finally:
                os.unlink(taken.name)

    def read_bytes(self) -> bytes:
        """The object."""
        with self.open("rb") as file:
            return file.read()

    def read_text(self, encoding=None, errors=None, newline=None) -> str:
        """The object as a text."""
        with self.open("r", encoding=encoding, errors=errors, newline=newline) as file:
            return file.read()

    def write_bytes(self, data: bytes) -> None:
        """Puts the object: others see all of it, or the one before."""
        with reached(self) as store:
            store.pipe_file(str(self), data)

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the object."""
        with reached(self) as store, contextlib.suppress(*[FileNotFoundError] * missing_ok):
            store.rm_file(str(self))


# ------------------------------------------------------------------ reaching
@contextlib.contextmanager
def reached(path: StorePath) -> Iterator[Any]:
    """The store of a path; what it refuses, or that it is out of reach, is said in one line.

    Raises:
        FileNotFoundError: if there is no such object.
        StoreError: for everything else.
    """
    try:
        yield _store(_scheme(path))
    except errors.UserError:
        raise
    except FileNotFoundError:
        raise FileNotFoundError(2, "No such file or directory") from None
    except ImportError:
        raise StoreError(f"{path}: {NEEDS[_scheme(path)]}") from None
    except Exception as error:  # of botocore, aiohttp, gcsfs or the system, as it happens
        raise StoreError(f"{path}: {_why(error)}") from None


def _scheme(path):
    return str(path).partition(":")[0]


def _why(error):
    said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    said = said if len(said) <= 200 else f"{said[:200]}..."
    names = {kind.__name__ for kind in type(error).__mro__}
    if "credential" in said.lower():
        return (
            f"no credentials ({said}); log in, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or GOOGLE_APPLICATION_CREDENTIALS"
        )
    if "PermissionError" in names or any(word in said for word in ("Forbidden", "Denied")):
        return f"the store refuses it ({said}); check the key, and what it may do with this bucket"
    return (
        f"the store can't be reached ({said}); check the network, and AWS_ENDPOINT_URL, and try "
        "again: what is whole is kept"
    )


@functools.cache
def _store(scheme):
    """fsspec's file system, with an end to waiting, and no listing kept from before."""
    import fsspec

    if scheme == "s3":
        waits = {"connect_timeout": CONNECT, "read_timeout": READ, "retries": {"max_attempts": 0}}
        store = fsspec.filesystem("s3", use_listings_cache=False, config_kwargs=waits)
        store.retries = TRIES
        return store
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # it logs a traceback for each try
    return fsspec.filesystem(scheme, use_listings_cache=False, requests_timeout=READ)


def refusal(path: Path | str, *, write: bool = False) -> str:
    """Why a name in a store can't be had, asked before the work; or nothing.

    Args:
        path: the name.
        write: something is to be written under it, which is tried; nothing need be there.
    """
    place = StorePath(path)
    if len(place.parts) < 2:
        return "names no bucket; give s3://BUCKET/NAME"
    try:
        there = place.exists()
        if not there and not StorePath(*place.parts[:2]).exists():
            return f"there is no bucket {place.parts[1]!r}; check the name, or make it"
        if write:
            probe = place / ".flaxvid-may-write"
            probe.write_bytes(b"")
            probe.unlink()
    except StoreError as error:
        return str(error).removeprefix(f"{place}: ").removeprefix(f"{place}/.flaxvid-may-write: ")
    return "" if there or write else "there is no such file or folder in the store"
