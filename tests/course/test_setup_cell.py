"""The cell that each lesson begins with: nothing at home; on Colab flaxvid, beside a whole JAX."""

import importlib.metadata
import os
import sys
import types

import nbformat
import pytest
from IPython.core import inputtransformer2

from course import render

LESSONS = sorted(render.COURSE.glob("[0-9]*.ipynb"))


def first_code_cell(path):
    cells = nbformat.read(path, as_version=4).cells
    return next(cell.source for cell in cells if cell.cell_type == "code")


def executed(source, monkeypatch):
    """What the cell has the shell and IPython do, as one command each."""
    done, names = [], {}

    class Shell:
        def system(self, command):
            done.append(command.format(**names))

        def run_line_magic(self, magic, line):
            done.append(f"%{magic} {line.format(**names)}")

    monkeypatch.setattr(sys, "path", list(sys.path))
    names["get_ipython"] = Shell
    exec(inputtransformer2.TransformerManager().transform_cell(source), names)
    return done


def test_all_lessons_have_the_same():
    """So that one test is enough for them, and one change."""
    assert len({first_code_cell(path) for path in LESSONS}) == 1


def test_at_home_it_does_nothing(monkeypatch):
    """No Colab, nothing to fetch."""
    assert executed(first_code_cell(LESSONS[0]), monkeypatch) == []


@pytest.mark.parametrize(
    ("installed", "wanted"),
    [
        (["jax", "jax-cuda12-plugin", "jax-cuda12-pjrt"], "jax[cuda12]"),
        (["jax", "jax-cuda13-plugin"], "jax[cuda13]"),
        (["jax", "libtpu"], "jax[tpu]"),
        (["jax"], "jax[]"),
    ],
)
def test_on_colab_it_fetches_what_it_is_told(installed, wanted, monkeypatch):
    """Whatever the repository is called; and JAX's plugin for the device is asked for with JAX."""
    there = [types.SimpleNamespace(name=name) for name in installed]
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: there)
    page = "https://github.com/somebody/a-name/blob/main/course/01_decode_a_video.ipynb "
    monkeypatch.setattr("builtins.input", lambda asked: page)
    assert executed(first_code_cell(LESSONS[0]), monkeypatch) == [
        "git clone --quiet https://github.com/somebody/a-name flaxvid",
        f'%pip install --quiet -e "flaxvid[course]" "{wanted}"',
        "%cd flaxvid/course",
    ]


def test_the_second_lesson_on_colab_asks_nothing(monkeypatch):
    """The clone is there already; this kernel has to find it."""
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(os.path, "exists", lambda path: path == "flaxvid")
    monkeypatch.setattr(importlib.metadata, "distributions", list)
    assert executed(first_code_cell(LESSONS[0]), monkeypatch) == [
        '%pip install --quiet -e "flaxvid[course]" "jax[]"',
        "%cd flaxvid/course",
    ]
