"""Strict ground for every test: shapes checked at run time, two devices, no silent promotion.

`pytest --mine=FILE` runs the tests of the exercises that FILE defines, against its versions.
"""

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests import compiling

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("MPLBACKEND", "Agg")
# In a learner's kernel JAX has begun already; it keeps its devices and its ways.
if (FRESH := "jax" not in sys.modules) and "PYTEST_XDIST_WORKER" not in os.environ:
    # What one test has compiled, the others find: in all processes of this run, and in no other.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="flaxvid-compiled-")
    # Not at the end of pytest: a check of an exercise runs pytest inside a test.
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    os.environ.update(compiling.quickly(os.environ))

import jax
import pytest
from jaxtyping import install_import_hook

install_import_hook("flaxvid", "beartype.beartype")
if FRESH:
    compiling.without_explanations()
with contextlib.suppress(RuntimeError):
    jax.config.update("jax_num_cpu_devices", 2)
    jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="session")
def small_motion(tmp_path_factory):
    """A small motion set on disk: 40 training, 10 validation and 20 test videos."""
    from flaxvid.data import motion

    counts = {"train": 40, "validation": 10, "test": 20}
    return motion.open_or_draw(root=tmp_path_factory.mktemp("data"), counts=counts)


def pytest_configure(config):
    path = config.getoption("--mine")
    if path is not None and not path.is_file():
        raise pytest.UsageError(f"--mine {path}: there is no such file")
    if path is not None:  # as in a check, a learner may broadcast as in NumPy
        jax.config.update("jax_numpy_rank_promotion", "allow")


def pytest_addoption(parser):
    parser.addoption("--mine", type=Path, help="a file with exercises, tested in flaxvid's place")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--mine") is None:
        return
    from flaxvid import errors, exercise

    try:
        mine = set(exercise.install_from(config.getoption("--mine")))
    except errors.UserError as error:
        raise pytest.UsageError(str(error)) from None
    items[:] = [
        item
        for item in items
        if any(mine & set(marker.args) for marker in item.iter_markers("exercise"))
    ]
