"""Rule 3: flaxvid imports modules and not functions, which would escape substitution."""

import ast
import importlib
import importlib.util

import pytest

from flaxvid.exercise import catalogue

FILES = sorted((catalogue.ROOT / "flaxvid").rglob("*.py"))


def is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # what it is said to be in is no package
        return False


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(catalogue.ROOT)))
def test_a_file_imports_modules_only(path):
    """Of flaxvid, `from flaxvid.video import sample`; never `from ...sample import f`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        where = f"{path.relative_to(catalogue.ROOT)}:{node.lineno}"
        assert node.level == 0, f"{where}: a relative import; write it out"
        if node.module.partition(".")[0] == "flaxvid":
            for alias in node.names:
                bound = f"{node.module}.{alias.name}"
                assert is_module(bound), f"{where}: {bound} is no module; import {node.module}"


CODE = [*FILES, *sorted((catalogue.ROOT / "tests").rglob("*.py"))]


def missing(tree):
    """What is taken from modules of flaxvid and is not there, as `line 3: no step.prepare`."""
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "flaxvid":
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if is_module(name):
                    modules[alias.asname or alias.name] = importlib.import_module(name)
    bound = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    } | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return [
        f"line {node.lineno}: no {node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and isinstance(node.ctx, ast.Load)
        and node.value.id in modules.keys() - bound
        and not hasattr(modules[node.value.id], node.attr)
    ]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(catalogue.ROOT)))
def test_a_file_takes_what_is_there(path):
    """After a renaming, no `step.prepare` is left that nobody runs: each name is in its module."""
    assert missing(ast.parse(path.read_text(encoding="utf-8"))) == []


def kept(tree):
    """The exercises that a module keeps for later when it is imported, as `line 3: c3d.C3D`."""
    modules = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("flaxvid."):
            modules |= {
                alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names
            }
    found, waiting = [], list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda):  # runs later, and looks the name up then
            waiting += node.args.defaults + [one for one in node.args.kw_defaults if one]
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{modules.get(node.value.id, '')}.{node.attr}".removeprefix("flaxvid.")
            if name in catalogue.exercises():
                found.append(f"line {node.lineno}: {name}")
        waiting += [child for field, child in _children(node) if field != "annotation"]
    return found


def _children(node):
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield field, child


def test_no_exercise_is_kept_from_before():
    """A table that holds the class itself would go on making flaxvid's in place of a learner's."""
    for path in FILES:
        assert kept(ast.parse(path.read_text(encoding="utf-8"))) == [], path
    table = "from flaxvid.models import c3d\nKINDS = dict(c3d=c3d.C3D, later=lambda: c3d.C3D)"
    assert kept(ast.parse(table)) == ["line 2: models.c3d.C3D"]
