"""Copies of the lessons to work in: without outputs, so that no prediction is spoilt."""

import json
from pathlib import Path

from flaxvid import errors, files, folders
from flaxvid.exercise import catalogue

COURSE = catalogue.COURSE
# A kernel begins in the folder of its notebook, and there a clone's flaxvid may not be found.
FOUND = """\
# This is a working copy: flaxvid, its tests and its data are those of the clone.
import os
import sys

CLONE = {clone!r}
os.environ.setdefault("FLAXVID_COPY", os.getcwd())  # where your own files lie, such as mine.py
sys.path.insert(0, CLONE)
os.chdir(os.path.join(CLONE, "course"))"""


def write(folder: Path) -> tuple[list[str], list[str]]:
    """Writes the lessons that `folder` does not have yet; a file that is there is left alone.

    Their first code cell, which fetches flaxvid on Colab, names the clone instead, so that a copy
    runs wherever it lies.

    Returns:
        The names of the files written, and of those that were there.

    Raises:
        UserError: if there are no lessons, if `folder` is that of the lessons themselves, or if it
            cannot be written.
    """
    folder = Path(folder)
    catalogue.exercises()
    lessons = sorted(COURSE.glob("[0-9]*.ipynb"))
    if folder.resolve() == COURSE.resolve():
        raise errors.UserError(
            f"{folder}: holds the lessons themselves: name a new folder for the copies"
        )
    folders.make_folder(folder)
    written, there = [], []
    for lesson in lessons:
        copy = folder / lesson.name
        # A link that leads nowhere is the learner's as well.
        if copy.exists() or copy.is_symlink():
            there.append(copy.name)
            continue
        files.write_text(copy, unspoilt(lesson.read_text(encoding="utf-8")))
        written.append(copy.name)
    return written, there


def unspoilt(text: str) -> str:
    """A notebook's text without outputs and counts, its first code cell naming the clone."""
    notebook = json.loads(text)
    coded = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in coded:
        cell["outputs"], cell["execution_count"] = [], None
    coded[0]["source"] = FOUND.format(clone=str(catalogue.ROOT)).splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
