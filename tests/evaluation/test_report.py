"""Means over classes, which come first where classes have unlike numbers of videos."""

import numpy as np
import pytest

from flaxvid.data import manifest
from flaxvid.evaluation import report, wording


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
