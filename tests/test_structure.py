"""The house: data flows one way, and what learns knows nothing of disks, runs or pictures."""

import ast
import builtins
from pathlib import Path

import pytest

import flaxvid

ROOT = Path(flaxvid.__file__).parent

# What the modules of a folder may import of flaxvid, beside their own folder and these two.
EVERYWHERE = {"errors", "progress", "ranges", "range_checks"}
EVERYWHERE |= {"files", "folders", "atomic", "stores", "store_copies"}
MAY_IMPORT = {
    "video": set(),
    "data": {"video"},
    "models": {"video"},
    "recipes": {"video", "models"},
    "training": {"video", "recipes"},
    "weights": {"video", "models", "recipes"},
    "figures": {"video"},
    "evaluation": {"video", "data", "training", "figures"},
    "runs": {
        "commandline",
        "option_aliases",
        "video",
        "data",
        "models",
        "recipes",
        "training",
        "evaluation",
        "weights",
        "figures",
    },
    "preparation": {"video", "data", "models", "runs"},
    "prediction": {"video", "data", "models", "recipes", "training", "runs", "weights", "figures"},
    "exercise": {"figures"},
    "commandline": {"option_aliases"},
    "option_aliases": set(),
}
FOLDERS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))


def imported(path):
    """The folders, or modules at the top, that a file imports of flaxvid, with line numbers."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "flaxvid":
            deeper = node.module.split(".")[1:]
            for name in deeper[:1] or [alias.name for alias in node.names]:
                yield name, node.lineno


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_from_those_before_it(folder):
    """`training` can import no run and no figure; `video` nothing but itself."""
    allowed = MAY_IMPORT[folder] | EVERYWHERE | {folder}
    for path in sorted((ROOT / folder).glob("*.py")):
        for name, line in imported(path):
            assert name in allowed, f"{folder}/{path.name}:{line} imports {name}"


def test_no_circle():
    """Folders can be ordered so that each imports only from earlier ones."""
    left, done = dict(MAY_IMPORT), set()
    while left:
        ready = [folder for folder, needs in left.items() if needs <= done]
        assert ready, f"a circle among {sorted(left)}"
        done |= set(ready)
        for folder in ready:
            del left[folder]


def test_every_architecture_is_one_line():
    """`recipes/zoo.py` stays a table: one line a name."""
    tree = ast.parse((ROOT / "recipes" / "zoo.py").read_text(encoding="utf-8"))
    (table,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and node.target.id == "ARCHITECTURES"
    ]
    assert all(
        key.lineno == value.end_lineno for key, value in zip(table.keys, table.values, strict=True)
    )


def test_every_module_that_is_used_is_imported():
    """Ruff is blind here, because shapes in annotations look to it like unknown names."""
    assert [place for path in sorted(ROOT.rglob("*.py")) for place in _unbound(path)] == []


def _unbound(path):
    """Where a file has `name.attribute` of a name that nothing in it gives a meaning."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bound = {name for node in ast.walk(tree) for name in _bound(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = node.value.id
            if name not in bound and not hasattr(builtins, name):
                yield f"{path}:{node.lineno}: {name}"


def _bound(node):
    """The names that a node of a syntax tree gives a meaning."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return [node.name]
    return []
