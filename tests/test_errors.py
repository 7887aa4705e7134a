"""What a command says when it ends badly, and with which code."""

import ast
import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flaxvid
from flaxvid import errors

PACKAGE = Path(flaxvid.__file__).parent


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (errors.UserError("clip.avi: is\nempty"), 2, "error: clip.avi: is empty\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (OSError(errno.ENOSPC, "full"), 2, "error: full; see to it\n"),
        (OSError(errno.EROFS, "read-only", "a"), 2, "error: a: read-only; see to it\n"),
    ],
)
def test_a_command_ends_in_one_line_and_a_code(raised, code, said, capsys):
    """A user's mistake is one line, never a traceback; Ctrl-C ends as shells expect."""
    with pytest.raises(SystemExit) as left, errors.one_line_errors():
        raise raised
    assert left.value.code == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("bug", [ZeroDivisionError, BrokenPipeError])
def test_other_errors_are_bugs_and_show_themselves(bug):
    """What is not a user's mistake keeps its traceback; so does a pipe that is not the output."""
    with pytest.raises(bug), errors.one_line_errors():
        raise bug


@pytest.mark.parametrize("end", ["pass", "raise SystemExit(0)"])
def test_a_reader_that_leaves_is_no_error(end):
    """`... | head -1` gets its line, and no traceback stands below it."""
    command = (
        "from flaxvid import errors\n"
        "with errors.one_line_errors():\n"
        "    print(0, flush=True)\n"
        "    input()\n"
        "    print(1)\n"
        f"    {end}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    process.stdin.write("go on\n")
    process.stdin.close()
    assert (process.wait(), process.stderr.read()) == (141, "")
    process.stderr.close()


def test_the_folder_of_a_command_may_be_gone(tmp_path, monkeypatch, capsys):
    """Deleted by another while a terminal stood in it."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SystemExit), errors.one_line_errors():
        os.getcwd()
    said = "error: the folder that this command runs in: no longer exists; change to another\n"
    assert capsys.readouterr().err == said


def test_a_fault_of_the_code_is_shown():
    """A file that is not there, and was never asked for, is no refusal of the system."""
    with pytest.raises(FileNotFoundError), errors.one_line_errors():
        os.stat("/nowhere/at/all")


# What is no path: names of architectures and of published weights.
NO_PATHS = {"family.arch", "spec", "name", "missing[0]"}


def test_commands_to_copy_can_be_copied():
    """A path with a space in it is quoted wherever a command of flaxvid is printed."""
    assert [place for path in sorted(PACKAGE.rglob("*.py")) for place in unquoted(path)] == []


def unquoted(path):
    """Where a file writes something into a command to copy that is not made an argument."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        before = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                before += part.value
                before = before.rpartition("\n")[2].rpartition("`, ")[2]
                continue
            told = ast.unparse(part.value)
            if re.search(r"(python -m flaxvid\.\w+|try ) [^`]*$", before) and not (
                told in NO_PATHS or told.startswith("errors.argument(")
            ):
                yield f"{path}:{node.lineno}: {told}"
