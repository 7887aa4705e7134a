"""What the checks of each lesson were tried on, as the table of course/README.md.

    python -m tests.course.counts

prints it. A mutant that is not listed as equivalent is one that
`python tests/benchmarks/exercise_mutants.py` shows to fail.
"""

import itertools
import tomllib
from pathlib import Path

from flaxvid.exercise import catalogue
from tests.course import equivalent, mutants, right_answers, wrong_answers

HEAD = (
    "| lesson | requirements | wrong answers | mutants | of them equivalent | right answers |",
    "|---|---|---|---|---|---|",
)


def table() -> str:
    """A line for each lesson, and their sum: what is to be rejected, and what accepted."""
    asked = tomllib.loads((Path(__file__).parent / "requirements.toml").read_text(encoding="utf-8"))
    lines, total = [], [0] * 5
    by_lesson = itertools.groupby(catalogue.exercises().values(), lambda found: found.lesson)
    for lesson, group in by_lesson:
        names = [exercise.name for exercise in group]
        numbers = [
            # What only explains, or names an argument, has a reason in place of wrong answers.
            sum(isinstance(found, list) for name in names for found in asked[name].values()),
            sum(len(wrong_answers.WRONG[name]) for name in names),
            sum(len(mutants.of(name)) for name in names),
            sum(len(equivalent.EQUIVALENT.get(name, {})) for name in names),
            sum(len(right_answers.RIGHT[name]) for name in names),
        ]
        total = [sum(pair) for pair in zip(total, numbers, strict=True)]
        lines.append(_line(lesson, numbers))
    return "\n".join([*HEAD, *lines, _line("all", total)])


def _line(lesson, numbers):
    return f"| {lesson} | {' | '.join(f'{number:,}' for number in numbers)} |"


if __name__ == "__main__":
    print(table())
