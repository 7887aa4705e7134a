"""Rule 6: markers, table and notebooks speak of the same exercises, in the same words."""

import ast
import inspect
import re
import textwrap
from pathlib import Path

import nbformat
import pytest

from flaxvid.exercise import catalogue, mine
from tests.exercise import definitions

EXERCISES = catalogue.exercises()
NOTEBOOKS = {
    path.stem: nbformat.read(path, as_version=4)
    for path in sorted(catalogue.TABLE.parent.glob("*.ipynb"))
}
HEADING = re.compile(r"^### Exercise `([\w.]+)` · (\w+) · (\d+) minutes · (\w+)$", re.MULTILINE)


def set_in(notebook):
    """The exercises that a notebook sets, each with its heading and its stub."""
    found = {}
    for text, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if text.cell_type == "markdown":
            for name, difficulty, minutes, importance in HEADING.findall(text.source):
                found[name] = (difficulty, int(minutes), importance), cell.source
    return found


def test_markers_and_table_are_the_same_exercises():
    """Every marker in the tests has its entry in course/exercises.toml, and the reverse."""
    marked = set()
    for path in catalogue.TESTS.rglob("test_*.py"):
        if path.parent.name not in ("course", "exercise"):
            text = path.read_text(encoding="utf-8")
            marked |= set(re.findall(r'mark\.exercise\(\s*"([\w.]+)"', text))
    assert marked == set(EXERCISES)


@pytest.mark.parametrize("name", list(EXERCISES))
def test_a_marker_names_something_of_flaxvid(name):
    """It can be found, is documented, and has a place."""
    reference = catalogue.reference(name)
    assert callable(reference)
    assert inspect.getdoc(reference)
    assert re.fullmatch(r"flaxvid/[\w/]+\.py:\d+", catalogue.place(name))


def test_lessons_are_in_order_and_all_have_exercises():
    """The table follows the course, and every lesson has exercises in it."""
    lessons = [exercise.lesson for exercise in EXERCISES.values()]
    assert lessons == sorted(lessons)
    assert set(lessons) == set(NOTEBOOKS)


@pytest.mark.parametrize("lesson", list(NOTEBOOKS))
def test_a_notebook_sets_its_exercises_once(lesson):
    """2 to 5 of them, headed by difficulty, minutes and importance as the table has them."""
    found = set_in(NOTEBOOKS[lesson])
    of_table = {
        name: (exercise.difficulty, exercise.minutes, exercise.importance)
        for name, exercise in EXERCISES.items()
        if exercise.lesson == lesson
    }
    assert {name: heading for name, (heading, _) in found.items()} == of_table
    assert 2 <= len(found) <= 5
    text = "\n".join(cell.source for cell in NOTEBOOKS[lesson].cells)
    assert len(HEADING.findall(text)) == len(found)


@pytest.mark.parametrize("lesson", list(NOTEBOOKS))
def test_a_stub_in_a_notebook_is_that_of_flaxvid(lesson):
    """Signature and docstring are equal, nothing is done, and `check` follows."""
    for name, (_, source) in set_in(NOTEBOOKS[lesson]).items():
        node = definitions.definition(source)
        own = inspect.getsource(inspect.unwrap(catalogue.reference(name)))
        assert definitions.outside(node) == definitions.outside(definitions.definition(own)), name
        assert mine.is_stub(node), name
        assert ast.unparse(ast.parse(source).body[-1]) == f"check({node.name})"


def imported(source):
    """The names that the imports of a text bind."""
    lines = re.findall(r"^(?:import|from) .*?(?:\(.*?\))?$", source, re.MULTILINE | re.DOTALL)
    nodes = [node for line in lines for node in ast.parse(line).body]
    return {
        (alias.asname or alias.name).partition(".")[0] for node in nodes for alias in node.names
    }


@pytest.mark.parametrize("name", list(EXERCISES))
def test_a_notebook_imports_what_the_stub_of_a_terminal_imports(name):
    """So what the text and the hints speak of is there in both."""
    cells = NOTEBOOKS[EXERCISES[name].lesson].cells
    there = [imported(cell.source) for cell in cells if cell.cell_type == "code"]
    assert imported(mine.stub(name)) <= set().union(*there)


def test_short_names_are_unique():
    """So that a function's own name says which exercise it is."""
    short = [name.rpartition(".")[2] for name in EXERCISES]
    assert len(short) == len(set(short))


@pytest.mark.parametrize("lesson", list(NOTEBOOKS))
def test_every_lesson_has_a_core(lesson):
    """Who skips all that may be skipped still writes something of each lesson."""
    of_lesson = [e.importance for e in EXERCISES.values() if e.lesson == lesson]
    assert "core" in of_lesson


def test_the_readme_says_how_much_is_core():
    """How many exercises are core, and how many hours they and all of them take."""
    minutes = [exercise.minutes for exercise in EXERCISES.values()]
    core = [exercise.minutes for exercise in EXERCISES.values() if exercise.importance == "core"]
    said = f"The {len(core)} that are core take about {sum(core) / 60:.0f} hours of writing, "
    said += f"all {len(minutes)} about {sum(minutes) / 60:.0f}."
    assert said in " ".join((catalogue.COURSE / "README.md").read_text().split())


def test_difficulties_and_hints():
    """Three words for difficulty, and for importance; the first of two hints names no call."""
    for exercise in EXERCISES.values():
        assert exercise.difficulty in ("easy", "medium", "hard")
        assert exercise.importance in ("core", "useful", "extra")
        assert Path(exercise.lesson).name == exercise.lesson
        for hint in (exercise.nudge, exercise.way):
            assert 40 < len(hint) < 600, exercise.name
            assert max(map(len, hint.splitlines())) <= 110, exercise.name
        library = re.findall(r"\b(?:np|jnp|jax|optax|einops|math|re|cv2)\.\w+", exercise.nudge)
        assert not library, exercise.name
        assert "." in exercise.way or "(" in exercise.way, exercise.name


@pytest.mark.parametrize("name", list(EXERCISES))
def test_hints_do_not_give_the_answer_away(name):
    """No expression that flaxvid's own version returns, or gives a name, stands in a hint."""
    hints = "".join(f"{EXERCISES[name].nudge} {EXERCISES[name].way}".split())
    own = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(catalogue.reference(name)))))
    for node in ast.walk(own):
        if isinstance(node, ast.Return | ast.Assign) and node.value:
            said = "".join(ast.unparse(node.value).replace("'", '"').split())
            assert len(said) < 40 or said not in hints, ast.unparse(node)
