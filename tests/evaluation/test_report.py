"""Means over classes, which come first where classes have unlike numbers of videos."""

import numpy as np
import pytest

from flaxvid.data import manifest
from flaxvid.evaluation import advice, leaderboard, report, report_files, wording


def predictions(labels, predicted):
    rows = tuple(
        manifest.Row(path=f"{n}.avi", label=str(label), group="", split="test")
        for n, label in enumerate(labels)
    )
    return report.Predictions(np.eye(3)[predicted], rows, np.array(labels))


def test_a_large_class_does_not_hide_the_small_ones():
    """Nine of ten right, all of one class: half of the mean recall. A class without videos counts
    for nothing."""
    judged = predictions([0] * 9 + [1], [0] * 10)
    found = report.summarise(judged, ("a", "b", "c"), {})
    assert found["top1"] == 0.9
    assert found["mean_recall"] == 0.5
    assert round(found["mean_f1"], 4) == round((18 / 19) / 2, 4)
    assert found["uneven"]
    assert wording.by_class(found).startswith("mean over classes: recall 50.0%, F1 47.4%")
    assert "they have 1 to 9 videos" in wording.by_class(found)


def test_of_even_classes_nothing_is_said():
    """Top-1 is the mean then."""
    found = report.summarise(predictions([0, 0, 1, 1], [0, 0, 1, 0]), ("a", "b", "c"), {})
    assert wording.by_class(found) is None
    assert found["mean_recall"] == found["top1"] == 0.75


def test_one_group_is_one_and_top_5_of_five_is_not_told():
    """`1 group`; where there are five classes, one of the five likeliest is right always."""
    few = {"groups": 1, "top5": 1.0, "confusion": [[0] * 5] * 5}
    assert (wording.groups(few), wording.top5(few)) == ("1 group", "")
    more = {"groups": 12, "top5": 0.875, "confusion": [[0] * 6] * 6}
    assert (wording.groups(more), wording.top5(more)) == ("12 groups", "top-5 87.5%, ")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("/home/ann/secret/videos", "videos"),
        ("/home/ann/videos/manifest.csv", "videos"),
        ("../videos/mine.csv", "mine.csv"),
        ("motion:hard", "motion:hard"),
    ],
)
def test_a_page_names_the_data_and_not_where_they_lie(data, name):
    """In its title, and in that of the demo."""
    about = {"model": "tcn tiny", "split": "test", "data": data}
    assert wording.title(about) == f"tcn tiny on the test split of {name}"


def several(odds):
    """The report of four videos of the classes a and b, or of none or both; none is of c."""
    targets = np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
    rows = tuple(manifest.Row(f"{n}.avi", "|", f"g{n}", "test") for n in range(4))
    judged = report.Predictions(odds, rows, targets, thresholds=np.full(3, 0.5))
    about = {"model": "tcn tiny", "data": "videos", "split": "test", "views": "1 x 1 views of each"}
    about |= {"step": 3, "skipped": {}, "sees": "pixels", "seed": 0, "parameters": 1}
    about |= {"multiply_adds": 1, "clips_per_second": 1.0, "training_seconds": None}
    found = about | report.summarise_several(judged, ("a", "b", "c"), {"shuffled": judged})
    return found, judged, targets


def test_of_several_labels_without_a_mistake_there_is_no_interval():
    """In no form of it is 100% to 100% claimed; a class without videos has no average precision."""
    right = np.array([[0.9, 0.1, 0.2], [0.2, 0.8, 0.1], [0.7, 0.9, 0.1], [0.1, 0.3, 0.2]])
    found, judged, _ = several(right)
    assert (found["map"], found["exact"], found["interval"]) == (1.0, 1.0, None)
    assert found["chance"] == 0.5
    page = report_files.markdown(found)
    assert "mAP **100.0%**, no interval, as all draws of groups are alike" in page
    assert "| c | 0 | – | 50.0% | 0.0% | 0.0% | 0.0% | – |" in page
    (line,) = leaderboard.rank([found])
    assert line.cells()["interval"] == "–"
    assert judged.is_and_said(2, ("a", "b", "c")) == ("a|b", "a|b")
    assert judged.is_and_said(3, ("a", "b", "c")) == ("|", "|")


def test_loss_and_advice_of_several_labels():
    """The loss is over all classes of all videos; odds that are alike tell nothing."""
    found, judged, targets = several(np.full((4, 3), 0.4))
    expected = -np.mean(targets * np.log(0.4) + (1 - targets) * np.log(0.6))
    assert found["loss"] == pytest.approx(expected, abs=1e-6)
    assert found["map"] == found["chance"] == 0.5
    assert "videos in any order have an mAP of 50.0%" in advice.lines(found)[0]
    assert not judged.right()[:3].any()
