"""Rule 2: a notebook runs whether its exercises are solved or not, and is committed as it runs."""

import ast
import copy
import inspect
import re

import nbformat
import pytest

from course import render
from flaxvid.exercise import catalogue, mine
from tests.course import test_imports

LESSONS = sorted(path.stem for path in render.COURSE.glob("[0-9]*.ipynb"))
LONGEST_CELL = 25


@pytest.fixture(params=LESSONS)
def lesson(request):
    return request.param


@pytest.fixture
def notebook(lesson):
    return nbformat.read(render.COURSE / f"{lesson}.ipynb", as_version=4)


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


SMALL_SET = 'Path("../data/course/14"), counts=dict(train=40, validation=20, test=80)'
# The trainings of the lessons in a few steps: what they learn is in the committed outputs.
SHORTER = {
    "04": {"STEPS, BATCH = 120,": "STEPS, BATCH = 3,"},
    "06": {
        "draw(0, 500)": "draw(0, 150)",
        "draw(1, 150)": "draw(1, 50)",
        "split(model), 600": "split(model), 200",
        "steps=300": "steps=30",
    },
    "07": {"STEPS = 300": "STEPS = 20"},
    "08": {"STEPS = 300": "STEPS = 20"},
    "10": {"24), 240,": "24), 10,", "*few, 200,": "*few, 10,", "(5, 200, 10)": "(5, 10, 10)"},
    "13": {"STEPS = 400": "STEPS = 6"},
    "14": {
        'Path("../data")': SMALL_SET,
        "STEPS, EVERY, BATCH = 1200, 150, 16": "STEPS, EVERY, BATCH = 20, 10, 16",
    },
}


def shortened(notebook, lesson):
    """The same cells, with fewer steps of training."""
    for long, short in SHORTER.get(lesson[:2], {}).items():
        cells = [cell for cell in code_cells(notebook) if long in cell.source]
        assert cells, f"{lesson} has no {long!r}"
        for cell in cells:
            cell.source = cell.source.replace(long, short)


def with_solutions(notebook):
    """The lesson as its best pupil leaves it: each exercise is written before the next begins.

    Up to there its stub stands, so that the cells that use it run with nothing written.
    """
    cells, written = [], None
    for cell in notebook.cells:
        if cell.cell_type == "code" and (node := stub_of(cell)):
            cells += [written] if written else []
            written = copy.deepcopy(cell)
            written.source = solved(cell, node)
        cells.append(cell)
    return [*cells, written]


def test_it_runs_from_top_to_bottom(notebook, lesson, request):
    """Each check says `not written yet` of the stub, passes with flaxvid's source, and all runs."""
    shortened(notebook, lesson)  # what it shortens has to be there, whether it is executed or not
    if lesson != LESSONS[1] and not request.config.getoption("--lessons"):
        pytest.skip("executed by `pytest --lessons`")
    stubs = [(node.name, cell) for cell in code_cells(notebook) if (node := stub_of(cell))]
    notebook.cells = with_solutions(notebook)
    render.execute(notebook)
    answers = [cell for cell in code_cells(notebook) if cell.source.startswith("import flaxvid")]
    assert len(answers) == len(stubs) >= 2
    for (name, stub), answer in zip(stubs, answers, strict=True):
        assert printed(stub).startswith(f"· {name}: not written yet"), printed(stub)
        assert printed(answer).startswith(f"✓ {name}: passed"), printed(answer)
    assert f"{len(stubs)} of " in printed(answers[-1])


def tree_of(cell):
    """What a cell says in Python, without the lines for IPython."""
    return ast.parse(re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.MULTILINE))


def test_only_its_own_cell_speaks_of_a_stub(notebook):
    """Later cells take flaxvid's version, `sample.uniform_indices`: the learner's or its own."""
    stubs = set()
    for cell in code_cells(notebook):
        if node := stub_of(cell):
            stubs.add(node.name)
            continue
        names = {node.id for node in ast.walk(tree_of(cell)) if isinstance(node, ast.Name)}
        assert not names & stubs, cell.source


def test_what_it_takes_from_flaxvid_is_there(notebook):
    """A lesson that is not executed here is told of a renaming all the same."""
    cells = [tree_of(cell) for cell in code_cells(notebook)]
    whole = ast.Module([node for cell in cells for node in cell.body], [])
    assert test_imports.missing(whole) == []


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


def test_it_begins_and_ends_as_all_do(notebook):
    """A question and what one will do first; what to skip; at the end what was learnt, where it
    comes from, two tasks to go further, and two papers to read on."""
    first, last = notebook.cells[0].source, notebook.cells[-1].source
    assert re.match(r"# \d+\. .*\n\n\*\*[^*]+\?", first)
    for part in ("In this lesson you ", "*Before you begin", "*If time is short, write `"):
        assert part in " ".join(first.split()), part
    for part in ("## What you can do now", "**Sources.**", "**Go further.** (1) ", "**Read on.** "):
        assert last.count(part) == 1, part
    further, read_on = (last.partition(part)[2] for part in ("**Go further.**", "**Read on.**"))
    assert "(2)" in further.partition("\n\n")[0]
    assert len(re.findall(r"\]\(http", read_on.partition("\n\n")[0])) >= 2
    assert re.search(r"\*\*(Next:|The end)\*\*", last)


QUESTIONS = re.compile(r"\*\*(Predict first|Before you read on|Spot the bug)")
# What may stand behind a question: what it asks of, a cell to run, a fold, or something else anew.
NO_ANSWER = ("## ", "### Exercise", "<details>", "1. ", "```", "**Predict first")


def test_no_answer_follows_its_question(notebook):
    """What a question asks for is computed by the next cell, or folded until it is opened."""
    for cell, after in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code":
            continue
        paragraphs = cell.source.split("\n\n")
        follows = [*paragraphs[1:], "```" if after.cell_type == "code" else after.source]
        for paragraph, next_one in zip(paragraphs, follows, strict=True):
            if QUESTIONS.search(paragraph):
                assert next_one.startswith(NO_ANSWER), paragraph


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
