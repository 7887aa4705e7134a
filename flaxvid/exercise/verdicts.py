"""A verdict in plain words: the first failure, with the call, what it gave, what was expected."""

import ast
import dataclasses
import inspect
import linecache
import os
import re
import textwrap
from collections.abc import Callable, Mapping

import jax
import jaxtyping
import numpy as np
import pytest

from flaxvid import errors
from flaxvid.exercise import board, catalogue, compared, first_difference, shapes, wording

PASSED, FAILED, NOT_WRITTEN = "passed", "failed", "not written yet"
INDENT = "  "


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What came of a check."""

    name: str
    state: str
    """`PASSED`, `FAILED` or `NOT_WRITTEN`."""
    lines: tuple[str, ...] = ()
    """The account of the first failure."""
    tests: int = 0
    """How many tests passed."""
    difference: first_difference.Difference | None = None
    """Of the arrays that the failure is about, if it is about arrays: to be drawn."""

    @property
    def passed(self) -> bool:
        return self.state == PASSED

    def text(self) -> str:
        """The verdict as it is printed."""
        short = self.name.rpartition(".")[2]
        tests = f"{self.tests} test{'' if self.tests == 1 else 's'}"
        if self.state == PASSED:
            head = board.green(f"{board.TICK} {short}: passed, {tests}")
        elif self.state == NOT_WRITTEN:
            head = f"{board.DOT} {short}: not written yet; flaxvid's own is used until then"
        else:
            head = board.red(f"{board.CROSS} {short}: not right yet, {tests} passed before:")
        return "\n".join([head, *(f"{INDENT}{line}".rstrip() for line in self.lines)])


def failure(name: str, run, watch, thing: Callable) -> Verdict:
    """The account of the first test that failed in a `checking.Run`."""
    item, caught = run.failure
    error, traceback = caught.value, caught.tb
    while isinstance(error, BaseExceptionGroup):  # hypothesis found several; the last ran last
        error = error.exceptions[-1]
        traceback = error.__traceback__
    raised = watch.raised is not None and error is watch.raised
    if raised and isinstance(error, NotImplementedError) and _is_of_a_stub(error, thing):
        return Verdict(name, NOT_WRITTEN)
    about = None if raised else compared.call(watch.record, item.path, traceback)
    if about is not None:
        watch = dataclasses.replace(
            watch,
            call=about.told,
            result=about.result,
            raised=about.raised,
            annotation=about.annotation,
        )
    sentence = " ".join((inspect.getdoc(item.function) or item.name).split("\n\n")[0].split())
    lines = [*textwrap.wrap(sentence, 92), ""]
    difference = None if raised else _difference(traceback, watch)
    if watch.calls:
        lines += textwrap.wrap(watch.call, 92, subsequent_indent=INDENT)
        due = compared.error_asked_for(item.path, traceback)
        lines += _raised(error, thing, due) if raised else _gave(error, difference, watch)
    else:
        lines += [f"Your version was not called: {_one_line(error)}"]
    lines += ["", *_where(item, traceback)]
    if run.printed:
        lines += ["", "you printed", *run.printed.rstrip().splitlines()[-5:]]
    return Verdict(name, FAILED, tuple(lines), tests=run.passed, difference=difference)


def _is_of_a_stub(error: NotImplementedError, thing) -> bool:
    """Whether it comes from the `raise` that a stub ends with.

    With words, or in one branch, it belongs to an answer that leaves something out; and in another
    file, to what an answer calls.
    """
    traceback = error.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    if error.args or code.co_filename != _file_of(thing):
        return False
    try:
        lines, first = inspect.getsourcelines(code)
        (function,) = ast.parse(textwrap.dedent("".join(lines))).body
    except (OSError, SyntaxError, ValueError):  # there is no telling
        return True
    line = traceback.tb_lineno - first + 1
    statements = getattr(function, "body", [])
    return any(isinstance(one, ast.Raise) and one.lineno == line for one in statements)


def _difference(traceback, watch) -> first_difference.Difference | None:
    """Where what the failed line compared differs, if it is too much to see that at a glance."""
    if watch.comparison is None:
        return first_difference.of_test(traceback, watch.result, watch.annotation)
    op, left, right = watch.comparison
    if op != "==" or not _is_long(left):
        return None
    return first_difference.between(left, right, watch.result, watch.annotation)


def _gave(error, difference, watch) -> list[str]:
    """The test did not like what the learner's version gave, or how it refused."""
    if watch.raised is not None:
        lines = _pair("raised", _one_line(watch.raised))
    else:
        made_one = watch.result is None and watch.annotation is inspect.Signature.empty
        # Of what was traced there are no numbers: what was compared came of it later, a gradient.
        traced = isinstance(watch.result, jax.core.Tracer)
        lines = [] if made_one or traced else _pair("gave", wording.value(watch.result))
    if watch.comparison is not None:
        op, left, right = watch.comparison
        if op == "==" and isinstance(left, Mapping) and isinstance(right, Mapping):
            return lines + _between(left, right)
        seen, due = wording.value(left), wording.value(right)
        if op == "!=":
            return lines + _pair("so", f"two that should differ are the same: {seen}")
        if op != "==":
            return lines + _pair("untrue", f"{seen} {op} {due}")
        if seen != wording.value(watch.result):
            lines += _pair("compared", seen)
        if seen == due and _is_same(left, right):  # as in `not any(left == right)`
            return lines + _pair("so", f"two that should differ are the same: {seen}")
        if seen == due:
            due = _where_alike(left, right)
        lines += _pair("expected", due)
        return lines + (_pair("at", difference.told()) if difference else [])
    if difference:
        return lines + _pair("at", difference.told())
    if not isinstance(error, AssertionError | pytest.fail.Exception):
        return lines + _pair("so", _one_line(error))
    single = re.search(r"elements: 1 / 1 .*ACTUAL: (.*)DESIRED: (.*)", str(error), re.S)
    # Where one of two single numbers is NaN, NumPy says that first, and counts no elements.
    single = single or re.search(
        r"(?:nan|inf) location mismatch:.*ACTUAL: ([^\[]*)DESIRED: ([^\[]*)$", str(error), re.S
    )
    if single:
        seen, due = (
            re.sub(r"array\((.*?)(, dtype=.*)?\)", r"\1", n.strip()) for n in single.groups()
        )
        is_all = isinstance(watch.result, int | float) or getattr(watch.result, "ndim", 1) == 0
        return lines + ([] if is_all else _pair("compared", seen)) + _pair("expected", due)
    # NumPy and pytest say what was expected, and then repeat what was given.
    told = re.split("ACTUAL:|Actual message:", str(error))[0].splitlines()
    words = re.search("Expected regex: '(.*)'$", str(error), re.M)
    if watch.raised is not None and words:
        # A pattern of more than letters is not for reading; the test's sentence says what it means.
        plain = re.fullmatch(r"[\w .,:]+", words[1])
        due = f'"{words[1]}" in its message' if plain else "another message: see the first line"
        return lines + _pair("expected", due)
    told = [line.strip() for line in told if line.strip()]
    told = [line for line in told if not line.startswith(("assert ", "+ ", "Use -v"))]
    told = [line.replace("(ACTUAL)", "given").replace("(DESIRED)", "expected") for line in told]
    return lines + [line for part in told[:5] for line in _pair("", part)]


def _between(given: Mapping, due: Mapping) -> list[str]:
    """Where two that have names for their parts differ: all of either would fill the screen."""
    missing = [key for key in due if key not in given]
    over = [key for key in given if key not in due]
    lines = _pair("missing", errors.some(missing)) if missing else []
    lines += _pair("too many", errors.some(over)) if over else []
    other = next((key for key in due if key in given and given[key] != due[key]), None)
    if other is None:
        return lines
    lines += _pair("at", str(other))
    return (
        lines
        + _pair("gave", wording.value(given[other]))
        + _pair("expected", wording.value(due[other]))
    )


def _is_same(left, right) -> bool:
    try:
        return np.array_equal(np.asarray(left), np.asarray(right))
    except (TypeError, ValueError):
        return False


def _where_alike(left, right) -> str:
    """How two differ that are alike in what is printed of them."""
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        place = next((i for i, item in enumerate(left) if item != right[i]), 0)
        if (seen := wording.value(left[place])) != (due := wording.value(right[place])):
            return f"the same as far as {place} items: then {due}, and not {seen}"
    return (
        f"the same up to the last digits: {wording.exactly(left)} is not {wording.exactly(right)}"
    )


def _is_long(thing) -> bool:
    """Whether what was compared is too much to see at a glance where it differs."""
    if isinstance(thing, list | tuple):
        return len(thing) > 24 or any(isinstance(item, list | tuple) for item in thing)
    return np.size(thing) > 24


def _raised(error, thing, due) -> list[str]:
    """The learner's version did not come to its end; `due` is an error that the test waits for."""
    if isinstance(error, jaxtyping.TypeCheckError):
        told = shapes.told(str(error))
        if due:
            told = [*(pair for pair in told if pair[0] == "gave"), ("expected", f"a {due}")]
        return [line for pair in told for line in _pair(*pair)]
    if type(error).__name__ == "TimeLimitError":
        lines = _pair("took", str(error))
    else:
        lines = _pair("raised", _one_line(error))
    number, source = _last_line(error.__traceback__, _file_of(thing))
    return lines + (_pair("in", f"line {number}: {source}") if number else [])


def _file_of(thing) -> str:
    """The file, or cell of a notebook, that the learner's version stands in; "" if not known."""
    methods = vars(thing).values() if inspect.isclass(thing) else [thing]
    own = inspect.unwrap(next(method for method in methods if callable(method)))
    return own.__code__.co_filename if hasattr(own, "__code__") else ""


def _where(item, traceback) -> list[str]:
    """Where the line of the test stands, and what it says."""
    path = os.path.relpath(item.path, catalogue.ROOT)
    number, source = _last_line(traceback, str(item.path))
    return [board.dim(f"{path}:{number}  {source}" if number else path)]


def _last_line(traceback, file: str) -> tuple[int, str]:
    """The innermost line of a file that a traceback passes through; 0 if it passes through none."""
    number = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == file:
            number = traceback.tb_lineno
        traceback = traceback.tb_next
    return number, linecache.getline(file, number).strip()


def _pair(key: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, 92, initial_indent=f"{INDENT}{key:<10}", subsequent_indent=f"{INDENT}{'':<10}"
    )


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return textwrap.shorten(
        f"{type(error).__name__}: {text}" if text else type(error).__name__, 300
    )
