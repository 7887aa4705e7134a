"""Lessons to work in: nothing spoilt, nothing overwritten, and they find flaxvid."""

import json
import os
import sys
from pathlib import Path

import nbformat
import pytest

from flaxvid import errors
from flaxvid.exercise import __main__ as commands
from flaxvid.exercise import catalogue, working_copies

LESSONS = sorted(path.name for path in working_copies.COURSE.glob("[0-9]*.ipynb"))


@pytest.fixture
def folder(tmp_path):
    """All lessons, copied by the command."""
    folder = tmp_path / "my" / "course"
    commands.run(commands.parse(["start", str(folder)]))
    return folder


def test_copies_have_the_cells_and_no_outputs(folder):
    """Every lesson is there; all cells but the first of code are as they were."""
    assert sorted(path.name for path in folder.iterdir()) == LESSONS
    for name in LESSONS:
        copy, lesson = (
            nbformat.read(where / name, as_version=4) for where in (folder, working_copies.COURSE)
        )
        nbformat.validate(copy)
        coded = [cell for cell in copy.cells if cell.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in coded)
        differ = [
            mine
            for mine, own in zip(copy.cells, lesson.cells, strict=True)
            if mine.source != own.source
        ]
        assert differ == coded[:1]


def test_a_copy_runs_wherever_it_lies(folder, monkeypatch):
    """Its first cell brings it to the clone: to its flaxvid, and to where lessons keep data."""
    (first, *_) = (
        cell
        for cell in json.loads((folder / LESSONS[0]).read_text())["cells"]
        if cell["cell_type"] == "code"
    )
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("FLAXVID_COPY", raising=False)
    for _ in range(2):  # run again, it still knows where the copy lies
        exec("".join(first["source"]), {})
    assert Path(os.environ["FLAXVID_COPY"]) == folder
    assert Path.cwd() == working_copies.COURSE
    assert sys.path[0] == str(catalogue.ROOT)


def test_nothing_of_a_learners_is_overwritten(folder, capsys):
    """Started again, what is there stays, links too; one line names it. What is gone comes back."""
    first, second, third, *_ = LESSONS
    (folder / first).write_text("mine")
    (folder / second).unlink()
    (folder / third).unlink()
    (folder / third).symlink_to("elsewhere")
    capsys.readouterr()
    commands.run(commands.parse(["start", str(folder)]))
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2
    assert "1 lesson without" in out[0]
    assert first in out[1]
    assert second not in out[1]
    assert (folder / first).read_text() == "mine"
    assert (folder / second).exists()
    assert (folder / third).is_symlink()


@pytest.mark.parametrize("name", ["course", "course/00_jax_in_half_an_hour.ipynb"])
def test_the_lessons_themselves_are_no_place_for_copies(name):
    """Nor is a file: one line says so."""
    with pytest.raises(errors.UserError, match="00_jax|holds the lessons themselves"):
        working_copies.write(catalogue.ROOT / name)
