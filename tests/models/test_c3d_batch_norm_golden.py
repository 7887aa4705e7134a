"""C3D with BatchNorm against the same in PyTorch: while it learns and in use."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import c3d
from flaxvid.training import state as states
from flaxvid.weights import c3d as weights
from tests.golden import regenerate

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "c3d_batch_norm.npz")
SHAPES = json.loads(str(GOLDEN["about"]))
CONFIG = c3d.C3DConfig(
    num_classes=5, num_frames=3, image_size=10, widths=(4, 6), depths=(1, 2), fc_dim=12,
    batch_norm=True, dropout=0.0,
)  # fmt: skip
VIDEO = jnp.asarray(regenerate.inputs("video", (4, 3, 10, 10, 3)))
NORMS = ("norm1", "norm2a", "norm2b")


def weight(name):
    return regenerate.weight(name, tuple(SHAPES[name]))


def parameters():
    """PyTorch's weights under the names here."""
    params = {}
    for name in NORMS:
        conv = name.replace("norm", "conv")
        params[conv] = dict(kernel=weights.conv_kernel(weight(f"{conv}.weight")), bias=None)
        params[name] = dict(scale=weight(f"{name}.weight"), bias=weight(f"{name}.bias"))
    for name in ("fc6", "fc7", "fc8"):
        params[name] = dict(kernel=weight(f"{name}.weight").T, bias=weight(f"{name}.bias"))
    params["fc6"]["kernel"] = weights.fc6_kernel(weight("fc6.weight"), channels=6)
    return params


def statistics():
    return {
        name: dict(mean=weight(f"{name}.running_mean"), var=weight(f"{name}.running_var"))
        for name in NORMS
    }


def run_both():
    """Logits in use, logits while learning, and the running statistics after that."""
    parts = states.split(nnx.eval_shape(lambda: c3d.C3D(CONFIG, rngs=nnx.Rngs(0))))

    def place(tree, values):
        return jax.tree.map_with_path(
            lambda path, _: jnp.asarray(values[path[0].key][path[1].key]), tree
        )

    params, stats = place(parts.params, parameters()), place(parts.stats, statistics())

    @jax.jit
    def run(params, stats):
        learning = states.merge(parts.train_def, params, stats)
        learnt = learning(VIDEO)
        moved = nnx.to_pure_dict(nnx.state(learning, nnx.BatchStat))
        return states.merge(parts.eval_def, params, stats)(VIDEO), learnt, moved

    return run(params, stats)


@pytest.fixture(scope="module")
def results():
    return run_both()


def test_use_is_that_of_pytorch(results):
    """By the running statistics, logits agree within 1e-5."""
    np.testing.assert_allclose(results[0], GOLDEN["used"], atol=1e-5)


def test_learning_is_that_of_pytorch(results):
    """By the batch's own statistics, over frames and places too, logits agree within 1e-5."""
    np.testing.assert_allclose(results[1], GOLDEN["learning"], atol=1e-5)


@pytest.mark.parametrize(("name", "places"), [("norm1", 4 * 3 * 100), ("norm2b", 4 * 3 * 25)])
def test_running_statistics_move_as_in_pytorch(results, name, places):
    """A tenth of the way to the batch's. PyTorch keeps the unbiased variance, n / (n - 1) of it."""
    np.testing.assert_allclose(results[2][name]["mean"], GOLDEN[f"{name}.running_mean"], atol=1e-6)
    old = weight(f"{name}.running_var")
    unbiased = 0.9 * old + (results[2][name]["var"] - 0.9 * old) * places / (places - 1)
    np.testing.assert_allclose(unbiased, GOLDEN[f"{name}.running_var"], atol=1e-5)


def test_a_fresh_norm_changes_nothing():
    """Scale 1 and bias 0, as the blog has it and PyTorch does by itself."""
    model = c3d.C3D(CONFIG, rngs=nnx.Rngs(0))
    assert (model.norm2b.scale[...] == 1).all()
    assert not model.norm2b.bias[...].any()
