"""What is done and what is to do: a learner's progress, kept in a file that git ignores."""

import contextlib
import itertools
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from flaxvid import errors, files
from flaxvid.exercise import catalogue

TICK, CROSS, DOT = "✓", "✗", "·"


def path() -> Path:
    """The progress file: one for the clone, wherever notebooks and commands are run."""
    return Path(os.environ.get("FLAXVID_PROGRESS", catalogue.ROOT / ".flaxvid-progress.json"))


def passed() -> list[str]:
    """The exercises passed so far; a broken file counts as none."""
    try:
        names = json.loads(path().read_text(encoding="utf-8"))["passed"]
        return [name for name in catalogue.exercises() if name in names]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []


def keep(names: Iterable[str]) -> None:
    """Writes which exercises are passed. A folder that cannot be written loses it, no more."""
    with contextlib.suppress(errors.FileError):
        files.write_json(path(), {"passed": sorted(names)})


def after_success(name: str) -> str:
    """Notes a success, and says how far one is and where flaxvid's own version stands."""
    done = {*passed(), name}
    keep(done)
    total = len(catalogue.exercises())
    return f"  {len(done)} of {total} exercises done. flaxvid's own: {catalogue.place(name)}"


def text() -> str:
    """The board: every exercise by lesson, with what it takes."""
    done, lines = set(passed()), []
    known = catalogue.exercises().values()
    width = max(len(exercise.name) for exercise in known)
    for lesson, group in itertools.groupby(known, key=lambda exercise: exercise.lesson):
        group = list(group)
        count = sum(exercise.name in done for exercise in group)
        lines.append(f"{lesson}  {count} of {len(group)}")
        for exercise in group:
            tick = green(TICK) if exercise.name in done else DOT
            takes = f"{exercise.difficulty:<6} {exercise.minutes:>3} min  {exercise.importance}"
            lines.append(f"  {tick} {exercise.name:<{width}} {takes}")
    lines.append(f"{len(done)} of {len(known)} done")
    return "\n".join(lines)


def _painted(text: str, code: int) -> str:
    live = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\033[{code}m{text}\033[0m" if live else text


def green(text: str) -> str:
    """Green in a terminal, plain elsewhere."""
    return _painted(text, 32)


def red(text: str) -> str:
    """Red in a terminal, plain elsewhere."""
    return _painted(text, 31)


def dim(text: str) -> str:
    """Faint in a terminal, plain elsewhere."""
    return _painted(text, 2)
