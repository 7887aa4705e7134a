"""A file is the old one or the new one, whatever happens while it is written."""

import ast
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
from flaxvid import errors, files
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
from flaxvid import files

step, path = sys.argv[1:]
def die(*a, **k):
    os.kill(os.getpid(), signal.SIGKILL)
if step == "half":
    with files.whole(path) as partial:
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
    with pytest.raises(files.FileError, match="No such file"), files.whole_folder(folder) as made:
        (made / "1" / "2").touch()
    assert list(tmp_path.iterdir()) == []
    with files.whole_folder(folder) as partial:
        (partial / "1").touch()
    assert [p.name for p in folder.iterdir()] == ["1"]
    with pytest.raises(files.FileError, match="not empty"), files.whole_folder(folder):
        pass


def test_what_is_no_file_is_not_replaced(tmp_path):
    """A rename would put a file in the place of a device; a link is followed."""
    with pytest.raises(files.FileError, match="/dev/null: is a device"):
        files.write_text("/dev/null", "x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(files.FileError, match="is a folder"):
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
    with pytest.raises(files.FileError, match="can't be written .Permission denied.; "):
        files.write_text(path, "new")
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"\xff\xfe\x00", "is no text in UTF-8"),
        (b"{" * 9, "is damaged, no JSON"),
        (b"[" * 200_000, "is damaged, no JSON .too deep"),
        (b" " * 101, "too many for a file of this kind"),
    ],
)
def test_a_hostile_text_is_refused(content, said, tmp_path):
    """Before it fills the memory, or Python's stack."""
    path = tmp_path / "file.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(files.FileError, match=said):
        files.read_json(path, largest=100 if content == b" " * 101 else files.LARGEST)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin"])
def test_a_device_is_not_read(path):
    """It would be for ever."""
    with pytest.raises(files.FileError, match="no file that could be read"):
        files.read_text(path)


def test_a_pipe_is_not_read(tmp_path):
    """To open one waits for somebody who writes."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(files.FileError, match="is a pipe"):
        files.read_text(tmp_path / "pipe")


# ------------------------------------------------------------------ one way only
DIRECT = ("write_text", "write_bytes", "savefig", "imwrite", "tofile", "save", "savez", "dump")
# Inside a folder or file that gets its name when it is whole, and what keeps order by itself.
ALLOWED = {
    "files.py": {"savefig", "open", "write_bytes", "write_text"},  # it is the way
    "data/archive.py": {"open"},
    "data/download.py": {"open"},
    "data/embeddings_writer.py": {"open", "open_memmap"},  # every line has a checksum
    "data/frames.py": {"write_bytes", "write_text"},
    "runs/loop.py": {"save"},  # of checkpoints and of curves
    "runs/model_folder.py": {"save"},  # safetensors' into bytes
    "store_copies.py": {"write_text"},  # its index, renamed when it is whole
    "stores.py": {"write_bytes"},  # an object is put whole
    "training/distributed.py": {"open"},  # os.devnull
    "video/playable.py": {"open"},  # of the name that files.whole gives
    "video/write.py": {"save"},
}


def writes(path):
    """The calls in a file that write one, and their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = [*node.args, *(word.value for word in node.keywords)]
        modes = [a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        on_files = ast.unparse(node.func).startswith("files.")
        if name in DIRECT and not on_files:
            yield name, node.lineno
        writing = any(len(mode) <= 3 and set(mode) & set("wax+") for mode in modes)
        if name in ("open", "open_memmap") and writing:
            yield name, node.lineno


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_nothing_is_written_but_by_files(path):
    """Only `files` writes whole files: a new writer goes through it, or says why not above."""
    allowed = ALLOWED.get(path.relative_to(PACKAGE).as_posix(), set())
    for name, line in writes(path):
        assert name in allowed, f"{path}:{line} calls {name}: use flaxvid.files"


def test_a_row_ends_where_csv_ends_it(tmp_path):
    """Not at each character that ends a line somewhere: a file name may hold one."""
    names = ["one\u2028two.mp4", "form\x0cfeed.mp4", "next\x85line.mp4"]
    files.write_text(tmp_path / "a.csv", "\n".join(["path", *names]))
    header, rows = files.read_csv(tmp_path / "a.csv")
    assert header == ["path"]
    assert [row["path"] for row in rows] == names
