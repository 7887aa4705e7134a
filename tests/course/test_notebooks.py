"""Rule 2: every notebook runs unsolved and solved, and is committed as it runs."""

import ast
import copy
import inspect
import re

import nbformat
import pytest

from course import render
from flaxvid.exercise import catalogue, mine

LESSONS = sorted(path.stem for path in render.COURSE.glob("[0-9]*.ipynb"))
LONGEST_CELL = 25


@pytest.fixture(params=LESSONS)
def notebook(request):
    return nbformat.read(render.COURSE / f"{request.param}.ipynb", as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def stub_of(cell):
    """The function or class of an exercise that a cell leaves to be written, or None."""
    if "raise NotImplementedError" not in cell.source:
        return None
    for node in ast.parse(cell.source).body:
        if isinstance(node, mine.Definition) and mine.is_stub(node):
            return node
    return None


def solved(cell, node):
    """The cell with flaxvid's own source in the place of the stub."""
    name = catalogue.find(node.name).name
    module, _ = catalogue.module_and_attribute(name)
    own = inspect.getsource(inspect.unwrap(catalogue.reference(name)))
    # What the source takes from its module, without changing what the notebook has named.
    names = "globals().update({k: v for k, v in vars(own).items() if k not in globals()})"
    lines = cell.source.splitlines()
    before, after = lines[: node.lineno - 1], lines[node.end_lineno :]
    return "\n".join([f"import {module.__name__} as own", names, *before, own, *after])


def test_it_runs_unsolved(notebook):
    """From stubs to the end, without an error, each exercise not written yet."""
    render.execute(notebook)
    for cell in code_cells(notebook):
        if node := stub_of(cell):
            assert printed(cell).startswith(f"· {node.name}: not written yet"), printed(cell)


def test_it_runs_solved(notebook):
    """With flaxvid's own source in every stub, each check passes and all later cells run."""
    unsolved = copy.deepcopy(code_cells(notebook))
    for cell in code_cells(notebook):
        if node := stub_of(cell):
            cell.source = solved(cell, node)
    render.execute(notebook)
    count = 0
    for before, cell in zip(unsolved, code_cells(notebook), strict=True):
        if node := stub_of(before):
            assert printed(cell).startswith(f"✓ {node.name}: passed"), printed(cell)
            count += 1
    assert f"{count} of " in "".join(printed(cell) for cell in code_cells(notebook))


def test_its_outputs_are_as_old_as_its_source(notebook):
    """Otherwise run `python course/render.py`."""
    assert notebook.metadata.flaxvid.source == render.source_hash(notebook)


def test_it_is_committed_executed_and_clean(notebook):
    """Pictures are there; errors, paths of a machine, warnings and timings are not."""
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    told = "".join(output.get("text", "") for output in outputs)
    assert not re.search(r"/home/|/tmp/|/usr/|site-packages|Warning", told)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "flaxvid"}
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)


def test_its_cells_are_short(notebook):
    """25 lines of code at most; longer code belongs to flaxvid, as the text of a stub does."""
    for cell in code_cells(notebook):
        lines = len(cell.source.splitlines())
        if node := stub_of(cell):
            lines -= node.end_lineno - node.lineno
        assert lines <= LONGEST_CELL, cell.source


def test_pictures_beside_the_lessons_are_theirs():
    """What a cell tagged `picture` shows; otherwise run `python course/render.py`."""
    drawn = {}
    for lesson in LESSONS:
        whole = nbformat.read(render.COURSE / f"{lesson}.ipynb", as_version=4)
        drawn |= render.pictures(lesson, whole)
    kept = {path: path.read_bytes() for path in render.COURSE.glob("pictures/*")}
    assert drawn
    assert kept == drawn


@pytest.mark.parametrize("page", ["README.md", "course/README.md", "data/README.md"])
def test_links_of_a_page_lead_somewhere(page):
    """To files that are there, pictures among them."""
    path = render.COURSE.parent / page
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
