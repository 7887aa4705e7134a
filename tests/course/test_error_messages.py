"""What a check wants to read in an error is asked for: other words are as right."""

import ast
import re

import pytest

from flaxvid.exercise import catalogue
from tests.course import sentences

MARKER = re.compile(r'mark\.exercise\(\s*"([\w.]+)"')
WORD = re.compile(r"(?<![\\\w])[a-z][a-z_]+")


def words_wanted():
    """Exercise, place in the tests and word, of every pattern that an error has to match."""
    for path in catalogue.TESTS.rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        if path.parent.name in ("course", "exercise") or not MARKER.search(text):
            continue
        tree = ast.parse(text)
        markers = {
            line.targets[0].id: set(MARKER.findall(ast.unparse(line).replace("'", '"')))
            for line in tree.body
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
        }
        for test in tree.body:
            if not isinstance(test, ast.FunctionDef):
                continue
            named = [ast.unparse(one).replace("'", '"') for one in test.decorator_list]
            exercises = set().union(*(markers.get(one, MARKER.findall(one)) for one in named))
            for pattern in patterns_of(test):
                for word in WORD.findall(pattern):
                    for exercise in exercises:
                        yield exercise, f"{path.name}:{test.name}", word


def patterns_of(test):
    """The constant text of each `match=` of a test."""
    for node in ast.walk(test):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.raises":
            for given in node.keywords:
                texts = [part.value for part in ast.walk(given) if isinstance(part, ast.Constant)]
                yield " ".join(text for text in texts if isinstance(text, str))


WANTED = sorted(set(words_wanted()))


def test_some_errors_have_to_say_something():
    """Or this file looks for nothing."""
    assert len({exercise for exercise, _, _ in WANTED}) > 3


@pytest.mark.parametrize(("exercise", "place", "word"), WANTED)
def test_a_word_of_an_error_is_asked_for(exercise, place, word):
    """It stands in the lesson's text or the docstring; a learner cannot guess it."""
    asked = " ".join([*sentences.of_docstring(exercise), sentences.of_lesson(exercise)])
    assert word in asked, f"{place} wants {word!r} in an error"
