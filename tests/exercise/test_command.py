"""The command line: each check in a process of its own, and one line for every mistake."""

import signal
import subprocess
import sys

import pytest

from flaxvid import errors
from flaxvid.exercise import __main__ as commands
from flaxvid.exercise import catalogue, mine

RIGHT = "import numpy as np\ndef natural_key(name):\n    import re\n"
RIGHT += "    parts = re.split(r'(\\d+)', name)\n    parts[1::2] = map(int, parts[1::2])\n"
RIGHT += "    return tuple(parts), name\n"


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """Runs the command from a folder of its own, here; code, stdout and stderr.

    Only `check` starts processes, each by `python -m flaxvid.exercise`.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(catalogue.ROOT))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["exercise", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            commands.main()
        return end.value.code, *capfd.readouterr()

    return run


def test_from_the_stub_to_the_board(command, tmp_path):
    """Stub, check, board, reset: the way of one exercise."""
    path = tmp_path / "mine.py"
    assert command("stub", "natural_key", path)[0] == 0
    code, out, _ = command("check", path)
    assert (code, "not written yet" in out) == (1, True)
    code, _, err = command("stub", "natural_key", path)
    assert (code, "defines natural_key already" in err) == (2, True)
    assert command("stub", "pad_clip", path)[0] == 0  # at the end of the same file
    path.write_text(path.read_text().replace("raise NotImplementedError", "return name", 1))
    code, out, _ = command("check", path, "natural_key")
    assert (code, "frame_2 comes before frame_10" in out) == (1, True)
    path.write_text(RIGHT)
    code, out, err = command("check", path)
    assert (code, err) == (0, "")
    assert "✓ natural_key: passed" in out
    assert "✓ video.sample.natural_key" in command()[1]
    assert "✓" not in command("reset")[1]


@pytest.mark.long
def test_exercises_on_devices_have_two(command, tmp_path):
    """An answer that cuts arrays over devices can pass from the terminal."""
    path = tmp_path / "mine.py"
    path.write_text("from flaxvid.training import parallel\nown = parallel.shardings\n")
    with path.open("a") as file:
        file.write("def shardings(tree, mesh, how):\n    return own(tree, mesh, how)\n")
    code, out, err = command("check", path)
    assert (code, err) == (0, ""), out + err


def test_a_crash_takes_nothing_with_it(command, tmp_path):
    """A segmentation fault is told with what it may come from, and the next one is checked."""
    path = tmp_path / "mine.py"
    kill = "os.kill(os.getpid(), signal.SIGSEGV)"
    path.write_text(f"import os, signal\ndef pad_clip(frames, num_samples):\n    {kill}\n{RIGHT}")
    code, out, _ = command("check", path)
    assert code == 1
    assert "✗ pad_clip: the check ended Python itself, by SIGSEGV: a crash in compiled" in out
    assert "✓ natural_key: passed" in out


def test_a_loop_that_no_timer_reaches_is_killed(tmp_path, monkeypatch, capsys):
    """A learner's file that never ends as it is run does not hold the command for ever."""
    path = tmp_path / "mine.py"
    path.write_text(
        "import itertools\ndef pad_clip(frames, num_samples):\n    return frames\n"
        "sum(itertools.repeat(0))  # which looks at no signal\n"
    )
    monkeypatch.setattr(commands, "GRACE", 1)
    assert commands.check(path, None, 0.2) == 1
    assert "✗ pad_clip: the check took too long and was stopped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("check", "none.py"), "none.py: cannot be read"),
        (("show", "nothing"), "nothing: no exercise has this name"),
    ],
)
def test_mistakes_are_one_line(command, arguments, told):
    """Exit code 2, and no traceback."""
    code, _, err = command(*arguments)
    assert code == 2
    assert told in err
    assert err.count("\n") == 1


def test_show_and_hint(command):
    """The reference with its place; a hint, and another one, each with the way to the next."""
    assert "def pad_clip(" in command("show", "pad_clip")[1]
    assert "flaxvid/video/sample.py:" in command("show", "pad_clip")[1]
    first, more = command("hint", "pad_clip")[1], command("hint", "pad_clip", "--more")[1]
    assert "np.minimum" not in first
    assert first.endswith("More? python -m flaxvid.exercise hint pad_clip --more\n")
    assert "np.minimum" in more
    assert more.endswith("flaxvid's own: python -m flaxvid.exercise show pad_clip\n")


def test_pytest_itself_checks_a_file(tmp_path):
    """`pytest --mine=FILE` runs the tests of what FILE defines, with pytest's own report."""
    path = tmp_path / "mine.py"
    path.write_text("def natural_key(name):\n    return (name,)\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"--mine={path}", "-n0", "tests/video/test_sample.py"],
        capture_output=True,
        text=True,
        cwd=catalogue.ROOT,
    )
    assert done.returncode == 1
    assert "test_natural_order_counts" in done.stdout
    assert "uniform" not in done.stdout


def test_who_ends_python_has_not_passed(command, tmp_path):
    """A version that exits with code 0 is told so, and not taken for a right one."""
    path = tmp_path / "mine.py"
    path.write_text("import os\ndef natural_key(name):\n    os._exit(0)\n")
    code, out, _ = command("check", path)
    assert code == 1
    assert "raised    SystemExit: 0" in out


def test_a_process_that_ended_without_a_verdict():
    """Code 0 too."""
    assert "ended Python itself, with code 0: something in your version" in commands._how(0)
    assert commands._how(-signal.SIGXCPU) == "took too long and was stopped"


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)"])
def test_a_file_that_exits_trains_nothing_and_says_so(end, tmp_path):
    """`train --mine` does not end with code 0 before it has begun."""
    path = tmp_path / "mine.py"
    path.write_text(f"import os, sys\ndef natural_key(name):\n    return name\n{end}\n")
    with pytest.raises(errors.UserError, match="does not run .SystemExit"):
        mine.load(path)
