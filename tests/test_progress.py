"""Progress as a log file shows it: few lines, each one whole."""

import pytest

from flaxvid import progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (60.0, "1 min 0 s"),
        (200.0, "3 min 20 s"),
        (7500.0, "2 h 5 min"),
    ],
)
def test_duration(seconds, text):
    """Seconds, minutes or hours, as people say it."""
    assert progress.duration(seconds) == text


def test_log_has_few_lines(capsys):
    """Within 15 seconds of the start only the last step is worth a line."""
    with progress.Progress(0, 40) as bar:
        for step in (20, 40):
            bar.advance()
            bar.show(step, loss=0.5, accuracy=0.75, clips_per_second=12.3)
    assert (
        capsys.readouterr().err == "step 40/40  loss 0.500  accuracy 75.0%  12 clips/s  0 s left\n"
    )


def test_the_time_left_is_without_compiling(monkeypatch, capsys):
    """A first step of 100 seconds, and others of one: 37 are left after the third of 40."""
    now = iter([0.0, 100.0, 102.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.Progress(0, 40) as bar:
        for _ in range(3):
            bar.advance()
        bar.show(3, loss=0.5, accuracy=None, clips_per_second=12.3)
    assert capsys.readouterr().err == "step 3/40  loss 0.500  12 clips/s  37 s left\n"


def test_track_gives_every_item(capsys):
    """The items pass through; a log has one line before and one after."""
    assert list(progress.track([3, 1, 2], 3, "drawing", "clip")) == [3, 1, 2]
    before, after = capsys.readouterr().err.splitlines()
    assert before == "drawing: 3 clips"
    assert after.startswith("drawing: done in ")
