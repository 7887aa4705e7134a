"""Whole videos and windows: which frames the model sees, and what becomes of bad files."""

import dataclasses

import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import batches
from flaxvid.prediction import clips
from flaxvid.video import decode


def greys(clip):
    """Which frames of a film these are."""
    return np.round(clip.real().mean(axis=(1, 2, 3)) / 4).astype(int).tolist()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((10, 4, 3), [0, 3, 6]),
        ((10, 4, 4), [0, 4, 6]),
        ((10, 4, 20), [0, 6]),
        ((4, 4, 1), [0]),
        ((3, 4, 1), [0]),
    ],
)
def test_starts_of_windows(arguments, expected):
    """Each so many frames, the last where it ends with the video."""
    assert clips.starts(*arguments) == expected


def test_windows_see_the_frames_of_their_time(trained, film):
    """Two seconds each second of 4.5: the middles of four segments, and the last ends at 4.5."""
    said = list(clips.windows(trained, film("long.avi", 45), 2.0, 1.0))
    assert [(one.start, one.end) for one, _ in said] == [(0, 2), (1, 3), (2, 4), (2.5, 4.5)]
    middles = np.array([2, 7, 12, 17])
    assert [greys(clip) for _, clip in said] == [
        (middles + first).tolist() for first in (0, 10, 20, 25)
    ]
    odds = [one.probabilities[1] for one, _ in said]
    assert odds == sorted(odds)  # it grows brighter
    for one, clip in said:
        logit = clip.video.mean() / 64
        assert one.probabilities[1] == pytest.approx(1 / (1 + np.exp(-2 * logit)), rel=1e-5)


def test_many_windows_are_those_of_a_few(trained, film):
    """More windows than go through the model together: each once, in order."""
    said = list(clips.windows(trained, film("long.avi", 45), 0.4, 0.1))
    assert [round(10 * one.start) for one, _ in said] == list(range(42))
    assert [greys(clip)[0] for _, clip in said] == list(range(42))


def test_video_shorter_than_a_window(trained, film):
    """It is one window by itself; of three frames, the fourth of the clip is padding."""
    ((one, clip),) = clips.windows(trained, film("short.avi", 3), 2.0, 1.0)
    assert (one.start, one.end, clip.mask.tolist()) == (0, 0.3, [True, True, True, False])
    assert greys(clip) == [0, 1, 2]


def test_windows_of_a_file_cut_short(trained, film, tmp_path):
    """The header claims 45 frames: windows are given as far as frames can be read.

    One longer than what is left is of all that is left.
    """
    whole = film("whole.avi", 45).read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole[: len(whole) // 2])
    readable = decode.count_frames(cut)
    assert readable < 40
    said = list(clips.windows(trained, cut, 1.0, 0.5))
    assert len(said) > 0
    assert said[-1][0].end <= (readable + 2) / 10
    ((one, _),) = clips.windows(trained, cut, 4.0, 1.0)
    assert (one.start, one.end) == (0, pytest.approx(readable / 10))


def test_a_model_of_nan_predicts_nothing(trained, film):
    """Not the first class, with a probability of nan."""
    spoilt = dataclasses.replace(trained, logits=lambda batch: trained.logits(batch) * np.nan)
    with pytest.raises(errors.UserError, match="the model gives NaN"):
        list(clips.windows(spoilt, film("long.avi", 10), 1.0, 1.0))


def test_whole_videos_keep_their_order(trained, film):
    """Eleven videos in batches of eight, one of them none: ten answers, each its own."""
    paths = [film(f"{number}.avi", 2 + 4 * number) for number in range(11)]
    paths[3].write_text("no video")
    skipped = batches.Skipped()
    said = list(clips.whole_videos(trained, paths, skipped=skipped))
    assert [one.path for one, _ in said] == [*paths[:3], *paths[4:]]
    assert list(skipped.reasons()) == [str(paths[3])]
    for one, clip in said:
        logit = clip.real().mean() / 64
        assert one.probabilities[1] == pytest.approx(1 / (1 + np.exp(-2 * logit)), rel=1e-5)
        assert one.end is None


def test_bad_video_is_an_error_where_nothing_is_noted(trained, film):
    """One video alone is what was asked for."""
    path = film("bad.avi", 3)
    path.write_text("no video")
    with pytest.raises(decode.VideoError, match=r"bad.avi"):
        list(clips.whole_videos(trained, [path]))
