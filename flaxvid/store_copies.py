"""Copies, on this machine, of what is in an object store, for whatever needs files: prepared
videos, weights, checkpoints.

They lie in `$XDG_CACHE_HOME/flaxvid/stores`, as a rule `~/.cache/flaxvid/stores`, and are used
again as long as the store has not changed.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from flaxvid import stores

INDEX = "index.json"  # of a copy: bytes, tag in the store, and time here of each file
AT_ONCE = 16  # objects that are copied side by side


class Mirror:
    """A copy, on this machine, of what is under a name in a store.

    What the store has is what counts.
    """

    def __init__(self, path: stores.StorePath, use: str = "read"):
        """Finds its place; nothing is copied yet.

        Args:
            path: in the store, a folder or an object.
            use: a copy that is written must be another than one that is read meanwhile.
        """
        self.path = path
        digest = hashlib.sha256(f"{use} {path}".encode()).hexdigest()[:16]
        self._home = cache() / f"{digest}-{use}"
        self.local = self._home / "copy" / path.name

    def fetch(self, *, keep: bool = False) -> Path:
        """Brings the copy up to date, says how much that takes, and returns where it is.

        Args:
            keep: leave what was written here since, and is not in the store: else the copy is as
                the store is.

        Raises:
            stores.StoreError: if the store can't be reached.
        """
        self.local.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self._home / "lock"):
            found, index = self.path.objects(), self._index()
            for name in set(index) - set(found):
                self._place(name).unlink(missing_ok=True)
            known = {n: i for n, i in index.items() if n in found and tuple(i[:2]) == found[n]}
            same = {n: i for n, i in known.items() if keep or _time(self._place(n)) == i[2]}
            self._write_index(same)
            lacking = sorted(set(found) - set(same))
            if lacking:
                size = sum(found[name][0] for name in lacking)
                print(f"{self.path}: copies {_count(lacking)}, {size:,} bytes, to {self.local}")
                for name in lacking:
                    self._place(name).parent.mkdir(parents=True, exist_ok=True)
                try:
                    with stores.reached(self.path) as store:
                        store.get(
                            [self._remote(name) for name in lacking],
                            [str(self._place(name)) for name in lacking],
                            batch_size=AT_ONCE,
                        )
                except FileNotFoundError:
                    raise stores.StoreError(
                        f"{self.path}: changes while it is copied, as a run in training does; try "
                        "again"
                    ) from None
                self._write_index(same | {n: self._entry(n, found[n]) for n in lacking})
            if not keep and self.local.is_dir():
                _prune(self.local, {self._place(name) for name in found})
        return self.local

    def publish(self, last: tuple[str, ...] = ()) -> None:
        """Brings the store up to date with the copy: what has changed here, and what is gone.

        Deeper files go first and come off last, so that the file that makes a folder whole is
        never there without the others.

        Args:
            last: names of files that make a folder whole.

        Raises:
            stores.StoreError: if the store can't be reached; what is written here stays.
        """
        with filelock.FileLock(self._home / "lock"):
            index = self._index()
            here = _files_in(self.local)
            changed = {n for n, path in here.items() if index.get(n, (0, 0, 0))[2] != _time(path)}
            for whole in (False, True):
                names = sorted(n for n in changed if (n.rpartition("/")[2] in last) is whole)
                _put({name: here[name] for name in names}, self.path)
            gone = sorted(set(index) - set(here), key=lambda n: n.rpartition("/")[2] not in last)
            for name in gone:
                (self.path / name).unlink(missing_ok=True)
            found = self.path.objects()
            if lost := [n for n in here if n not in found or found[n][0] != here[n].stat().st_size]:
                raise stores.StoreError(
                    f"{self.path / lost[0]}: is not as it was written; does another process write "
                    "there?"
                )
            self._write_index({name: self._entry(name, found[name]) for name in here})

    def _remote(self, name):
        return str(self.path / name) if name else str(self.path)

    def _place(self, name):
        place = self.local / name if name else self.local
        if self._home not in Path(os.path.abspath(place)).parents:
            raise stores.StoreError(f"{self.path}: the name {name!r} leads out of it; rename it")
        return place

    def _entry(self, name, found):
        return (*found, _time(self._place(name)))

    def _index(self):
        try:
            return json.loads((self._home / INDEX).read_text())
        except (OSError, ValueError):
            return {}

    def _write_index(self, index):
        partial = self._home / f"{INDEX}.partial"
        partial.write_text(json.dumps(index))
        os.replace(partial, self._home / INDEX)


def local(path: Path | str) -> Path:
    """The path, or a copy here of what a store has under it, brought up to date and said.

    Raises:
        stores.StoreError: if the store can't be reached.
    """
    if not stores.is_store(path):
        return Path(path)
    mirror = Mirror(stores.StorePath(path))
    return mirror.fetch()


@contextlib.contextmanager
def written(folder: Path, mark: str) -> Iterator[Path]:
    """A folder here in which to write what is to be in `folder`: itself, or its copy of a store's.

    When the block ends, the store has it. What a kill left here is gone on with.

    Args:
        folder: here or in a store.
        mark: name of a file that tells what is there from other things, which are not copied.

    Raises:
        stores.StoreError: if there are other things, or the store can't be reached.
    """
    if not stores.is_store(folder):
        yield folder
        return
    mirror = Mirror(stores.StorePath(folder), "write")
    if mirror.path.exists() and not (mirror.path / mark).exists():
        raise stores.StoreError(
            f"{mirror.path}: is there, and was not made by this command; choose a new name"
        )
    yield mirror.fetch(keep=True)
    mirror.publish()


def put(folder: Path, path: stores.StorePath) -> None:
    """Puts what is in a folder here under a name in a store.

    Raises:
        stores.StoreError: if the store can't be reached; some may be there then.
    """
    _put(_files_in(folder), path)


def _files_in(folder):
    return {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}


def _put(found, path):
    if found:
        there = [str(path / name) for name in found]
        with stores.reached(path) as store:
            store.put(list(map(str, found.values())), there, batch_size=AT_ONCE)


def cache() -> Path:
    """The folder of all copies."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "flaxvid" / "stores"


def _time(path):
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return -1


def _count(names):
    return "1 file" if len(names) == 1 else f"{len(names):,} files"


def _prune(folder, kept):
    """Removes what the store does not have, as a run that was trained elsewhere meanwhile."""
    for place in folder.rglob("*"):
        if place.is_file() and place not in kept:
            place.unlink()
    for place in sorted((p for p in [folder, *folder.rglob("*")] if p.is_dir()), reverse=True):
        if not any(place.iterdir()):
            place.rmdir()
