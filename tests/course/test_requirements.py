"""Every sentence that asks for something has a wrong answer that breaks it."""

import tomllib
from pathlib import Path

import pytest

from flaxvid.exercise import catalogue
from tests.course import sentences, wrong_answers

PAIRS = tomllib.loads((Path(__file__).parent / "requirements.toml").read_text(encoding="utf-8"))


def test_the_exercises_are_those_of_the_course():
    """No exercise without its requirements."""
    assert list(PAIRS) == list(catalogue.exercises())


@pytest.mark.parametrize("name", list(catalogue.exercises()))
def test_every_sentence_is_paired(name):
    """Each sentence of the docstring is listed, and what is listed is asked somewhere."""
    listed, asked = PAIRS[name], sentences.of_docstring(name)
    missing = [sentence for sentence in asked if sentence not in listed]
    assert not missing, f"pair it in requirements.toml: {missing[0]}"
    lesson = sentences.of_lesson(name)
    unasked = [sentence for sentence in listed if sentence not in asked and sentence not in lesson]
    assert not unasked, f"neither docstring nor lesson says: {unasked[0]}"


@pytest.mark.parametrize("name", list(catalogue.exercises()))
def test_every_wrong_answer_breaks_a_sentence(name):
    """Each sentence has its wrong answers, or a reason for having none; each of them a sentence."""
    known = {wrong.__name__ for wrong in wrong_answers.WRONG[name]}
    broken = {sentence: found for sentence, found in PAIRS[name].items() if isinstance(found, list)}
    assert all(broken.values())
    named = {wrong for found in broken.values() for wrong in found}
    assert named == known
    reasons = [found for found in PAIRS[name].values() if not isinstance(found, list)]
    assert all(isinstance(reason, str) and reason for reason in reasons)
