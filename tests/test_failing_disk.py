"""Everything that flaxvid makes in several steps, on a disk that fills up or after a kill, at each
step of making it: whole or not there, one line that names it, and made again as undisturbed."""

import ast
import dataclasses
import io
import os
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import flaxvid
from flaxvid import atomic, errors, files, folders
from flaxvid.data import (
    archive,
    download,
    embeddings,
    frames,
    manifest,
    manifest_file,
    motion,
    organise,
    packed,
    packed_writer,
    sources,
)
from flaxvid.video import decode, write
from tests import failing_disk
from tests.data import test_embeddings as embedded

PACKAGE = Path(flaxvid.__file__).parent


@dataclasses.dataclass(frozen=True)
class Writer:
    """Something that makes a folder."""

    make: Callable[[Path, Path], None]
    """The inputs, and where to."""
    read: Callable[[Path], object]
    """What the next command takes of it; a UserError where it is not whole."""
    begin: Callable[[Path], None] = lambda work: None
    """What is there before, beside the folder."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Three videos of two frames and their manifest, and an archive of two files."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)
    rows = []
    for name in ("a/1", "b/2", "b/3"):
        (folder / name).parent.mkdir(exist_ok=True)
        film = rng.integers(0, 256, (2, 16, 32, 3), np.uint8)
        write.write_video(folder / f"{name}.avi", film)
        rows.append(manifest.Row(f"{name}.avi", name[0], name, "train"))
    manifest_file.write(manifest.of_rows(folder, rows), folder / "manifest.csv")
    with zipfile.ZipFile(folder / "two.zip", "w") as made:
        made.writestr("x/1", b"one" * 999)
        made.writestr("2", b"two")
    return folder


@pytest.fixture(autouse=True)
def at_once(monkeypatch, unchecked_shapes):
    """To wait for the disk takes most of the time, and shows nothing here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    packed.records.cache_clear()


# ------------------------------------------------------------------ what makes a folder
def _make_frames(inputs, out):
    frames.write(sources.open_data(inputs), out, fps=1.0, threads=1)


def _make_packed(inputs, out):
    settings = packed_writer.Packing(clips_per_shard=2)
    packed_writer.pack(sources.open_data(inputs), out, settings, threads=1)


def _read_clips(out):
    """What training reads of it."""
    packed.records.cache_clear()
    opened = sources.open_data(out)
    read = packed.read_clip if (out / packed.PROGRESS).exists() else decode.read_clip
    clips = [read(opened.path(row), range).tobytes() for row in opened.rows]
    return [(row.label, row.group, row.split) for row in opened.rows], clips


def _make_embeddings(inputs, out):
    embedded.write_all(out, manifest.Manifest(inputs, embedded.ROWS, ("jump", "run")))


def _read_embeddings(out):
    stored = embeddings.read(out)
    return stored.array.tobytes(), stored.manifest


def _extract(inputs, out):
    archive.extract(inputs / "two.zip", out)


def _download(inputs, out):
    """From a server that knows how to go on."""
    content = (inputs / "two.zip").read_bytes()

    def answered(request, timeout):
        begin = int((request.get_header("Range") or "bytes=0-")[6:-1])
        answer = io.BytesIO(content[begin:])
        answer.status = 206 if begin else 200
        answer.headers = {"ETag": '"1"', "Content-Length": str(len(content) - begin)}
        answer.headers["Content-Range"] = f"bytes {begin}-"
        return answer

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(urllib.request, "urlopen", answered)
        download.download("https://one.example/two.zip", out / "two.zip")


def _draw(_, out):
    rows = [manifest.Row(f"{label}/1.avi", label, "1", "train") for label in "ab"]
    film = np.zeros((2, 16, 32, 3), np.uint8)
    motion.write_set(out, "ab", [(tuple(rows), lambda: film)], fps=8)


def _write_folder(_, out):
    folders.refuse_occupied(out, "made here")
    with atomic.whole_folder(out) as partial:
        files.write_text(partial / "1", "one")
        files.write_text(partial / "2", "two")


def _flat(work):
    (work / "flat").mkdir()
    for name in "123":
        (work / "flat" / name).write_text(name)


def _organise(_, out):
    flat = out.with_name("flat")
    labels = {path.name: "a" for path in sorted(flat.iterdir())}
    organise.carry_out(organise.plan(flat, out, labels), "move")


def _read_moved(out):
    if [*out.with_name("flat").iterdir()]:
        raise errors.UserError("some are where they were")
    return _read_files(out)


def _read_files(out):
    if not out.exists():
        raise errors.UserError("nothing is there")
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def _read_downloaded(out):
    """Its address may stay beside it until the next time."""
    if not (out / "two.zip").exists():
        raise errors.UserError("nothing is there")
    return (out / "two.zip").read_bytes()


def _read_drawn(out):
    if not out.exists():
        raise errors.UserError("nothing is there")
    return _read_clips(out)


WRITERS = {
    "data/archive.py": Writer(_extract, _read_files),
    "data/download.py": Writer(_download, _read_downloaded),
    "data/embeddings_writer.py": Writer(_make_embeddings, _read_embeddings),
    "data/frames.py": Writer(_make_frames, _read_clips),
    "data/motion.py": Writer(_draw, _read_drawn),
    "data/organise.py": Writer(_organise, _read_moved, _flat),
    "data/packed_writer.py": Writer(_make_packed, _read_clips),
    "atomic.py": Writer(_write_folder, _read_files),
}
LEFT = {"out", "out.lock", "flat"}  # and nothing else


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_at_each_step(name, inputs, tmp_path, monkeypatch):
    """A line that names what was to be written; nothing is taken for whole; then it goes on."""
    writer = WRITERS[name]
    whole = _undisturbed(writer, inputs, tmp_path)
    for failing in range(1, 1000):
        work = tmp_path / str(failing)
        work.mkdir()
        writer.begin(work)
        steps = failing_disk.Steps(work, failing=failing)
        try:
            with failing_disk.watched(steps, monkeypatch):
                writer.make(inputs, work / "out")
        except errors.UserError as error:
            said = str(error)
            assert failing_disk.NO_SPACE in said, f"step {failing}: {said}"
            assert said.startswith(str(work)), f"step {failing}: {said}"
            assert "\n" not in said
        else:
            assert steps.count < failing, f"step {failing} failed without a word"
            break
        _goes_on(writer, inputs, work / "out", whole, failing)
    assert failing > 5


@pytest.mark.parametrize("name", WRITERS)
def test_a_kill_at_each_step(name, inputs, tmp_path, monkeypatch):
    """What is on the disk at that moment is refused or whole, and the same command ends well."""
    writer, work, pictures = WRITERS[name], tmp_path / "work", tmp_path / "pictures"
    work.mkdir()
    writer.begin(work)
    whole = _undisturbed(writer, inputs, tmp_path)
    steps = failing_disk.Steps(work, pictures=pictures)
    with failing_disk.watched(steps, monkeypatch):
        writer.make(inputs, work / "out")
    assert steps.count > 5
    for number in range(steps.count):
        _goes_on(writer, inputs, pictures / str(number) / "out", whole, number)


def _undisturbed(writer, inputs, tmp_path):
    writer.begin(tmp_path)
    writer.make(inputs, tmp_path / "out")
    return writer.read(tmp_path / "out")


def _goes_on(writer, inputs, out, whole, step):
    """What is there is whole or refused, and the same command makes it whole."""
    try:
        found = writer.read(out)
    except errors.UserError:
        writer.make(inputs, out)
        found = writer.read(out)
        left = {path.name for path in out.parent.iterdir()}
        assert left <= LEFT, f"step {step}: leaves {left - LEFT}"
    assert found == whole, f"step {step}: a part is taken for the whole"


# ------------------------------------------------------------------ which these are
CHANGES = {
    *("mkdir", "makedirs", "rename", "replace", "unlink", "remove", "rmdir", "link", "symlink"),
    *("symlink_to", "hardlink_to", "touch", "copy", "copy2", "copyfile", "copytree", "move"),
    *("rmtree", "open_memmap", "ArrayRecordWriter", "write_metadata", "whole_folder"),
}
# Other proofs, or nothing to lose.
ELSEWHERE = {
    "data/beam.py",  # takes away what is to be done again; tests/data/test_beam.py
    "data/lock.py",  # tests/data/test_lock.py
    "preparation/workers.py",  # takes away what is over, when all is done; tests/data/test_beam.py
    "folders.py",  # makes an empty one
    "demo.py",  # copies examples into a folder of its own, which goes with the page
    "evaluation/mistakes.py",  # takes an old picture away
    "evaluation/report_files.py",  # likewise
    "store_copies.py",  # what a store has, copied anew; tests/test_stores.py
    "stores.py",  # an object that tells whether one may write; tests/test_stores.py
    "runs/model_folder.py",  # as atomic.whole_folder makes it
    "training/checkpoint.py",  # tests/training/test_checkpoint.py
}


def _changes(path):
    """The calls in a file by which something on disk changes, but `atomic`'s own ways."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, name = ast.unparse(node.func.value), node.func.attr
        if name not in CHANGES or owner == "dataclasses":
            continue
        # Of a text, and of a list.
        if name == "replace" and (len(node.args) != 1 or node.keywords) and owner != "os":
            continue
        if name in ("remove", "copy") and owner not in ("os", "shutil"):
            continue
        yield name


def test_whatever_is_made_in_steps_is_tried():
    """Whoever makes, renames or removes files by himself is among the writers above."""
    found = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if [*_changes(path)]
    }
    assert found == {*WRITERS, *ELSEWHERE}
