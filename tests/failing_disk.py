"""A disk that fails, or a process that is killed, at each step of a writer in turn.

A step is whatever asks the file system for a change: a file opened to be written, what is written
into it, a folder made, a name changed, bytes brought to the disk.
"""

import builtins
import contextlib
import errno
import io
import os
import shutil
import threading

NAMED = ("mkdir", "replace", "rename", "link", "symlink")  # of `os`, with a path
REMOVED = ("unlink", "remove", "rmdir")  # which a full disk permits
BY_HANDLE = ("fsync", "posix_fallocate")
NO_SPACE = os.strerror(errno.ENOSPC)


class Steps:
    """Counts the steps under a folder, and fails one of them.

    Args:
        folder: what happens elsewhere does not count.
        failing: the number of the step that fails, from 1; the disk is full from then on.
        pictures: where to copy the folder before each step: what a kill leaves at that moment.
    """

    def __init__(self, folder, *, failing=None, pictures=None):
        self.folder, self.failing, self.pictures = str(folder), failing, pictures
        self.count, self._lock = 0, threading.Lock()

    def concerns(self, path):
        return not isinstance(path, int) and os.fspath(path).startswith(self.folder)

    def step(self, *, can_fail=True, error=OSError):
        with self._lock:
            if self.pictures is not None:
                shutil.copytree(self.folder, self.pictures / str(self.count), copy_function=_Copy())
            elif not can_fail:
                return
            self.count += 1
            if self.failing is not None and self.count >= self.failing:
                given = (errno.ENOSPC, NO_SPACE) if error is OSError else (f"{NO_SPACE}; at x.cc",)
                raise error(*given)


class _Copy:
    """Copies files, and what is one file of two names stays one."""

    def __init__(self):
        self._copies = {}

    def __call__(self, source, target):
        there = self._copies.setdefault(os.stat(source).st_ino, target)
        shutil.copyfile(source, target) if there == target else os.link(there, target)


class _Raw(io.FileIO):
    """A file whose every write is a step."""

    def __init__(self, path, mode, steps):
        super().__init__(path, mode)
        self._steps = steps

    def write(self, data):
        self._steps.step()
        return super().write(data)


@contextlib.contextmanager
def watched(steps, monkeypatch):
    """Inside, the steps of this process are counted, and fail as they should."""
    real = {name: getattr(os, name) for name in (*NAMED, *REMOVED, *BY_HANDLE, "open")}
    real_open = io.open

    def named(name):
        def call(path, *more, **options):
            if steps.concerns(path):
                steps.step(can_fail=name not in REMOVED)
            return real[name](path, *more, **options)

        return call

    def by_handle(name):
        def call(*arguments):
            steps.step()
            return real[name](*arguments)

        return call

    def os_open(path, flags, *more, **options):
        if steps.concerns(path) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            steps.step()
        return real["open"](path, flags, *more, **options)

    def opened(path, mode="r", buffering=-1, *more, **options):
        if not steps.concerns(path) or not set(mode) & set("wax+"):
            return real_open(path, mode, buffering, *more, **options)
        steps.step()
        raw = _Raw(path, mode.replace("b", "").replace("t", ""), steps)
        if "b" in mode and buffering == 0:
            return raw
        file = (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw)
        return file if "b" in mode else io.TextIOWrapper(file, *more, **options)

    with monkeypatch.context() as patched:
        for name in (*NAMED, *REMOVED):
            patched.setattr(os, name, named(name))
        for name in BY_HANDLE:
            patched.setattr(os, name, by_handle(name))
        patched.setattr(os, "open", os_open)
        patched.setattr(io, "open", opened)
        patched.setattr(builtins, "open", opened)
        yield steps
