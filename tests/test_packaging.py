"""What is installed says one version, and asks for every package that it imports."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import flaxvid

ROOT = Path(__file__).parents[1]
PACKAGE = Path(flaxvid.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# What can't be asked for beside an Orbax of today, and is installed by hand: see the extra onnx.
BY_HAND = {"jax2onnx"}
# Packages that are imported by another name than they are installed by.
INSTALLED_AS = {
    "absl": "absl-py",
    "cv2": "opencv-python-headless",
    "mlflow": "mlflow-skinny",
    "orbax": "orbax-checkpoint",
    "PIL": "pillow",
}


def test_one_version_everywhere():
    """`flaxvid.__version__`, the newest heading of the changelog, and how to cite."""
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert PROJECT["dynamic"] == ["version"]
    assert heading[1].rstrip(",") == cited[1] == flaxvid.__version__


def test_every_import_is_asked_for():
    """By the package itself, or by an extra; an extra's module is imported where it is used."""
    needed = {_name(line) for line in PROJECT["dependencies"]}
    extras = {_name(line) for lines in PROJECT["optional-dependencies"].values() for line in lines}
    extras |= BY_HAND
    missing = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for statement in ast.walk(tree):
            # The exercises are tests, and what runs them is loaded when one is checked.
            later = statement not in tree.body or path.parent.name == "exercise"
            for top in {name.partition(".")[0] for name in _modules(statement)}:
                name = INSTALLED_AS.get(top, top).lower().replace("_", "-")
                if top in sys.stdlib_module_names | {"flaxvid"} or name in needed:
                    continue
                if not (later and name in extras):
                    missing.append(f"{path.relative_to(PACKAGE)}:{statement.lineno} {top}")
    assert not missing


def test_every_extra_that_is_named_is_there():
    """In messages and texts: `pip install 'flaxvid[lite0]'`, or `-e ".[demo]"` in a clone."""
    named = re.compile(r"""(?:flaxvid|['"]\.)\[([a-z0-9]+)\]""")
    for path in [ROOT / "README.md", *PACKAGE.rglob("*.py")]:
        for name in named.findall(path.read_text(encoding="utf-8")):
            assert name in PROJECT["optional-dependencies"], f"{path}: [{name}]"


def _name(line):
    return re.match(r"[A-Za-z0-9_.-]+", line)[0].lower().replace("_", "-")


def _modules(statement):
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    return [statement.module] if isinstance(statement, ast.ImportFrom) else []
