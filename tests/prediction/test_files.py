"""Predictions as tables and pictures."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from flaxvid import errors
from flaxvid.prediction import clips, files, pictures
from flaxvid.video import decode

LABELS = ("sit", "stand", "jump")
SAID = (
    clips.Prediction(Path("a.mp4"), 0.0, 2.0, np.array([0.2, 0.7, 0.1]), LABELS),
    clips.Prediction(Path("a.mp4"), 1.5, 3.5, np.array([0.0, 0.25, 0.75]), LABELS),
)


def test_json_has_the_likeliest_and_what_was_left_out(tmp_path):
    """Two classes of each window, by rank."""
    files.write_table(tmp_path / "a.json", SAID, 2, {"b.mp4": "it is empty"})
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["skipped"] == {"b.mp4": "it is empty"}
    assert [row["label"] for row in content["predictions"]] == ["stand", "sit", "jump", "stand"]
    first = {
        "path": "a.mp4", "start": 0.0, "end": 2.0, "rank": 1, "label": "stand", "probability": 0.7,
    }  # fmt: skip
    assert content["predictions"][0] == first


def test_csv_has_a_line_for_each(tmp_path):
    """The same columns, an empty end for a whole video."""
    whole = clips.Prediction(Path("b.mp4"), 0.0, None, np.array([0.5, 0.3, 0.2]), LABELS)
    files.write_table(tmp_path / "a.csv", [whole, *SAID], 1, {})
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["end"], row["label"]) for row in rows] == [
        ("b.mp4", "", "sit"), ("a.mp4", "2.0", "stand"), ("a.mp4", "3.5", "jump"),
    ]  # fmt: skip


@pytest.mark.parametrize("label", ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)"])
def test_a_spreadsheet_runs_no_label(label, tmp_path):
    """Nor a path: what begins like a formula is a text, by an apostrophe before it."""
    said = clips.Prediction(Path("=b.mp4"), 0.0, None, np.array([1.0]), (label,))
    files.write_table(tmp_path / "a.csv", [said], 1, {})
    with (tmp_path / "a.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["path"], row["label"], row["probability"]) == ("'=b.mp4", f"'{label}", "1.0")


@pytest.mark.parametrize(("name", "problem"), [("a.txt", "ends in .json"), ("no/a.gif", "folder")])
def test_names_that_cannot_be_written(tmp_path, name, problem):
    """It is said before anything is predicted."""
    with pytest.raises(errors.UserError, match=problem):
        files.check(tmp_path / name)


def test_timeline_is_drawn(tmp_path):
    """A picture, wider than high."""
    files.write_timeline(tmp_path / "t.png", SAID)
    height, width, _ = cv2.imread(str(tmp_path / "t.png")).shape
    assert width > 2 * height


@pytest.fixture
def clip():
    """Three frames of 10 by 10 and one of padding."""
    video = np.random.default_rng(0).integers(0, 256, (4, 10, 10, 3), np.uint8)
    return clips.Clip(video, np.array([True, True, True, False]))


def test_moving_pictures_hold_the_frames_seen(clip, tmp_path):
    """Three frames, enlarged 23 times, a strip with words under them, and heat beside."""
    plain = pictures.captioned(SAID[0], clip)
    assert (len(plain), plain.shape[2]) == (3, 230)
    assert plain.shape[1] > 230
    np.testing.assert_array_equal(plain[:, 11:230:23, 11::23], clip.video[:3])
    assert plain[:, 230:].max() > 200  # letters
    hot = pictures.captioned(SAID[0], clip, np.ones((4, 5, 5)))
    assert hot.shape[2] == 460
    both = pictures.joined([plain, hot[:, :, :230]])
    assert len(both) == 6
    for name in ("a.gif", "a.mp4"):
        files.write_moving(tmp_path / name, both)
        assert decode.count_frames(tmp_path / name) == 6


def test_strip_is_drawn(clip, tmp_path):
    """With heat over it and without."""
    for heat in (None, np.ones((4, 5, 5))):
        files.write_strip(tmp_path / "a.png", SAID[0], clip, heat)
        assert cv2.imread(str(tmp_path / "a.png")) is not None


@pytest.mark.parametrize(
    ("seconds", "said"), [(7.54, "0:07.5"), (59.96, "1:00.0"), (3723.0, "1:02:03.0")]
)
def test_clock(seconds, said):
    """Tenths, minutes and, where there are any, hours."""
    assert pictures.clock(seconds) == said
