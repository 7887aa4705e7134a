"""Rule 3: flaxvid imports modules and not functions, which would escape substitution."""

import ast
import importlib
import importlib.util

from flaxvid.exercise import catalogue

FILES = sorted((catalogue.ROOT / "flaxvid").rglob("*.py"))


def is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # what it is said to be in is no package
        return False


def test_a_file_imports_modules_only():
    """Of flaxvid, `from flaxvid.video import sample`; never `from ...sample import f`."""
    assert [place for path in FILES for place in other_imports(path)] == []


def other_imports(path):
    """Where a file imports something else of flaxvid, or by a relative name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        where = f"{path.relative_to(catalogue.ROOT)}:{node.lineno}"
        if node.level:
            yield f"{where}: a relative import; write it out"
        elif node.module.partition(".")[0] == "flaxvid":
            for alias in node.names:
                bound = f"{node.module}.{alias.name}"
                if not is_module(bound):
                    yield f"{where}: {bound} is no module; import {node.module}"


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


def test_a_file_takes_what_is_there():
    """After a renaming, no `step.prepare` is left that nobody runs: each name is in its module."""
    gone = [
        f"{path.relative_to(catalogue.ROOT)}: {place}"
        for path in CODE
        for place in missing(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert gone == []


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
