"""Which of a test's calls a failed assertion is about, read from the lines of the test."""

import ast
import dataclasses
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path

STEPS = 20  # from one name to what it was made of; a test is shorter


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of the learner's version, and what came of it."""

    told: str
    """As one would write it."""
    result: object
    raised: BaseException | None
    annotation: object
    """Of the result."""
    places: frozenset[tuple[str, int]]
    """Files and lines of the tests that it was called from."""


def places_now() -> frozenset[tuple[str, int]]:
    """Files and lines of all tests, and their helpers, that are running at the moment."""
    found, frame = set(), sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "pytest_pyfunc_call":
        file = frame.f_code.co_filename
        if Path(file).name.startswith("test_"):
            found.add((file, frame.f_lineno))
        frame = frame.f_back
    return frozenset(found)


def call(calls: Iterable[Call], file: Path, traceback: types.TracebackType) -> Call | None:
    """The last call that the failed line of a test depends on: on its left side, if one can tell.

    None if no call stands in that line, nor in those that its names come from.

    Args:
        calls: of the test, in their order.
        file: that the test stands in.
        traceback: of its failure.
    """
    calls = list(calls)[::-1]
    lines = list(_lines(traceback, str(file)))
    if not lines:
        return None
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    for part in (_left, lambda statement: statement):
        wanted = set()
        for line in lines:
            function, statement = _around(tree, line)
            if statement is not None:
                wanted |= _origins(function, statement, part(statement))
        for one in calls:
            if any(path == str(file) and line in wanted for path, line in one.places):
                return one
    return None


def error_asked_for(file: Path, traceback: types.TracebackType) -> str:
    """What `pytest.raises` around the failed line of a test waits for; "" where there is none."""
    lines = set(_lines(traceback, str(file)))
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        match node:
            case ast.With(items=[ast.withitem(context_expr=ast.Call(func, [due, *_]))]):
                inside = lines & set(range(node.body[0].lineno, node.end_lineno + 1))
                if inside and ast.unparse(func) == "pytest.raises":
                    return ast.unparse(due)
    return ""


def _lines(traceback, file) -> Iterator[int]:
    """The lines of a file that a traceback passes through."""
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == file:
            yield traceback.tb_lineno
        traceback = traceback.tb_next


def _around(tree, line):
    """The function that a line stands in, and its innermost statement there."""
    holding = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= node.end_lineno
    ]
    functions = [node for node in holding if isinstance(node, ast.FunctionDef)]
    if not functions or holding[-1] in functions:
        return None, None
    return functions[-1], holding[-1]  # walked from outside to inside


def _left(statement):
    """Of a comparison what stands first, the side that was given."""
    match statement:
        case ast.Assert(test=ast.Compare(left=left)):
            return left
        case (
            ast.Expr(value=ast.Call(args=[first, *_])) | ast.Assert(test=ast.Call(args=[first, *_]))
        ):
            return first
    return statement


def _origins(function, statement, part) -> set[int]:
    """The lines in which a part of a statement calls something, or its names come from."""
    found, left = set(), [(part, statement.lineno)]
    for _ in range(STEPS):
        if not left:
            break
        node, before = left.pop(0)
        if any(isinstance(inside, ast.Call) for inside in ast.walk(node)):
            found |= set(range(node.lineno, node.end_lineno + 1))
        names = {inside.id for inside in ast.walk(node) if isinstance(inside, ast.Name)}
        for name in sorted(names):
            made = [
                other
                for other in ast.walk(function)
                if isinstance(other, ast.stmt) and other.lineno < before and _makes(other, name)
            ]
            if made:
                last = max(made, key=lambda other: other.lineno)
                left.append((getattr(last, "iter", last), last.lineno))
    return found


def _makes(statement, name) -> bool:
    """Whether a statement gives a name its value, or puts something into what it names."""
    match statement:
        case ast.Assign(targets=targets):
            pass
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target) | ast.For(target=target):
            targets = [target]
        case ast.With(items=items):
            targets = [item.optional_vars for item in items if item.optional_vars is not None]
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=owner)))):
            return owner == name
        case _:
            return False
    return any(
        isinstance(node, ast.Name) and node.id == name
        for target in targets
        for node in ast.walk(target)
    )
