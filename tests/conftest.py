"""Strict ground for every test: shapes checked at run time, two devices, no silent promotion.

`pytest --mine=FILE` runs the tests of the exercises that FILE defines, against its versions.
`pytest --device=gpu` runs the tests of models, weights and training on an accelerator.
`pytest --long` runs the long proofs too, of which the suite has a sample.
`pytest --lessons` executes every lesson too, not lesson 1 alone.
"""

import atexit
import contextlib
import gc
import io
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

import PIL.Image
import pytest

from tests import compiling

ROOT = Path(__file__).parents[1]
ON_AN_ACCELERATOR = ("models", "weights", "training")
KEPT_PROGRAMS = 500 * 2**20  # bytes of compiled programs, above which a run begins anew
LONGEST = ("test_train.py", "test_parallel.py", "test_zoo.py", "test_embed.py", "test_sabotage.py")
LONGEST += ("test_evaluate.py", "test_timesformer.py", "test_wrong_answers.py", "test_export.py")


def pytest_addoption(parser):
    parser.addoption("--mine", type=Path, help="a file with exercises, tested in flaxvid's place")
    parser.addoption(
        "--lessons", action="store_true", help="execute every lesson, not lesson 1 alone"
    )
    parser.addoption(
        "--long", action="store_true", help="run the long proofs too: see the marker `long`"
    )
    parser.addoption(
        "--device",
        choices=("cpu", "gpu"),
        default="cpu",
        help="gpu: the tests of models, weights and training, in full precision",
    )


def pytest_configure(config):
    """Everything that must be settled before JAX begins, or before flaxvid is imported."""
    device = config.getoption("--device")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("MPLBACKEND", "Agg")
    # In a learner's kernel JAX has begun already; it keeps its devices and its ways.
    fresh = "jax" not in sys.modules
    if fresh:
        # Compiled programs are millions of objects that stay: to look through them for garbage at
        # every 700 new ones is a fifteenth of the time.
        gc.set_threshold(100_000, 20, 100)
    if fresh and "PYTEST_XDIST_WORKER" not in os.environ:
        share_what_is_compiled(getattr(config, "cache", None))
        os.environ.update(
            compiling.on_a_gpu() if device == "gpu" else compiling.quickly(os.environ)
        )
    import hypothesis
    import jax
    from jaxtyping import install_import_hook

    # Which arguments a failure does not depend on is never shown, and takes the longest to find.
    phases = [phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.explain]
    hypothesis.settings.register_profile("flaxvid", phases=phases)
    hypothesis.settings.load_profile("flaxvid")

    install_import_hook(modules_with_checked_shapes(), "beartype.beartype")
    if fresh:
        compiling.without_explanations()
        compiling.in_one_context()
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", 2)
        jax.config.update("jax_platforms", "cpu" if device == "cpu" else "cuda,cpu")
    if device == "gpu":
        # Else a GPU multiplies float32 with 10 bits, and nothing is the same within 1e-5.
        jax.config.update("jax_default_matmul_precision", "highest")
    path = config.getoption("--mine")
    if path is not None and not path.is_file():
        raise pytest.UsageError(f"--mine {path}: there is no such file")
    # With --mine as in a check, a learner may broadcast as in NumPy.
    jax.config.update("jax_numpy_rank_promotion", "raise" if path is None else "allow")


def modules_with_checked_shapes():
    """All but the checks of exercises, in which functions are made, and would be, at each call."""
    found = {path.stem for path in (ROOT / "flaxvid").iterdir()} - {"__init__", "exercise"}
    return [f"flaxvid.{name}" for name in sorted(found) if name.isidentifier()]


def share_what_is_compiled(cache):
    """What one test has compiled, the others find, in all processes of this run and in later ones.

    JAX knows a program by its text, the versions and the flags, so that only what has changed is
    compiled again; `pytest --cache-clear` forgets all of it. A machine of another name has a
    folder of its own, as programs are compiled for the processor.

    Args:
        cache: pytest's own, or None where it keeps none: then it lasts as long as this run.
    """
    if cache is None:
        folder = tempfile.mkdtemp(prefix="flaxvid-compiled-")
        # Not at the end of pytest: a check of an exercise runs pytest inside a test.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    else:
        folder = cache.mkdir("compiled") / platform.node()
        if sum(path.stat().st_size for path in folder.glob("*")) > KEPT_PROGRAMS:
            shutil.rmtree(folder, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


def pytest_sessionfinish():
    """What is left is the process's end, before which pytest looks for garbage five times."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        gc.freeze()


@pytest.fixture(scope="session")
def small_motion(tmp_path_factory):
    """A small motion set on disk: 40 training, 10 validation and 20 test videos."""
    from flaxvid.data import motion

    counts = {"train": 40, "validation": 10, "test": 20}
    return motion.open_or_draw(root=tmp_path_factory.mktemp("data"), counts=counts)


@contextlib.contextmanager
def _without_checks_of_shapes():
    import jaxtyping

    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture
def unchecked_shapes():
    """For tests of whole runs: shapes are checked where functions are tested, at half the speed."""
    with _without_checks_of_shapes():
        yield


@pytest.fixture(scope="module")
def unchecked_shapes_throughout():
    """The same for a file of tests, and the runs that they share."""
    with _without_checks_of_shapes():
        yield


@pytest.fixture
def blank_figures(monkeypatch):
    """For tests of whole runs: figures are rendered where they are tested; here one is a pixel."""
    from flaxvid import files

    pixel = io.BytesIO()
    PIL.Image.new("RGB", (1, 1)).save(pixel, "png")
    monkeypatch.setattr(
        files, "save_figure", lambda path, _figure: files.write_bytes(path, pixel.getvalue())
    )


@pytest.fixture(scope="session", autouse=True)
def nothing_is_drawn_for_a_test():
    """The thousands of videos of `motion` take minutes: tests have sets of their own."""
    from flaxvid.data import motion

    def write_set(folder, *arguments, **options):
        assert Path(folder).absolute().parent != ROOT / "data", f"{folder} would be drawn"
        own(folder, *arguments, **options)

    own, motion.write_set = motion.write_set, write_set
    yield
    motion.write_set = own


def leave_out_long_ones(config, items):
    """What `long` marks, unless it is asked for: by --long, or by the name of a test."""
    if config.getoption("--long") or any("::" in word for word in config.args):
        return
    left_out, sample, seen = [], set(), set()
    for item in items:
        marker = item.get_closest_marker("long")
        if marker is None:
            continue
        if item.get_closest_marker("exercise"):
            raise pytest.UsageError(f"{item.nodeid}: a learner's check would do without it")
        name, _, parameters = item.nodeid.partition("[")
        sample |= {(name, f"{kept}]") for kept in marker.kwargs.get("except_for", ())}
        seen.add((name, parameters))
        if (name, parameters) not in sample:
            left_out.append(item)
    if not sample <= seen:
        raise pytest.UsageError(f"long(except_for=...): no such parameters: {sample - seen}")
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_ignore_collect(collection_path, config):
    """With --device=gpu other tests are not even imported: what they need may not be there."""
    if config.getoption("--device") == "gpu" and collection_path.is_relative_to(ROOT / "tests"):
        parts = collection_path.relative_to(ROOT / "tests").parts
        if parts and parts[0] not in ON_AN_ACCELERATOR:
            return True
    return None


def pytest_collection_modifyitems(config, items):
    # Two processes end together if what takes a minute or more is not left for the end.
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))
    if config.getoption("--device") == "gpu":
        of_a_cpu = [item for item in items if item.get_closest_marker("cpu")]
        config.hook.pytest_deselected(items=of_a_cpu)
        items[:] = [item for item in items if item not in of_a_cpu]
    if config.getoption("--mine") is None:
        leave_out_long_ones(config, items)
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
