"""A file is the old one or the new one, whatever happens while it is written."""

import contextlib
import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest

import flaxvid
from flaxvid import atomic, errors, files
from flaxvid.data import manifest, manifest_file
from flaxvid.video import write

PACKAGE = Path(flaxvid.__file__).parent
FILM = np.zeros((4, 32, 32, 3), np.uint8)
ROWS = tuple(manifest.Row(f"{n}.avi", "ab"[n % 2]) for n in range(4))


def _figure(path):
    files.save_figure(path, matplotlib.figure.Figure())


# Every way in which flaxvid writes one file.
WRITERS = {
    "text.txt": lambda path: files.write_text(path, "new"),
    "data.bin": lambda path: files.write_bytes(path, b"new" * 100_000),
    "values.json": lambda path: files.write_json(path, {"new": 1}),
    "table.csv": lambda path: files.write_csv(path, ("a", "b"), [(1, 2)]),
    "figure.png": _figure,
    "manifest.csv": lambda path: manifest_file.write(manifest.of_rows(path.parent, ROWS), path),
    "manifest.json": lambda path: manifest_file.write(manifest.of_rows(path.parent, ROWS), path),
    "film.gif": lambda path: write.write_gif(path, FILM),
    "film.mp4": lambda path: write.write_video(path, FILM),
    "metrics.jsonl": lambda path: files.write_text(path, "new\n"),
}
# What a file is written by, step after step.
STEPS = ("write", "fsync", "replace")


@contextlib.contextmanager
def full_disk(step, monkeypatch):
    """Makes a step of writing fail: really, by a limit of two bytes for every file, or as if."""

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if step != "write":
        with monkeypatch.context() as patched:
            patched.setattr(os, step, fail)
            yield
        return
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("before", [b"old", None])
def test_a_full_disk_leaves_the_old_file_or_none(name, step, before, tmp_path, monkeypatch):
    """At whatever step it is full; and the line names the file."""
    path = tmp_path / name
    if before is not None:
        path.write_bytes(before)
    # OpenCV does not say why it could not.
    said = "No space left on device|File too large|the installed OpenCV cannot write"
    with pytest.raises(errors.UserError, match=said) as caught, full_disk(step, monkeypatch):
        WRITERS[name](path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    found = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert found == ({} if before is None else {name: before})


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_writes_and_replaces(name, tmp_path):
    """Nothing is left beside the file, and it has the rights that others have."""
    path = tmp_path / name
    (tmp_path / "other").touch()
    for _ in range(2):
        WRITERS[name](path)
        assert path.exists()
    assert {p.name for p in tmp_path.iterdir()} == {name, "other"}
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


KILLED = """
import os, signal, sys
from pathlib import Path
from flaxvid import atomic, files

step, path = sys.argv[1:]
def die(*a, **k):
    os.kill(os.getpid(), signal.SIGKILL)
if step == "half":
    with atomic.whole(path) as partial:
        partial.write_bytes(b"ne")
        die()
setattr(os, step, die)
files.write_text(path, "new")
"""


@pytest.mark.parametrize("step", ["half", "fsync", "replace"])
def test_a_kill_leaves_the_old_file(step, tmp_path):
    """SIGKILL in the middle of writing, before it is on disk, before it is renamed."""
    path = tmp_path / "file.txt"
    path.write_text("old")
    ended = subprocess.run([sys.executable, "-c", KILLED, step, str(path)])
    assert ended.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    files.write_text(path, "newer")
    assert path.read_text() == "newer"


def test_a_folder_is_whole_or_not_there(tmp_path):
    """What a kill left of one is gone when the next is made."""
    folder = tmp_path / "a"
    left = tmp_path / ".a.partial"
    left.mkdir()
    (left / "old").touch()
    with pytest.raises(errors.FileError, match="No such file"), atomic.whole_folder(folder) as made:
        (made / "1" / "2").touch()
    assert list(tmp_path.iterdir()) == []
    with atomic.whole_folder(folder) as partial:
        (partial / "1").touch()
    assert [p.name for p in folder.iterdir()] == ["1"]
    with pytest.raises(errors.FileError, match="not empty"), atomic.whole_folder(folder):
        pass


def test_what_is_no_file_is_not_replaced(tmp_path):
    """A rename would put a file in the place of a device; a link is followed."""
    with pytest.raises(errors.FileError, match="/dev/null: is a device"):
        files.write_text("/dev/null", "x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(errors.FileError, match="is a folder"):
        files.write_text(tmp_path, "x")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    files.write_text(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "x"


def test_a_file_that_may_not_change_does_not(tmp_path, monkeypatch):
    """Though the folder would permit to rename another over it."""
    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(errors.FileError, match="can't be written .Permission denied.; "):
        files.write_text(path, "new")
    assert path.read_text() == "old"
