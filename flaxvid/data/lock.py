"""Folders that one process at a time writes: others wait until it is made, or are refused."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from flaxvid import atomic, errors


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Inside, no other process is where this one is for the same `folder`.

    The second says that it waits, and comes in when the first has left or died: it should look
    again whether the folder is there. FOLDER.lock stays beside it, empty. What a kill left in the
    folder of a file that was being written is removed.

    Raises:
        UserError: if nothing can be written there.
    """
    place = Path(os.path.abspath(folder))
    lock = filelock.FileLock(place.with_name(place.name + ".lock"))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        print(f"{folder}: waits for another process, which is making it", flush=True)
        lock.acquire()
    except OSError as error:
        raise errors.UserError(
            f"{folder}: can't be made there ({error.strerror}); choose another place, or permit it"
        ) from None
    try:
        atomic.remove_partial(place)
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def held(path: Path, refusal: str) -> Iterator[None]:
    """Inside, this process alone has the lock at `path`, an empty file, which stays.

    A process that dies leaves the lock to the next.

    Args:
        path: of the lock, in a folder that is there.
        refusal: what a second process is told, in one line.

    Raises:
        UserError: with `refusal`, if another process has it; or if nothing can be written there.
    """
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise errors.UserError(refusal) from None
    except OSError as error:
        raise errors.UserError(
            f"{path}: can't be written ({error.strerror}); permit it, or choose another place"
        ) from None
    try:
        yield
    finally:
        lock.release()
