"""How many small changes to a module its tests notice.

    python tests/benchmarks/mutants.py [--sample 20] [--seed 0] [--minutes 10] [MODULE ...]

A module is `data.splits`; without one it is all of MODULES. Of each, a sample of its mutants is
tried, and those that live are printed. A mutant runs the tests in a process of its own, forked from
one that has imported everything already; a mutant that takes five times as long as the original, or
crashes, is noticed. The kinds of change are those of tests/course/mutants.py.
"""

import argparse
import ast
import contextlib
import importlib
import os
import random
import signal
import sys
import time
import warnings

sys.path.insert(0, ".")

from tests import compiling

os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "2", "MPLBACKEND": "Agg"}
os.environ.update(compiling.quickly(os.environ))

import pytest

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
    "video.augment": ["tests/data/test_augmented_views.py"],
    "models.attention": ["tests/models/test_rollout.py"],
}
OPTIONS = ["-x", "-n0", "-pno:cacheprovider", "-oaddopts=", "-otimeout=0"]


def tests_of(name):
    own = f"tests/{'/test_'.join(name.split('.'))}.py"
    files = [own, *MORE.get(name, [])]
    return [file for file in files if os.path.exists(file)]


def notices(module, tree, files, seconds):
    """Whether the tests fail with `tree` in the place of the module's code, in a fork."""
    with warnings.catch_warnings(action="ignore"):
        child = os.fork()
    if child == 0:
        signal.alarm(int(seconds) + 1)  # its default is to end the process
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        code = 1
        with contextlib.suppress(BaseException):
            exec(compile(tree, module.__file__, "exec"), vars(module))
            code = int(pytest.main([*OPTIONS, "--import-mode=importlib", *files]))
        os._exit(code)
    return os.waitpid(child, 0)[1] != 0


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
        started = time.monotonic()
        if not files or notices(module, tree, files, 1e6):
            print(f"{name:<22} its tests do not pass as it is: {files}")
            continue
        seconds = 30 + 5 * (time.monotonic() - started)
        every = mutants.changed(tree)
        for where, other in random.Random(chosen.seed).sample(
            every, min(chosen.sample, len(every))
        ):
            if time.monotonic() - begun > 60 * chosen.minutes:
                break
            tried += 1
            if not notices(module, other(), files, seconds):
                alive += 1
                print(f"    lives: {name} line {where}", flush=True)
        print(f"{name:<22} of {len(every):>4}; so far {tried} tried, {alive} live", flush=True)
    print(f"{tried} mutants, {alive} live: {1 - alive / max(1, tried):.1%} noticed")
    return int(alive > 0)


if __name__ == "__main__":
    sys.exit(main())
