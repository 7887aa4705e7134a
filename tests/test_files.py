"""Texts, JSON and CSV: what is no file or is damaged is refused, and nothing else writes them."""

import ast
import os
from pathlib import Path

import pytest

import flaxvid
from flaxvid import errors, files

PACKAGE = Path(flaxvid.__file__).parent


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"\xff\xfe\x00", "is not text in UTF-8"),
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
    with pytest.raises(errors.FileError, match=said):
        files.read_json(path, largest=100 if content == b" " * 101 else files.LARGEST)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin"])
def test_a_device_is_not_read(path):
    """It would be for ever."""
    with pytest.raises(errors.FileError, match="no file that could be read"):
        files.read_text(path)


def test_a_pipe_is_not_read(tmp_path):
    """To open one waits for somebody who writes."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(errors.FileError, match="is a pipe"):
        files.read_text(tmp_path / "pipe")


# ------------------------------------------------------------------ one way only
DIRECT = ("write_text", "write_bytes", "savefig", "imwrite", "tofile", "save", "savez", "dump")
# Inside a folder or file that gets its name when it is whole, and what keeps order by itself.
ALLOWED = {
    "atomic.py": {"write_bytes"},  # it is the way
    "files.py": {"savefig", "open", "write_bytes", "write_text"},  # by `atomic`, and `append`
    "data/archive.py": {"open"},
    "data/download.py": {"open"},
    "data/embeddings_writer.py": {"open", "open_memmap"},  # every line has a checksum
    "data/frames.py": {"write_bytes", "write_text"},
    "runs/loop.py": {"save"},  # of checkpoints and of curves
    "runs/model_folder.py": {"save"},  # safetensors' into bytes
    "store_copies.py": {"write_text"},  # its index, renamed when it is whole
    "stores.py": {"write_bytes"},  # an object is put whole
    "training/distributed.py": {"open"},  # os.devnull
    "video/playable.py": {"open"},  # of the name that atomic.whole gives
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


def test_nothing_is_written_but_by_files():
    """Only `files` writes whole files: a new writer goes through it, or says why not above."""
    direct = [
        f"{path}:{line} calls {name}: use flaxvid.files"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name, line in writes(path)
        if name not in ALLOWED.get(path.relative_to(PACKAGE).as_posix(), set())
    ]
    assert direct == []


def test_a_row_ends_where_csv_ends_it(tmp_path):
    """Not at each character that ends a line somewhere: a file name may hold one."""
    names = ["one\u2028two.mp4", "form\x0cfeed.mp4", "next\x85line.mp4"]
    files.write_text(tmp_path / "a.csv", "\n".join(["path", *names]))
    header, rows = files.read_csv(tmp_path / "a.csv")
    assert header == ["path"]
    assert [row["path"] for row in rows] == names
