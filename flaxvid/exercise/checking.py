"""Runs the tests of one exercise against the learner's version, and says what came of it."""

import ast
import contextlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator

import jax
import pytest

from flaxvid import errors
from flaxvid.exercise import catalogue, instrument, limits, mine, verdicts

PYTEST_OPTIONS = (
    *("-c", str(catalogue.ROOT / "pyproject.toml"), f"--rootdir={catalogue.ROOT}"),
    # Plain and quiet: no report but ours, no files left behind, one time limit and it is ours.
    *("-o", "addopts=", "-o", "timeout=0", "--import-mode=importlib", "--capture=fd"),
    *(f"-pno:{plugin}" for plugin in ("terminal", "cacheprovider", "warnings", "faulthandler")),
    *(f"-pno:{plugin}" for plugin in ("unraisableexception", "threadexception")),
)


def judge(thing: Callable, name: str, seconds: float) -> verdicts.Verdict:
    """The verdict of the tests of exercise `name` on the learner's `thing`.

    flaxvid's own version is back in its place afterwards.

    Raises:
        UserError: if the tests cannot be run at all.
    """
    changed = instrument.changed_signature(thing, catalogue.reference(name))
    if changed:
        return verdicts.Verdict(name, verdicts.FAILED, lines=(changed,))
    if _not_written(thing):
        return verdicts.Verdict(name, verdicts.NOT_WRITTEN)
    watch = instrument.Watch(limits.Limit(seconds))
    run = Run(name, watch)
    status = run_tests(
        run, instrument.watched(thing, catalogue.reference(name), watch), "--maxfail=1"
    )
    if run.failure is not None:
        return verdicts.failure(name, run, watch, thing)
    if status == pytest.ExitCode.INTERRUPTED and not run.broken:
        return verdicts.Verdict(name, verdicts.FAILED, lines=("interrupted",))
    if status != pytest.ExitCode.OK:
        problem = run.broken or f"pytest ended with {status!r}"
        raise errors.UserError(
            f"{name}: its tests do not run: {problem} (`pip install -e '.[course]'` installs what "
            "they need)"
        )
    if not run.passed:  # what a learner's file has done to pytest can end it without any
        return verdicts.Verdict(
            name, verdicts.FAILED, lines=("No test was run, so nothing is shown.",)
        )
    if not watch.calls:
        return verdicts.Verdict(
            name, verdicts.FAILED, lines=("No test has called your version, so nothing is shown.",)
        )
    return verdicts.Verdict(name, verdicts.PASSED, tests=run.passed)


def blame(thing: Callable, name: str, seconds: float) -> str:
    """Which of the learner's earlier parts keeps a right `thing` from passing, or nothing.

    The tests run again with flaxvid's own in place of all earlier parts, and then in place of each.
    """
    earlier = [other for other in catalogue.replaced if other != name]
    if not earlier or not _passes_with_own(earlier, thing, name, seconds):
        return ""
    for other in earlier:
        if _passes_with_own([other], thing, name, seconds):
            return other
    return ", ".join(earlier)


def _passes_with_own(others, thing, name, seconds):
    with contextlib.ExitStack() as stack:
        for other in others:
            stack.enter_context(rebound(catalogue.reference(other), other))
        return judge(thing, name, seconds).passed


def _not_written(thing):
    """Whether the source of `thing` is still the stub; no test has to be run to see that."""
    try:
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(thing))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return False
    return isinstance(node, mine.Definition) and mine.is_stub(node)


def run_tests(run: "Run", thing: Callable, *options: str) -> int:
    """Runs the tests of `run.name` with `thing` in flaxvid's place; pytest's exit status."""
    files = map(str, catalogue.test_files(run.name))
    with _undisturbed(), rebound(thing, run.name):
        return pytest.main([*PYTEST_OPTIONS, *options, *files], plugins=[run])


def install(thing: Callable, name: str) -> None:
    """Puts the learner's version in the place of flaxvid's own, for good."""
    module, attribute = catalogue.module_and_attribute(name)
    catalogue.replaced.setdefault(name, getattr(module, attribute))
    setattr(module, attribute, thing)
    jax.clear_caches()  # compiled code keeps the version it was traced with


@contextlib.contextmanager
def rebound(thing: Callable, name: str) -> Iterator[None]:
    """Inside, `flaxvid.<name>` is `thing`."""
    module, attribute = catalogue.module_and_attribute(name)
    before, replaced = getattr(module, attribute), dict(catalogue.replaced)
    install(thing, name)
    try:
        yield
    finally:
        install(before, name)
        catalogue.replaced.clear()
        catalogue.replaced.update(replaced)


class Run:
    """The pytest plugin: keeps the tests of one exercise, and notes the first that fails."""

    def __init__(self, name: str, watch: instrument.Watch):
        self.name, self.watch = name, watch
        self.passed = 0
        self.failure: tuple[pytest.Item, pytest.ExceptionInfo] | None = None
        self.printed = ""
        self.broken = ""

    def pytest_configure(self, config):
        # pytest's own report of a failure, which nobody sees, costs a third of a check.
        config.option.tbstyle = "native"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        items[:] = [
            item
            for item in items
            if any(self.name in marker.args for marker in item.iter_markers("exercise"))
        ]

    def pytest_collectreport(self, report):
        if report.failed:
            self.broken = report.longreprtext.strip().splitlines()[-1].removeprefix("E").strip()

    def pytest_assertrepr_compare(self, op, left, right):
        self.watch.comparison = op, left, right

    def pytest_runtest_makereport(self, item, call):
        if call.excinfo is not None and self.failure is None:
            self.failure = item, call.excinfo
        self.passed += call.when == "call" and call.excinfo is None

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.printed = report.capstdout


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keeps the tests' strict settings out of the kernel, and its devices as they are.

    A learner may broadcast as in NumPy: that flaxvid does not is a rule for flaxvid alone.

    The tests' own settings ask for two CPU devices, which JAX refuses once it has begun. It
    begins here, so that a kernel with a GPU keeps it; the tests then run on the CPU.
    """
    try:
        (cpu, *_) = jax.devices("cpu")
    except RuntimeError:
        raise errors.UserError(
            f"checks run on the CPU, which JAX_PLATFORMS={jax.config.jax_platforms} leaves out: "
            f"set it to {jax.config.jax_platforms},cpu, and restart"
        ) from None
    hooks, promotion = list(sys.meta_path), jax.config.jax_numpy_rank_promotion
    platforms = jax.config.jax_platforms
    with (
        jax.default_device(cpu),
        jax.numpy_rank_promotion("allow"),
        # Elsewhere float32 products may be rounded to fewer digits than the tests compare.
        jax.default_matmul_precision("highest"),
    ):
        try:
            yield
        finally:
            sys.meta_path[:] = hooks
            jax.config.update("jax_numpy_rank_promotion", promotion)
            if jax.config.jax_platforms != platforms:
                jax.config.update("jax_platforms", platforms)
