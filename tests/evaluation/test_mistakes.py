"""The worst mistakes: which they are, what is drawn of them, and when nothing is."""

import dataclasses

import cv2
import numpy as np
import pytest

from flaxvid.data import manifest
from flaxvid.evaluation import mistakes, report
from flaxvid.video import decode

NAMES = ("bow", "nod $1$")


def judged(confidence, right):
    """Videos of class 0, each taken for what it is or for class 1 with this confidence."""
    odds = np.array(
        [[c, 1 - c] if ok else [1 - c, c] for c, ok in zip(confidence, right, strict=True)]
    )
    rows = tuple(manifest.Row(f"{number}.mp4", "bow") for number in range(len(right)))
    return report.Predictions(odds, rows, np.zeros(len(right), np.int64))


def clip_of(row):
    """Frames with the number of the video in them; the last one is padding. Video 3 is broken."""
    if row.path == "3.mp4":
        raise decode.VideoError(row.path, "is broken")
    video = np.full((3, 16, 24, 3), 40 * int(row.path[0]), np.uint8)
    return {"video": video, "mask": np.array([True, True, False])}


def test_the_surest_mistakes_come_first():
    """What is right is none, however sure."""
    found = mistakes.worst(judged([0.6, 0.9, 0.99, 0.8], [False, False, True, False]), count=2)
    assert found.tolist() == [1, 3]


def test_mistakes_are_drawn_but_not_what_cannot_be_read(tmp_path, monkeypatch):
    """Each strip without its padding; the title says what it is and what it was taken for."""
    drawn = []

    def draw(clips, titles):
        drawn.append((clips, titles))
        return figure(clips, titles)

    figure = mistakes.figure.draw
    monkeypatch.setattr(mistakes.figure, "draw", draw)
    shown = judged([0.6, 0.9, 0.99, 0.8], [False, False, True, False])
    found = mistakes.clips(shown, NAMES, clip_of)
    assert mistakes.write(found, tmp_path) == "mistakes.png"
    assert [mistake.film().shape for mistake in found] == [(2, 16, 24, 3)] * 2
    ((clips, titles),) = drawn
    assert [clip[0, 0, 0, 0] for clip, _ in clips] == [40, 0]
    assert titles[0] == r"1.mp4: bow, taken for nod \$1\$ with 90% (10% for bow)"
    picture = cv2.imread(str(tmp_path / "mistakes.png"))
    assert picture.shape[1] == 1440


def test_a_part_of_a_video_is_told_by_its_seconds():
    """Several mistakes may be of one file."""
    shown = judged([0.9], [False])
    part = manifest.Row("0.mp4", "bow", start=1.25, end=3.0)
    (found,) = mistakes.clips(dataclasses.replace(shown, rows=(part,)), NAMES, clip_of)
    assert found.title.startswith("0.mp4 1.2 to 3.0 s: bow, taken for nod $1$ with 90%")


def test_without_mistakes_an_old_picture_goes(tmp_path):
    """It would be of another evaluation."""
    (tmp_path / "mistakes.png").write_bytes(b"old")
    assert mistakes.write(mistakes.clips(judged([0.9], [True]), NAMES, clip_of), tmp_path) is None
    assert not (tmp_path / "mistakes.png").exists()


@pytest.mark.parametrize(("time", "shown"), [(1, 1), (12, 12), (40, 12)])
def test_a_strip_has_twelve_frames_at_most(time, shown, monkeypatch):
    """Of long clips, spread over them from the first to the last."""
    films = []
    strip = mistakes.figure.frames.film_strip

    def film_strip(film, axes, **more):
        films.append(film)
        return strip(film, axes, **more)

    monkeypatch.setattr(mistakes.figure.frames, "film_strip", film_strip)
    video = np.arange(time, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 3), np.uint8)
    mistakes.figure.draw([(video, np.ones(time, bool))], ["title"])
    (film,) = films
    assert len(film) == shown
    assert (film[0, 0, 0, 0], film[-1, 0, 0, 0]) == (0, time - 1)
    assert min(film.shape[1:3]) >= 96
