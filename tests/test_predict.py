"""Prediction: from a run directory and a video file to probabilities, as training saw them."""

import sys

import numpy as np
import pytest

from flaxvid import predict, train
from flaxvid.data import batches
from flaxvid.prediction import clips
from flaxvid.runs import metrics_log, parsing, trained_model
from flaxvid.video import decode

pytestmark = pytest.mark.usefixtures("unchecked_shapes_throughout")


@pytest.fixture(scope="module")
def trained(small_motion, tmp_path_factory):
    """A run of two steps: what it says does not matter, that it says the same does."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["--data", str(small_motion.root / "manifest.csv"), "--out", str(folder)]
    words += ["--steps", "2", "--batch-size", "4", "--eval-every", "2"]
    words += ["--model.dim", "8", "--model.depth", "1", "--model.mlp-dim", "8"]
    train.train(parsing.parse(words, ""))
    return trained_model.open_best(folder), folder


def test_probabilities_are_those_of_the_evaluation(trained, small_motion):
    """One video alone gets the softmax of its logits in the test split's batches."""
    opened, _ = trained
    videos = small_motion.split("test")
    loader = batches.VideoRows(videos, opened.settings.preprocessing)
    logits = np.asarray(opened.logits(next(batches.test_batches(loader, 4))))
    odds = np.exp(logits[1].astype(np.float64))
    found = predict.predict(opened, videos.path(videos.rows[1]))
    np.testing.assert_allclose(found, odds / odds.sum(), rtol=1e-5)


def test_evaluation_in_one_row_or_in_many(trained, small_motion):
    """The run's test accuracy is what predicting every test video alone gives."""
    opened, folder = trained
    videos = small_motion.split("test")
    right = [
        predict.predict(opened, videos.path(row)).argmax() == videos.label_index(row)
        for row in videos.rows
    ]
    assert metrics_log.read(folder / "metrics.jsonl")[-1]["test_accuracy"] == np.mean(right)


def test_table_has_the_likeliest_first():
    """Three of four classes, with percent and a bar of 30 characters for all of it."""
    odds = np.array([0.1, 0.5, 0.0, 0.4])
    names = ("run", "jump", "sit", "stand")
    lines = predict.table(clips.Prediction(None, 0.0, None, odds, names), top=3).splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["jump", "50.0%"], ["stand", "40.0%"], ["run", "10.0%"],
    ]  # fmt: skip
    assert [line.count("█") for line in lines] == [15, 12, 3]


def command(capsys, *words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["predict", *map(str, words)])
        try:
            predict.main()
        except SystemExit as end:
            return end.code, capsys.readouterr()
    return 0, capsys.readouterr()


def test_command_prints_the_top_five(trained, small_motion, capsys):
    """Five of the ten classes, a line each."""
    _, folder = trained
    code, said = command(capsys, folder, small_motion.root / small_motion.rows[0].path)
    assert code == 0
    assert len(said.out.splitlines()) == 5
    assert {line.split()[0] for line in said.out.splitlines()} <= set(small_motion.labels)


def test_several_videos(trained, small_motion, tmp_path, capsys):
    """A line for each of a folder; a bad one is named on stderr, and the exit code is 1."""
    _, folder = trained
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    out = tmp_path / "all.csv"
    code, said = command(capsys, folder, small_motion.root / "grow", text, "--out", out)
    videos = len(list((small_motion.root / "grow").iterdir()))
    assert code == 1
    assert len(said.out.splitlines()) == videos + 1
    assert f"{videos} of {videos + 1} videos in " in said.out
    assert "text.mp4: can't be opened as a video" in said.err
    assert len(out.read_text().splitlines()) == 1 + 5 * videos
    code, _ = command(capsys, folder, small_motion.root / "grow")
    assert code == 0


def test_windows_and_their_timeline(trained, small_motion, tmp_path, capsys):
    """A video of 2 seconds has three windows of 1 s each half: a line each, and the mean."""
    _, folder = trained
    video = small_motion.root / small_motion.rows[0].path
    out = tmp_path / "timeline.png"
    words = (folder, video, "--window", "1", "--every", "0.5", "--out", out)
    code, said = command(capsys, *words)
    assert code == 0
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == [
        "0:00.0–0:01.0", "0:00.5–0:01.5", "0:01.0–0:02.0",
    ]  # fmt: skip
    assert lines[4] == "the mean of 3 windows"
    assert out.stat().st_size > 0


@pytest.mark.parametrize("name", ["clip.gif", "clip.mp4"])
def test_frames_and_attention_are_written(trained, small_motion, tmp_path, capsys, name):
    """Eight frames, and beside each the same with heat over it: twice as wide as high, or so."""
    _, folder = trained
    video = small_motion.root / small_motion.rows[0].path
    code, _ = command(capsys, folder, video, "--explain", "--out", tmp_path / name)
    assert code == 0
    frames = decode.read_frames(tmp_path / name)
    assert len(frames) == 8
    assert frames.shape[2] == 448


def test_mistakes_are_one_line(trained, tmp_path, small_motion, capsys):
    """No run, no video, or no checkpoint yet: exit code 2 and the name of what is wrong."""
    _, folder = trained
    video = small_motion.root / small_motion.rows[0].path
    young = tmp_path / "young"
    young.mkdir()
    (young / "config.json").write_bytes((folder / "config.json").read_bytes())
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    for words, message in (
        ((tmp_path / "none", video), "there is no such file or folder"),
        ((folder, tmp_path / "none.mp4"), "there is no such file"),
        ((folder, text), "text.mp4: can't be opened as a video"),
        ((young, video), "has no checkpoint yet"),
        ((folder,), "give a run directory and a video"),
        ((folder, video, "--out", "a.txt"), "--out a.txt: must end in"),
        ((folder, video, video, "--out", "a.gif"), "shows one video, and there are 2"),
        ((folder, video, "--every", "1"), "needs a --window"),
        ((folder, video, "--window", "0"), "--window 0.0: must be more than 0"),
        (
            (folder, video, "--explain"),
            "needs a file for the frames and their attention, as --out attention.gif",
        ),
        ((folder, "camera", "--explain"), "not from a camera"),
        ((folder, "99"), "99"),
    ):
        code, said = command(capsys, *words)
        assert (code, said.err.count("\n")) == (2, 1)
        assert message in said.err
