"""Training videos learnt by heart: when it is clear, and what is said."""

from pathlib import Path

import pytest

from flaxvid.data import manifest
from flaxvid.evaluation import overfitting


def rows_of(*counts):
    """A manifest with so many rows of each class."""
    rows = [
        manifest.Row(f"{label}{number}.mp4", label)
        for label, count in zip("abc", counts, strict=False)
        for number in range(count)
    ]
    return manifest.of_rows(Path("here"), rows)


def test_chance_is_the_most_frequent_class():
    """80 of 100 of one class: 80% is nothing, and neither is 87%, within two standard errors."""
    found = overfitting.chance(rows_of(80, 20))
    assert found == overfitting.Chance(100, 0.8)
    assert found.explains(0.87)
    assert not found.explains(0.89)


@pytest.mark.parametrize(("accuracy", "told"), [(0.1, True), (0.118, True), (0.13, False)])
def test_ten_classes_of_a_hundred_videos_each(accuracy, told):
    """Chance is 10%, give or take 2%."""
    assert overfitting.Chance(1000, 0.1).explains(accuracy) == told


def test_accuracy_in_training_is_of_the_steps_before_the_evaluation():
    """Steps 7 to 10: three at 100% and one at 60%. What came before the last evaluation is past."""
    rows = [
        {"step": 3, "accuracy": 0.0}, {"step": 6, "accuracy": 0.5},
        {"step": 6, "validation_accuracy": 0.1},
        {"step": 9, "accuracy": 1.0}, {"step": 10, "accuracy": 0.6},
        {"step": 10, "validation_accuracy": 0.1},
        {"step": 10, "test_accuracy": 0.1},
    ]  # fmt: skip
    assert overfitting.training_accuracy(rows) == pytest.approx(0.9)
    assert overfitting.training_accuracy([]) is None


@pytest.mark.parametrize(
    ("learnt", "accuracy", "told"),
    [
        (1.0, 0.1, True),
        (0.96, 0.11, True),
        (0.9, 0.1, False),
        (1.0, 0.3, False),
        (None, 0.1, False),
    ],
)
def test_it_is_said_when_it_is_clear(learnt, accuracy, told):
    """All of the training videos right, and no more of the others than chance has."""
    by = overfitting.Chance(1000, 0.1)
    said = overfitting.warning(learnt, "validation", accuracy, by, arch="c3d", pixels=True)
    assert (said is not None) == told
    if told:
        assert said.startswith(
            f"warning: {learnt:.0%} right in training, but {accuracy:.0%} of 1000"
        )
        assert "--arch embedding_transformer" in said


def test_a_linear_model_is_not_told_to_be_one():
    """It is solved in closed form: only its inputs can be others."""
    by = overfitting.Chance(1000, 0.1)
    said = overfitting.warning(1.0, "test", 0.1, by, arch="linear", pixels=False)
    assert "another --encoder" in said
    assert "--arch" not in said
    assert "--views" not in said


def test_a_good_accuracy_is_no_chance_however_few_the_videos():
    """Both of two videos right, or all of one class: that is not what is warned of."""
    for by in (overfitting.Chance(2, 0.5), overfitting.Chance(30, 1.0)):
        assert overfitting.warning(1.0, "test", 1.0, by, arch="c3d", pixels=True) is None
