"""Strictness refuses nobody: right answers that go another way pass."""

import pytest

from flaxvid.exercise import catalogue, checking
from tests.course import right_answers

# One for every eighth exercise; tests/benchmarks/exercise_answers.py has all.
SAMPLE = [(name, several[0]) for name, several in list(right_answers.RIGHT.items())[::8]]


@pytest.mark.parametrize("name", list(catalogue.exercises()))
def test_three_right_answers_for_every_exercise(name):
    """At least three, each of them another way."""
    assert len(right_answers.RIGHT[name]) >= 3


@pytest.mark.parametrize(("name", "right"), SAMPLE, ids=[right.__name__ for _, right in SAMPLE])
def test_a_right_answer_is_accepted(name, right):
    """Whatever way it goes."""
    verdict = checking.judge(right, name, 60.0)
    assert verdict.passed, verdict.text()
