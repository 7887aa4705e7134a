"""Which exercises there are, and where their tests and their references stand."""

import dataclasses
import difflib
import functools
import importlib
import inspect
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from flaxvid import errors

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
COURSE = ROOT / "course"
TABLE = COURSE / "exercises.toml"


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One function or class of flaxvid that a learner writes."""

    name: str
    """Dotted, under flaxvid: `video.sample.uniform_indices`."""
    lesson: str
    """The notebook that sets it, without its suffix."""
    difficulty: str
    """easy, medium or hard."""
    minutes: int
    importance: str
    """core: later lessons, or the lesson's own question, rest on it; useful; or extra, which may be
    left out by who has less time."""
    nudge: str
    """The first hint: a question that shows where to look."""
    way: str
    """The second: how it goes, with the names of what to call."""


@functools.cache
def exercises() -> dict[str, Exercise]:
    """Every exercise by its dotted name, in the order of the course.

    Raises:
        UserError: if flaxvid was installed without its tests and its course.
    """
    if not TABLE.exists() or not TESTS.exists():
        raise errors.UserError(
            f"{ROOT}: the exercises are flaxvid's tests, which an installed wheel does not carry: "
            "clone the repository and install it with `pip install -e '.[course]'`"
        )
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: Exercise(name=name, **entry) for name, entry in table.items()}


def find(name: str) -> Exercise:
    """The exercise of a dotted name, or of any end of one: `uniform_indices`.

    Raises:
        UserError: if no exercise has that name, or several have.
    """
    known = exercises()
    if name in known:
        return known[name]
    matches = [full for full in known if full.endswith(f".{name}")]
    if len(matches) > 1:
        raise errors.UserError(f"{name}: several exercises have this name: say which, {matches}")
    if not matches:
        short = {full.rpartition(".")[2]: full for full in known}
        close = difflib.get_close_matches(name.rpartition(".")[2], short, n=1)
        meant = f"did you mean {close[0]}?" if close else "see `python -m flaxvid.exercise`"
        raise errors.UserError(f"{name}: no exercise has this name: {meant}")
    return known[matches[0]]


def text(name: str) -> str:
    """What the lesson asks for, as Markdown; without the line on hints in a notebook."""
    lesson = COURSE / f"{exercises()[name].lesson}.ipynb"
    cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    (found,) = [source for source in sources if source.startswith(f"### Exercise `{name}`")]
    return re.sub(r"\s*\bStuck\?.*?(\n\n|\Z)", r"\1", found, flags=re.DOTALL).strip("# \n")


def module_and_attribute(name: str) -> tuple[object, str]:
    """The module of flaxvid that holds an exercise, and the exercise's name in it."""
    module, _, attribute = name.rpartition(".")
    return importlib.import_module(f"flaxvid.{module}"), attribute


# What learners' versions replaced, for as long as they stand in its place.
replaced: dict[str, Callable] = {}


def reference(name: str) -> Callable:
    """flaxvid's own version of an exercise, whoever's is installed at the moment."""
    module, attribute = module_and_attribute(name)
    return replaced.get(name, getattr(module, attribute))


def place(name: str) -> str:
    """Where flaxvid's own version stands, `flaxvid/video/sample.py:34`."""
    own = inspect.unwrap(reference(name))
    return f"{Path(inspect.getsourcefile(own)).relative_to(ROOT)}:{inspect.getsourcelines(own)[1]}"


def test_files(name: str) -> list[Path]:
    """The test files that mention an exercise: running only these keeps a check quick."""
    quoted = f'"{name}"'
    files = sorted(TESTS.rglob("test_*.py"))
    return [path for path in files if quoted in path.read_text(encoding="utf-8")]
