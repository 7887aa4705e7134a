"""A learner's file: the stubs it begins with, and what it defines."""

import ast
import contextlib
import importlib.util
import inspect
import os
import re
import runpy
import textwrap
from collections.abc import Iterator
from pathlib import Path

from flaxvid import errors
from flaxvid.exercise import catalogue

NOT_WRITTEN = "raise NotImplementedError"
# What a text may name, and where it comes from.
LIBRARIES = {
    "cv2": "import cv2",
    "einops": "import einops",
    "jax": "import jax",
    "jnp": "import jax.numpy as jnp",
    "math": "import math",
    "nnx": "from flax import nnx",
    "np": "import numpy as np",
    "optax": "import optax",
}
Definition = ast.FunctionDef | ast.ClassDef


def names_in(path: Path) -> dict[str, bool]:
    """The exercises that a file defines, in its order, and whether each is more than a stub.

    The file is read and not run.

    Raises:
        UserError: if the file is missing, is not Python, or defines no exercise.
    """
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise errors.UserError(
            f"{path}: cannot be read ({error.strerror}): check the path"
        ) from None
    except SyntaxError as error:
        raise errors.UserError(f"{path}: line {error.lineno} is not Python: {error.msg}") from None
    except ValueError as error:
        raise errors.UserError(f"{path}: is not a Python file: {error}") from None
    short = {name.rpartition(".")[2] for name in catalogue.exercises()}
    found = {
        catalogue.find(node.name).name: not is_stub(node)
        for node in tree.body
        if isinstance(node, Definition) and node.name in short
    }
    if not found:
        raise errors.UserError(
            f"{path}: defines no exercise: begin one with "
            f"`python -m flaxvid.exercise stub NAME {errors.argument(path)}`"
        )
    return found


def load(path: Path) -> dict[str, object]:
    """Runs a learner's file and returns what it defines.

    Raises:
        UserError: if running it raises an exception.
    """
    try:
        with kept_running():
            return runpy.run_path(str(path))
    except (Exception, SystemExit) as error:
        told = f"{type(error).__name__}: {error}"
        raise errors.UserError(f"{path}: does not run ({told}): try `python {path}`") from error


@contextlib.contextmanager
def kept_running() -> Iterator[None]:
    """Inside, `os._exit` raises SystemExit, as `sys.exit` does, and Python goes on."""

    def leave(code):
        raise SystemExit(code)

    before, os._exit = os._exit, leave
    try:
        yield
    finally:
        os._exit = before


@contextlib.contextmanager
def exits_refused(path: Path | None) -> Iterator[None]:
    """Inside, code of a learner's file that ends Python ends it with an error; None: no file.

    Raises:
        UserError: naming the file.
    """
    try:
        with kept_running() if path is not None else contextlib.nullcontext():
            yield
    except SystemExit as end:
        if path is None:
            raise
        raise errors.UserError(
            f"{path}: ends Python itself (exit code {end.code}), so that nothing is trained; take "
            "the call of exit out of it"
        ) from None


def stub(name: str) -> str:
    """The text to begin an exercise from: imports, what the lesson asks for as a comment, signature
    and docstring, and nothing done."""
    own = inspect.unwrap(catalogue.reference(name))
    module = inspect.getmodule(own)
    source = textwrap.dedent(inspect.getsource(own))
    emptied = _emptied(source)
    used, needed = _names(source), _names(emptied)
    # A module that nothing speaks of would only tell how flaxvid's own goes about it.
    set_as = catalogue.find(name)
    told = f"{emptied} {catalogue.text(name)} {set_as.nudge} {set_as.way}"
    imports = []
    for line in ast.parse(inspect.getsource(module)).body:
        if isinstance(line, ast.Import | ast.ImportFrom):
            bound = {alias: (alias.asname or alias.name).partition(".")[0] for alias in line.names}
            ours = isinstance(line, ast.ImportFrom) and line.module.startswith("flaxvid")
            line.names = [
                alias
                for alias, short in bound.items()
                if short in used and (not ours or _speaks_of(told, short, source))
            ]
            needed -= set(bound.values())
            if line.names:
                imports.append(ast.unparse(line))
    # Types and constants that the signature takes from its own module, and the module itself,
    # where the answer may want functions of it: through it, or they would not be the learner's.
    local = needed & set(vars(module)) - {own.__name__}
    if local:
        imports.append(f"from {module.__name__} import {', '.join(sorted(local))}")
    package, _, short = module.__name__.rpartition(".")
    if any(_is_of(module, vars(module).get(name)) for name in used - local - {own.__name__}):
        imports.append(f"from {package} import {short}")
    imports += _spoken_of(told, "\n".join(imports), module)
    asked = textwrap.indent(catalogue.text(name), "# ", lambda line: True)
    asked = "\n".join(line.rstrip() for line in asked.splitlines())
    return "\n".join(imports) + f"\n\n\n{asked}\n{emptied}"


def _speaks_of(told, module, source):
    """Whether a text names a module, or what the source takes from it: `UserError` of `errors`."""
    taken = re.findall(rf"\b{module}\.([A-Z]\w*)", source)
    return any(re.search(rf"\b{name}\b", told) for name in (module, *taken))


def _spoken_of(told, imports, module):
    """Imports of what a text names, `jax.random`, `decode.VideoError`, and nothing has imported."""
    bound = {
        (alias.asname or alias.name).partition(".")[0]
        for line in ast.parse(imports).body
        for alias in line.names
    }
    package, lines = module.__name__.rpartition(".")[0], {}
    for name, attribute in re.findall(r"(?<![\w.])([a-z]\w*)\.([A-Za-z_]\w*)", told):
        if name in LIBRARIES:
            lines[name] = LIBRARIES[name]
        # `state.params` in a text is no module, though there is one of that name.
        elif importlib.util.find_spec(full := f"{package}.{name}") and hasattr(
            importlib.import_module(full), attribute
        ):
            lines[name] = f"from {package} import {name}"
    return [line for name, line in lines.items() if name not in bound]


def is_stub(node: Definition) -> bool:
    """Whether a function, or each method of a class, only raises NotImplementedError."""
    if isinstance(node, ast.ClassDef):
        methods = [child for child in node.body if isinstance(child, ast.FunctionDef)]
        return bool(methods) and all(is_stub(method) for method in methods)
    *before, last = node.body
    return ast.unparse(last).startswith(NOT_WRITTEN) and all(
        isinstance(line, ast.Expr) for line in before
    )


def _emptied(source: str) -> str:
    """A definition with the body of every function in it gone, and private methods too."""
    lines = source.splitlines()
    (top,) = ast.parse(source).body
    methods = top.body if isinstance(top, ast.ClassDef) else [top]
    for method in reversed(methods):
        if not isinstance(method, ast.FunctionDef):
            continue
        if method.name.startswith("_") and not method.name.startswith("__"):
            del lines[method.lineno - 1 : method.end_lineno]
            continue
        first = method.body[0]
        documented = ast.get_docstring(method) is not None
        keep = first.end_lineno if documented else first.lineno - 1
        while lines[keep - 1].lstrip().startswith("#"):
            keep -= 1
        lines[keep : method.end_lineno] = [" " * first.col_offset + NOT_WRITTEN]
    return "\n".join(lines).rstrip() + "\n"


def _is_of(module, thing) -> bool:
    """Whether a function or class stands in this module, and was not imported to it."""
    return callable(thing) and getattr(thing, "__module__", "") == module.__name__


def _names(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
