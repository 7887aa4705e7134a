"""What a model has from the videos that it is judged on."""

import dataclasses

import pytest

from flaxvid.runs import parsing, resolve, selection


@pytest.fixture(scope="module")
def settings(small_motion):
    chosen = parsing.parse(["--data", str(small_motion.root)], "")
    return resolve.settings(chosen, small_motion, None)


def test_parameters_are_learnt_from_the_training_videos(settings):
    """Whatever was chosen, and on which."""
    assert selection.from_split(settings, "train", ["train", "test"]) == ["its parameters are"]


@pytest.mark.parametrize(
    ("split", "splits", "chosen"),
    [
        ("test", ["train", "test"], True),
        ("test", ["train", "validation", "test"], False),
        ("validation", ["train", "validation", "test"], True),
        ("validation", ["train", "validation"], True),
    ],
)
def test_the_checkpoint_is_chosen_on_the_split_that_is_watched(settings, split, splits, chosen):
    """The validation videos, or the test videos where there are none."""
    found = selection.from_split(settings, split, splits)
    assert found == ["the best checkpoint is"] * chosen


def test_a_last_checkpoint_is_not_chosen(settings):
    """Unless patience ended the run."""
    last = dataclasses.replace(settings.recipe, keep="last")
    settings = dataclasses.replace(settings, recipe=last)
    assert selection.by_judging(settings) == []
    patient = dataclasses.replace(last, patience=2)
    settings = dataclasses.replace(settings, recipe=patient)
    assert selection.by_judging(settings) == ["the end of the run is"]
