"""How many small changes to a module its tests notice.

    python tests/benchmarks/mutants.py [--sample 20] [--seed 0] [--minutes 10] [MODULE ...]

A module is `data.splits`; without one it is all of MODULES. Of each, a sample of its mutants is
tried, and those that live are printed, each with its statement before and after. `EQUIVALENT` in
`equivalent.py` lists those that live and are no gap; they are not tried. A mutant runs the tests
in a process of its own, forked from one that has imported everything already, quick ones first; a
mutant that takes five times as long as the original, or crashes, is noticed. The kinds of change
are those of tests/course/mutants.py.
"""

import argparse
import ast
import contextlib
import importlib
import itertools
import os
import random
import re
import signal
import sys
import tempfile
import time
import warnings

sys.path.insert(0, ".")

from tests import compiling

os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "2", "MPLBACKEND": "Agg"}
os.environ.update(compiling.quickly(os.environ))

import pytest

from tests.benchmarks import equivalent
from tests.course import mutants

MODULES = [
    *("video.sample", "video.transform", "video.augment", "video.decode", "video.write"),
    *("data.views", "data.splits", "training.gradients", "training.metrics", "training.mixing"),
    *("training.optimizer", "training.step", "training.averaging", "training.checkpoint"),
    *("training.parallel", "evaluation.scores"),
    *("models.attention", "models.schemes", "models.layers"),
]
# Tests of a module that lie elsewhere than in tests/FOLDER/test_MODULE.py.
MORE = {
    "training.averaging": ["tests/training/test_mixing.py"],
    "training.checkpoint": [
        "tests/test_stores.py::test_a_store_that_goes_while_a_run_is_trained_is_told"
    ],
    "video.augment": ["tests/data/test_augmented_views.py"],
    "video.decode": ["tests/video/test_reading.py", "tests/video/test_frame_folder.py"],
    "video.transform": ["tests/video/test_augment.py"],
    "models.attention": [
        *("tests/models/test_rollout.py", "tests/models/test_chunked_attention.py"),
        "tests/models/test_fused_attention.py",
    ],
}
OPTIONS = ["-x", "-n0", "-pno:cacheprovider", "-oaddopts=", "-otimeout=0"]


def tests_of(name):
    own = f"tests/{'/test_'.join(name.split('.'))}.py"
    files = [own, *MORE.get(name, [])]
    return [file for file in files if os.path.exists(file.partition("::")[0])]


def named(tree):
    """All mutants of a module by name: `FUNCTION: BEFORE -> AFTER`, each with the line and a
    function that makes its code. Names of types, as `Frames = UInt8[...]`, have none."""
    found, before = {}, ast.unparse(tree).splitlines()
    types = {
        node.lineno
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript)
    }
    for where, made in mutants.changed(tree):
        line = int(where.partition(":")[0])
        if line in types:
            continue
        name = told(before, ast.unparse(made()).splitlines())
        while name in found:
            name += "'"
        found[name] = line, made
    return found


def told(before, after):
    """The statement that a mutant changes, without most of what is the same in a long one."""
    first, last = common(before, after), common(before[::-1], after[::-1])
    function = "module"
    for line in before[: first + 1]:
        found = re.match(r"\s*(?:def|class) (\w+)", line)
        function = found[1] if found else function
    old, new = (
        " ".join(" ".join(lines[first : len(lines) - last]).split()) for lines in (before, after)
    )
    start, end = common(old, new), common(old[::-1], new[::-1])
    start = old.rfind(" ", 0, start - 30) + 1 if start > 45 else 0
    end = end - 30 + old[len(old) - end + 30 :].find(" ") if end > 45 else 0
    old, new = (f"{'…' * (start > 0)}{text[start : len(text) - end]}" for text in (old, new))
    return f"{function}: {old}{'…' * (end > 0)} -> {new}{'…' * (end > 0)}"


def common(one, other):
    """How many elements at the start are the same."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


class Order:
    """The pytest plugin that runs tests in an order, and writes how long each took or that it
    failed."""

    def __init__(self, order, out):
        self.order, self.out = order, out

    def pytest_collection_modifyitems(self, items):
        places = {name: place for place, name in enumerate(self.order)}
        items.sort(key=lambda item: places.get(item.nodeid, len(places)))

    def pytest_runtest_logreport(self, report):
        if report.failed or report.when == "call":
            took = -1 if report.failed else report.duration
            self.out.write(f"{took} {report.nodeid}\n")
            self.out.flush()


def notices(module, tree, files, seconds, order):
    """Whether the tests fail with `tree` in the place of the module's code, in a fork.

    `order` is the order of the tests: from the first run on quick ones are first, and then the one
    that has noticed the last mutant.
    """
    with tempfile.TemporaryFile("w+") as out:
        with warnings.catch_warnings(action="ignore"):
            child = os.fork()
        if child == 0:
            signal.alarm(int(seconds) + 1)  # its default is to end the process
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
            code = 1
            with contextlib.suppress(BaseException):
                for name in [name for name in vars(module) if not name.startswith("__")]:
                    del vars(module)[name]  # what a mutant leaves out is not there
                exec(compile(tree, module.__file__, "exec"), vars(module))
                options = [*OPTIONS, "--import-mode=importlib", *files]
                code = int(pytest.main(options, plugins=[Order(order, out)]))
            os._exit(code)
        status = os.waitpid(child, 0)[1]
        out.seek(0)
        took = [line.rstrip().split(" ", 1) for line in out]
    if not order:
        order += [name for _, name in sorted(took, key=lambda line: float(line[0]))]
    for failed in [name for seconds, name in took if seconds == "-1"][:1]:
        order[:] = [failed, *(name for name in order if name != failed)]
    return status != 0


def main() -> int:
    """1 if a mutant lives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    parser.add_argument("--sample", type=int, default=20, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9, help="no new one after these")
    chosen = parser.parse_args()
    tried, alive, begun = 0, 0, time.monotonic()
    for name in chosen.modules or MODULES:
        module, files = importlib.import_module(f"flaxvid.{name}"), tests_of(name)
        with open(module.__file__, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        order, started = [], time.monotonic()
        if not files or notices(module, tree, files, 1e6, order):
            print(f"{name:<22} its tests do not pass as it is: {files}")
            continue
        seconds = 30 + 5 * (time.monotonic() - started)
        known = equivalent.EQUIVALENT.get(name, {})
        every = named(tree)
        rest = [change for change in every if change not in known]
        sample = random.Random(chosen.seed).sample(rest, min(chosen.sample, len(rest)))
        tried_here, alive_here = 0, 0
        for change in sample:
            if time.monotonic() - begun > 60 * chosen.minutes:
                break
            tried_here += 1
            line, made = every[change]
            if not notices(module, made(), files, seconds, order):
                alive_here += 1
                print(f"    lives: line {line}, {change}", flush=True)
        for change in sorted(set(known) - set(every)):
            print(f"    listed, but no mutant: {change}")
        print(
            f"{name:<22} {len(every):>4} mutants {len(every) - len(rest):>3} equivalent "
            f"{tried_here:>4} tried {alive_here:>3} live",
            flush=True,
        )
        tried, alive = tried + tried_here, alive + alive_here
    print(f"{tried} tried, {alive} live: {1 - alive / max(1, tried):.1%} noticed")
    return int(alive > 0)


if __name__ == "__main__":
    sys.exit(main())
