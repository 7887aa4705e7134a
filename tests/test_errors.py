"""What a command says when it ends badly, and with which code."""

import subprocess
import sys

import pytest

from flaxvid import errors


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (errors.UserError("clip.avi: is\nempty"), 2, "error: clip.avi: is empty\n"),
        (KeyboardInterrupt(), 130, "broken off\n"),
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
