"""Rule 3: flaxvid imports modules and not functions, which would escape substitution."""

import ast
import importlib.util

import pytest

from flaxvid.exercise import catalogue

FILES = sorted((catalogue.ROOT / "flaxvid").rglob("*.py"))


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
                assert importlib.util.find_spec(bound), (
                    f"{where}: {bound} is no module; import {node.module}"
                )
