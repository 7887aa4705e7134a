"""What the tests themselves promise: which warnings are errors, and how they compile."""

import ast
import os
import warnings
from pathlib import Path

import jax
import pytest

from tests import compiling


def warn_in(module):
    """A warning that is put down to a line of `module`."""
    with warnings.catch_warnings(record=True) as caught:
        exec("import warnings; warnings.warn('old', DeprecationWarning)", {"__name__": module})
    return len(caught)


@pytest.mark.parametrize("module", ["flaxvid.video.sample", "tests.video.test_sample"])
def test_a_warning_of_our_own_is_an_error(module):
    """Whatever flaxvid or a test calls in a way that is going out of use is mended at once."""
    with pytest.raises(DeprecationWarning, match="old"):
        warn_in(module)


def test_a_warning_from_inside_a_library_is_shown():
    """A release of JAX that deprecates something of NumPy's does not make the tests fail."""
    assert warn_in("jax.numpy.linalg") == 1


def test_whoever_chooses_how_xla_compiles_keeps_it():
    """With XLA_FLAGS set, to nothing too, the tests change nothing."""
    assert compiling.quickly({"XLA_FLAGS": ""}) == {}
    assert compiling.quickly({})["JAX_DISABLE_MOST_OPTIMIZATIONS"] == "1"


def test_a_flag_that_xla_no_longer_has_is_left_out(monkeypatch):
    """XLA ends a process that names one: pytest would die without a word on newer versions."""
    known, gone = compiling.FLAGS[-1], "--xla_no_longer_there=1"
    monkeypatch.setattr(compiling, "FLAGS", (gone, known))
    assert compiling.quickly({})["XLA_FLAGS"] == known


def test_two_devices_and_no_silent_promotion(request):
    """What is about many devices is tested on two; ranks are promoted by hand."""
    assert len(jax.devices("cpu")) == 2
    assert jax.config.jax_numpy_rank_promotion == "raise"
    if request.config.getoption("--device") == "cpu":
        assert jax.default_backend() == "cpu"
        assert "JAX_COMPILATION_CACHE_DIR" in os.environ


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parent.rglob("*/conftest.py")), ids=lambda p: p.parent.name
)
def test_no_folder_of_tests_begins_jax_before_the_settings(path):
    """pytest reads the conftest of a folder it is given before it calls ours."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    named = {getattr(node, "module", None) or node.names[0].name for node in imports}
    begun = {name.partition(".")[0] for name in named} & {"jax", "flax", "flaxvid", "tests"}
    assert not begun, f"{path} imports {begun}: import it inside the fixture that needs it"
