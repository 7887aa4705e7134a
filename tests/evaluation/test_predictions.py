"""The table of predictions: written, read back, safe for spreadsheets, not over other files."""

import csv

import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import manifest
from flaxvid.evaluation import predictions, report

NAMES = ("bow", "=HYPERLINK(1)", "nod")


def judged():
    """Three videos: one right; one part of a file, wrong; one of a group, right."""
    odds = np.array([[0.7, 0.1, 0.2], [0.25, 0.15, 0.6], [0.1, 0.8, 0.1]])
    rows = (
        manifest.Row("a/1.mp4", "bow", "a/1.mp4", "test"),
        manifest.Row("a/2.mp4", "bow", "a/2.mp4", "test", 1.5, 4.0),
        manifest.Row("@b, 3.mp4", "=HYPERLINK(1)", "actor 7", "test"),
    )
    return report.Predictions(odds, rows, np.array([0, 0, 1]), np.array([3, 3, 3]))


def test_every_video_has_its_line(tmp_path):
    """Path, part, group, label, what it was taken for and how surely, and the likeliest five."""
    predictions.write(judged(), NAMES, tmp_path)
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        first, second, third = csv.DictReader(file)
    assert first == {
        "path": "a/1.mp4", "start": "0", "end": "", "group": "a/1.mp4", "label": "bow",
        "predicted": "bow", "right": "right", "probability": "0.700000", "views": "3",
        "top5": "bow 0.700; nod 0.200; =HYPERLINK(1) 0.100",
    }  # fmt: skip
    assert (second["start"], second["end"], second["predicted"]) == ("1.5", "4", "nod")
    assert second["right"] == "wrong"
    assert (third["path"], third["group"]) == ("'@b, 3.mp4", "actor 7")


def test_no_cell_is_a_formula(tmp_path):
    """Labels and paths that begin like one have a ' before them, as in the table of predict."""
    predictions.write(judged(), NAMES, tmp_path)
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert "'=HYPERLINK(1)" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_what_is_written_is_read(tmp_path):
    """Which videos, of which group, and which of them right."""
    predictions.write(judged(), NAMES, tmp_path)
    found = predictions.read(tmp_path / "predictions.csv")
    assert found.videos[1] == ("a/2.mp4", "1.5", "4", "bow")
    assert found.groups == ("a/1.mp4", "a/2.mp4", "actor 7")
    assert found.right.tolist() == [True, False, True]
    predictions.write(judged(), NAMES, tmp_path)  # over our own


def test_another_table_of_the_name_is_not_overwritten(tmp_path):
    """That of `predict --out predictions.csv`, say."""
    (tmp_path / "predictions.csv").write_text("path,start,end,rank,label,probability\n")
    with pytest.raises(errors.FileError, match="is not a table of an evaluation; move it, or"):
        predictions.write(judged(), NAMES, tmp_path)
