"""What is made once and kept: one process makes it, and others that want it wait for that."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

from flaxvid import errors


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Inside, no other process is where this one is for the same `folder`.

    The second says that it waits, and comes in when the first has left or died: it should look
    again whether the folder is there. FOLDER.lock stays beside it, empty.

    Raises:
        UserError: if nothing can be written there.
    """
    folder = Path(folder)
    lock = filelock.FileLock(folder.with_name(folder.name + ".lock"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        print(f"{folder}: waits for another process, which is making it", flush=True)
        lock.acquire()
    except OSError as error:
        raise errors.UserError(
            f"{folder}: can't be made there ({error.strerror}); choose another place, or permit it"
        ) from None
    try:
        yield
    finally:
        lock.release()
