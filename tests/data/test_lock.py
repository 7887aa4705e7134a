"""Two that want the same folder: one makes it, the other waits."""

import os
import subprocess
import sys
import threading

import pytest

from flaxvid import atomic, errors
from flaxvid.data import lock, motion

HOLD = """
import sys
from flaxvid.data import lock
with lock.exclusive(sys.argv[1]):
    print("in", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that is inside for tmp_path/made."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "made")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "in\n"
        yield process
        process.kill()


def test_the_second_says_so_and_waits(holder, tmp_path, capsys):
    """It comes in when the first has left, and not before."""
    came_in = threading.Event()

    def second():
        with lock.exclusive(tmp_path / "made"):
            came_in.set()

    waiting = threading.Thread(target=second)
    waiting.start()
    assert not came_in.wait(1)
    holder.stdin.close()
    waiting.join()
    assert came_in.is_set()
    assert f"{tmp_path / 'made'}: waits for another process" in capsys.readouterr().out


def test_one_that_was_killed_holds_nobody_up(holder, tmp_path, capsys):
    """SIGKILL leaves no lock behind."""
    holder.kill()
    holder.wait()
    with lock.exclusive(tmp_path / "made"):
        pass
    assert capsys.readouterr().out == ""


def test_what_a_kill_left_is_removed(tmp_path):
    """Of a file that was being written; other files are nobody's to remove."""
    folder = tmp_path / "made"
    folder.mkdir()
    with atomic.whole(folder / "about.json") as partial:
        partial.touch()
        left = folder / partial.name.replace(str(os.getpid()), "12345")
        left.touch()
    for name in ("about.json", ".hidden", "a.partial", ".b.partial"):
        (folder / name).touch()
    with lock.exclusive(folder):
        names = {path.name for path in folder.iterdir()}
    assert names == {"about.json", ".hidden", "a.partial", ".b.partial"}


def test_other_folders_are_free(holder, tmp_path, capsys):
    """Only the same folder is waited for; parents are made."""
    with lock.exclusive(tmp_path / "deep" / "other"):
        assert (tmp_path / "deep").is_dir()
    assert capsys.readouterr().out == ""


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    """A file where a folder should be; the remedy is said."""
    (tmp_path / "file").touch()
    said = "file/made: can't be made there .*; choose another"
    with pytest.raises(errors.UserError, match=said), lock.exclusive(tmp_path / "file" / "made"):
        pass


def test_two_who_want_the_motion_set_draw_it_once(tmp_path, monkeypatch):
    """Both get the whole set."""
    times, draw = [], motion._draw
    monkeypatch.setattr(motion, "_draw", lambda *given: (times.append(1), draw(*given)))
    found = []

    def want():
        found.append(motion.open_or_draw(root=tmp_path, counts={"train": 40}))

    both = [threading.Thread(target=want) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(times) == 1
    assert [len(videos.rows) for videos in found] == [40, 40]
