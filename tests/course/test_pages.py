"""What the pages are made of: all that their links lead to, and nothing twice.

`python course/render.py site` sets them, and takes any warning for an error.
"""

import importlib
import json
import re

import pytest

from course import pages

LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    pages.stage(folder)
    return folder


def texts(staged):
    """Every page with what a link may stand in."""
    for path in staged.rglob("*.md"):
        yield path, re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    for path in staged.rglob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield path, "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def test_links_lead_to_what_is_there(staged):
    """From the README, the lessons and the results."""
    found = 0
    for path, text in texts(staged):
        for link in LINK.findall(text):
            if "://" not in link and not link.endswith(","):  # of code, as in f[a](x, y)
                found += 1
                assert (path.parent / link).is_file(), f"{path.name}: {link}"
    assert found > 20


def test_every_lesson_and_result_is_listed(staged):
    """A page that no list has would be found by nobody."""
    index = (staged / "index.md").read_text(encoding="utf-8")
    for path, _ in texts(staged):
        page = path.relative_to(staged).with_suffix("").as_posix()
        assert page == "index" or f"\n{page}\n" in index


def test_the_reference_has_modules_that_are_there(staged):
    """Each by its whole docstrings, and each once."""
    modules = [name for names in pages.REFERENCE.values() for name in names]
    assert len(set(modules)) == len(modules)
    text = (staged / "reference.md").read_text(encoding="utf-8")
    for name in modules:
        assert importlib.import_module(name).__doc__
        assert text.count(f".. automodule:: {name}\n") == 1


def test_indented_code_is_set_as_code():
    """And the sections of a docstring stay what they are."""
    code = ["Reads it:", "", "    read(path)", "", "More.", "", "Args:", "    path: of it."]
    lines = list(code)
    pages._code_as_code(None, "module", "m", None, None, lines)
    assert lines == [*code[:2], "::", "", *code[2:]]
