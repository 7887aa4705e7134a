"""Runs the tests of one exercise against the learner's version, and says what came of it."""

import contextlib
import dataclasses
import functools
import inspect
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator

import jax
import jaxtyping
import pytest

from flaxvid import errors
from flaxvid.exercise import catalogue, telling

PYTEST_OPTIONS = (
    *("-c", str(catalogue.ROOT / "pyproject.toml"), f"--rootdir={catalogue.ROOT}"),
    # Plain and quiet: no report but ours, no files left behind, one time limit and it is ours.
    *("-o", "addopts=", "-o", "timeout=0", "--import-mode=importlib", "--capture=fd"),
    *(f"-pno:{plugin}" for plugin in ("terminal", "cacheprovider", "warnings", "faulthandler")),
    *(f"-pno:{plugin}" for plugin in ("unraisableexception", "threadexception")),
)


class TimeLimitError(BaseException):
    """Raised inside a call that takes too long; no `except Exception` of a learner catches it."""


@dataclasses.dataclass
class Watch:
    """What the learner's version was last called with, and what came of it."""

    deadline: float
    """Until when all calls together may last, by `time.monotonic`."""
    calls: int = 0
    call: str = ""
    result: object = None
    raised: BaseException | None = None
    comparison: tuple[str, object, object] | None = None
    """Operator, left and right of the last comparison that failed since the call."""


def judge(thing: Callable, name: str, seconds: float) -> telling.Verdict:
    """The verdict of the tests of exercise `name` on the learner's `thing`.

    flaxvid's own version is back in its place afterwards.

    Raises:
        UserError: if the tests cannot be run at all.
    """
    changed = _changed_signature(thing, catalogue.reference(name))
    if changed:
        return telling.Verdict(name, telling.FAILED, lines=(changed,))
    watch = Watch(deadline=time.monotonic() + seconds)
    run = Run(name, watch)
    status = run_tests(run, _watched(thing, catalogue.reference(name), watch), "--maxfail=1")
    if run.failure is not None:
        return telling.failure(name, run, watch, thing)
    if status == pytest.ExitCode.INTERRUPTED and not run.broken:
        return telling.Verdict(name, telling.FAILED, lines=("interrupted",))
    if status != pytest.ExitCode.OK:
        problem = run.broken or f"pytest ended with {status!r}"
        raise errors.UserError(f"{name}: its tests do not run: {problem}")
    if not watch.calls:
        return telling.Verdict(
            name, telling.FAILED, lines=("No test has called your version, so nothing is shown.",)
        )
    return telling.Verdict(name, telling.PASSED, tests=run.passed)


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

    def __init__(self, name: str, watch: Watch):
        self.name, self.watch = name, watch
        self.passed = 0
        self.failure: tuple[pytest.Item, pytest.ExceptionInfo] | None = None
        self.printed = ""
        self.broken = ""

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


def _watched(thing: Callable, reference: Callable, watch: Watch) -> Callable:
    """The learner's version, checked against the package's shapes, its last call on record."""
    if not inspect.isclass(thing):
        return _watched_function(thing, reference, watch, thing.__name__)
    methods = {
        name: _watched_function(getattr(thing, name), method, watch, thing.__name__)
        for name, method in vars(reference).items()
        if inspect.isfunction(method) and hasattr(thing, name)
    }
    return type(thing)(thing.__name__, (thing,), {**methods, "__module__": thing.__module__})


def _watched_function(function, reference, watch, name):
    typed = _typed(function, reference)
    parameters = list(inspect.signature(reference).parameters)
    own = parameters[:1] == ["self"]

    @functools.wraps(function)
    def watched(*arguments, **options):
        watch.calls += 1
        watch.result, watch.raised, watch.comparison = None, None, None
        watch.call = telling.call(name, arguments[own:], options)
        try:
            with _time_limit(watch.deadline):
                watch.result = typed(*arguments, **options)
        except BaseException as error:
            watch.raised = error
            raise
        return watch.result

    return watched


def _typed(function, reference):
    """A copy of a function with the reference's annotations, checked at every call."""
    try:
        from beartype import beartype
    except ImportError:
        return function
    if not isinstance(function, types.FunctionType) or hasattr(function, "__wrapped__"):
        return function  # compiled or decorated: its annotations would not be its code's
    typed = types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    typed.__kwdefaults__ = function.__kwdefaults__
    typed.__annotations__ = inspect.unwrap(reference).__annotations__
    return jaxtyping.jaxtyped(typechecker=beartype)(typed)


def _changed_signature(thing, reference) -> str:
    """What is wrong with the learner's parameters, or nothing."""
    if inspect.isclass(reference) != inspect.isclass(thing):
        return f"This exercise is a {'class' if inspect.isclass(reference) else 'function'}."
    missing = [
        name
        for name, method in vars(reference).items()
        if inspect.isclass(reference)
        and inspect.isfunction(method)
        and (name in ("__init__", "__call__") or not name.startswith("_"))
        and name not in vars(thing)
    ]
    if missing:
        return f"Your class lacks {missing[0]}."
    try:
        mine = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return "Its parameters cannot be read; write it with def."
    own = inspect.signature(reference).parameters.values()
    if [(p.name, p.kind) for p in mine] != [(p.name, p.kind) for p in own]:
        return f"Its parameters must stay ({', '.join(map(_without_annotation, own))})."
    return ""


def _without_annotation(parameter):
    return str(parameter.replace(annotation=parameter.empty))


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keeps the tests' strict settings out of the kernel, and its devices as they are.

    The tests' own settings ask for two CPU devices, which JAX refuses once it has begun. It
    begins here, so that a kernel with a GPU keeps it; the tests then run on the CPU.
    """
    hooks, promotion = list(sys.meta_path), jax.config.jax_numpy_rank_promotion
    platforms = jax.config.jax_platforms
    with jax.default_device(jax.devices("cpu")[0]), jax.numpy_rank_promotion("raise"):
        try:
            yield
        finally:
            sys.meta_path[:] = hooks
            jax.config.update("jax_numpy_rank_promotion", promotion)
            if jax.config.jax_platforms != platforms:
                jax.config.update("jax_platforms", platforms)


@contextlib.contextmanager
def _time_limit(deadline: float) -> Iterator[None]:
    """Raises TimeLimitError inside once the deadline has passed, in the main thread of a Unix."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return

    def stop(_signal, _frame):
        raise TimeLimitError

    before = signal.signal(signal.SIGALRM, stop)
    # Again every second, for a loop whose own `except:` swallows the first one.
    left = max(0.01, deadline - time.monotonic())
    outer = signal.setitimer(signal.ITIMER_REAL, left, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *outer)
        signal.signal(signal.SIGALRM, before)
