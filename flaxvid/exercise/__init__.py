"""The unit tests are the exercises: the tests that check flaxvid check the learner's own version.

In a notebook:

    from flaxvid.exercise import check, hint, show
    check(uniform_indices)

On the command line: `python -m flaxvid.exercise --help`.
"""

import functools
import importlib
import inspect
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path

from flaxvid import errors, files
from flaxvid.exercise import board, catalogue, mine

SECONDS = 30.0


def check(thing: Callable | str, name: str | None = None, seconds: float = SECONDS) -> None:
    """Runs the tests of an exercise against `thing`, and prints the verdict.

    A version that passes takes the place of flaxvid's own, in this kernel, from then on. Until
    then everything falls back on flaxvid's. A call that never returns is ended after `seconds` of
    a processor, or if nothing is computed for so long, where the system has timers and the loop
    runs in Python; one inside compiled code can only be ended from outside, as
    `python -m flaxvid.exercise check FILE` does.

    Args:
        thing: your function, or your `nnx.Module` class; not its name.
        name: which exercise, if the name of `thing` does not tell.
        seconds: of a processor, that all tests together may take; on a busy machine that can be
            ten times as long by the clock.
    """
    _say_device()
    try:
        if isinstance(thing, str):
            short = thing.rpartition(".")[2]
            raise errors.UserError(f"check takes your version itself: check({short})")
        checking = import_checking()
        verdicts = importlib.import_module("flaxvid.exercise.verdicts")
        exercise = catalogue.find(name or getattr(thing, "__name__", repr(thing)))
        verdict = checking.judge(thing, exercise.name, seconds)
    except errors.UserError as error:
        print(f"{board.CROSS} {error}")
        return
    if verdict.state == verdicts.FAILED:
        culprit = checking.blame(thing, exercise.name, seconds)
        if culprit:
            short = exercise.name.rpartition(".")[2]
            print(
                f"{board.green(board.TICK)} {short}: passes with flaxvid's own {culprit}, and not "
                f"with yours, which you wrote before: show({culprit.rpartition('.')[2]!r}), and "
                "check yours again"
            )
            checking.install(thing, exercise.name)
            print(board.after_success(exercise.name))
            return
    print(verdict.text())
    if verdict.difference is not None and _in_notebook():
        _draw(verdict.difference)
    if verdict.passed:
        checking.install(thing, exercise.name)
        print("  Your version is now used in place of flaxvid's in this kernel.")
        print(board.after_success(exercise.name))
    else:
        print(f"  Stuck? hint({exercise.name.rpartition('.')[2]!r})")


def _in_notebook() -> bool:
    """Whether pictures can be shown: IPython runs, and with a kernel."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


@functools.cache
def _say_device():
    """Once, what this kernel computes on, where that is no CPU."""
    jax = importlib.import_module("jax")
    if jax.default_backend() != "cpu":
        full = jax.config.jax_default_matmul_precision == "highest"
        how = ", products of float32 in full precision" if full else ""
        kind = jax.devices()[0].device_kind
        print(f"This kernel computes on {kind}{how}; checks run on the CPU.")


def _with_full_precision():
    """In a notebook, products of float32 have float32's precision on every device.

    By default JAX rounds what is multiplied to 10 bits on GPUs from Ampere on, and to 7 on TPUs:
    then the numbers of a lesson would not be those that it shows and compares. No device is
    started here, as lesson 12 has yet to choose one.
    """
    if _in_notebook() and "JAX_DEFAULT_MATMUL_PRECISION" not in os.environ:
        jax = importlib.import_module("jax")
        jax.config.update("jax_default_matmul_precision", "highest")


def _draw(found):
    """What was given beside what was expected, under the verdict."""
    figures = importlib.import_module("flaxvid.figures.difference")
    drawn = figures.draw(found.given, found.due, found.wrong, found.axes)
    # As a picture: a figure is shown as one only where %matplotlib was said.
    shown = importlib.import_module("IPython.display")
    shown.display(shown.Image(files.png(drawn, 80)))


def hint(name: str, more: bool = False) -> None:
    """Prints the first hint of an exercise, or with `more` the second; its short name is enough.

    The first is a question that shows where to look, the second says how it goes and what to call.
    After both there is `show`.
    """
    exercise = catalogue.find(name)
    short = repr(exercise.name.rpartition(".")[2])
    print((exercise.way if more else exercise.nudge).rstrip())
    print(f"  flaxvid's own: show({short})" if more else f"  More? hint({short}, more=True)")


def show(name: str) -> None:
    """Prints flaxvid's own solution of an exercise; its short name is enough."""
    exercise = catalogue.find(name)
    print(f"# {catalogue.place(exercise.name)}")
    print(inspect.getsource(catalogue.reference(exercise.name)).rstrip())


def install_from(path: Path) -> list[str]:
    """Puts every exercise that is written in a file in the place of flaxvid's own.

    Stubs that are not written yet are passed over.

    Returns:
        The dotted names of what was replaced, in the order of the file.

    Raises:
        UserError: if the file is missing, does not run, or has no exercise that is written.
    """
    checking = import_checking()
    names = [name for name, written in mine.names_in(path).items() if written]
    if not names:
        raise errors.UserError(f"{path}: has stubs only, none of them written: write one first")
    defined = mine.load(path)
    for name in names:
        checking.install(defined[name.rpartition(".")[2]], name)
    return names


def import_checking() -> types.ModuleType:
    """`flaxvid.exercise.checking`, when it is needed: it takes pytest and JAX, a board does not.

    Raises:
        UserError: if pytest is not installed.
    """
    try:
        return importlib.import_module("flaxvid.exercise.checking")
    except ModuleNotFoundError as error:
        raise errors.UserError(
            f"{error.name} is not installed, and checks run on it: `pip install -e '.[course]'`"
        ) from None


_with_full_precision()
