"""Rule 5: mistakes that people make are rejected, and the verdict is one that helps."""

import pytest

from flaxvid.exercise import catalogue, checking, instrument, verdicts
from tests.course import right_answers, wrong_answers

# One for every third exercise, the next one's next; tests/benchmarks/exercise_answers.py has all.
SAMPLE = [
    (name, several[place % len(several)])
    for place, (name, several) in enumerate(wrong_answers.WRONG.items())
    if place % 3 == 0
]


@pytest.mark.parametrize(("name", "wrong"), SAMPLE, ids=[wrong.__name__ for _, wrong in SAMPLE])
def test_a_known_wrong_answer_is_rejected(name, wrong):
    """The verdict fits a screen, and has the call and a sentence."""
    verdict = checking.judge(wrong, name, 60.0)
    assert verdict.state == verdicts.FAILED
    text = verdict.text()
    assert len(text.splitlines()) <= 25
    assert f"{wrong.__name__}(" in text, text
    assert "parameters must stay" not in text
    assert "Traceback" not in text


@pytest.mark.parametrize("name", list(wrong_answers.WRONG))
def test_planted_answers_take_the_right_parameters(name):
    """Else they would be rejected, or accepted, for another reason than the one planted."""
    own = catalogue.reference(name)
    for answer in [*wrong_answers.WRONG[name], *right_answers.RIGHT[name]]:
        assert not instrument.changed_signature(answer, own), answer.__name__


def test_three_wrong_answers_for_every_exercise_of_a_finished_lesson():
    """An exercise whose lesson is there has at least three planted mistakes."""
    for name, exercise in catalogue.exercises().items():
        if (catalogue.TABLE.parent / f"{exercise.lesson}.ipynb").exists():
            assert len(wrong_answers.WRONG[name]) >= 3, name
