"""Advice follows from the numbers of a report, and from nothing else."""

import pytest

from flaxvid.evaluation import advice


def report(**changes):
    """A model that is right 80% of the time on ten even classes, and needs the order."""
    usual = {
        "top1": 0.8,
        "interval": (0.7, 0.9),
        "videos": 100,
        "groups": 40,
        "split": "test",
        "orders": {"shuffled": 0.4, "single": 0.3},
        "classes": [{"videos": 10}] * 10,
        "sees": "pixels",
        "model": "c3d tiny",
    }
    return usual | changes


def test_a_sound_run_gets_no_advice():
    """Above chance, order used, groups enough, training no better."""
    assert advice.lines(report(), learnt=0.9) == []
    assert advice.lines(report(orders={})) == []


@pytest.mark.parametrize(
    ("changes", "learnt", "said"),
    [
        ({"interval": (0.05, 0.9)}, None, "not told from chance"),
        ({"interval": (0.55, 0.9), "classes": [{"videos": 60}, {"videos": 40}]}, None, "60.0%"),
        ({"orders": {"shuffled": 0.79, "single": 0.3}}, None, "smaller --stride"),
        ({"orders": {"shuffled": 0.79}, "sees": "embeddings by lite0"}, None, "--arch tcn"),
        ({"orders": {"single": 0.79}, "groups": 100}, None, "Hold out whole places"),
        ({"orders": {"shuffled": 0.8, "single": 0.79}}, None, "If a group is not all of a place"),
        (
            {"from_these": ["the best checkpoint is"]},
            None,
            "best checkpoint is chosen on these very",
        ),
        ({"from_these": ["its parameters are"], "split": "train"}, 0.8, "learnt from these very"),
        ({"from_these": ["the end is"], "split": "validation"}, None, "by --split test"),
        ({"groups": 5}, None, "rests on 5 groups"),
        ({"groups": 1, "top1": 1.0, "interval": (0.02, 1.0)}, None, "rests on 1 group, too few"),
        ({"top1": 0.6, "orders": {}}, 1.0, "100.0% in training and 60.0% here"),
        ({"top1": 0.6, "orders": {}, "sees": "embeddings by lite0"}, 0.99, "more --views"),
        ({"interval": (0.05, 0.9)}, None, "and try --arch linear"),
        ({"interval": (0.05, 0.9), "model": "linear tiny"}, None, "and try another --encoder"),
        ({"top1": 0.6, "orders": {}, "model": "linear tiny"}, 1.0, "Try another --encoder"),
    ],
)
def test_each_finding_is_said_once(changes, learnt, said):
    """With an option to try."""
    (line,) = advice.lines(report(**changes), learnt)
    assert said in line


def test_of_a_model_at_chance_nothing_is_said_about_order():
    """Shuffled frames are as good there whatever it looks at."""
    (line,) = advice.lines(report(interval=(0.02, 0.2), orders={"shuffled": 0.8, "single": 0.8}))
    assert line.startswith("not told from chance")


@pytest.mark.parametrize("learnt", [0.9, 0.94])
def test_a_gap_is_said_of_what_is_known_by_heart_only(learnt):
    """Training that is still wrong at times is no overfitting."""
    assert advice.lines(report(top1=0.7, orders={}), learnt) == []


def test_folds_are_advised_where_they_can_be_pooled():
    """An mAP is of one model: of several labels it can't be."""
    (line,) = advice.lines(report(groups=5))
    assert "compare --folds" in line
    (line,) = advice.lines(report(groups=5, map=0.8, chance=0.2))
    assert "rests on 5 groups" in line
    assert "--folds" not in line
