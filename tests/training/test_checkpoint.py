"""Checkpoints: what is saved comes back bit for bit, or is refused by name."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from flaxvid.training import checkpoint
from flaxvid.training import state as states


class Net(nnx.Module):
    """One layer and one norm."""

    def __init__(self, width=4, seed=0):
        self.fc = nnx.Linear(3, width, rngs=nnx.Rngs(seed))
        self.norm = nnx.BatchNorm(width, rngs=nnx.Rngs(seed))


def state_of(width=4, seed=0, step=0):
    state = states.create(states.take_apart(Net(width, seed)), optax.adam(0.1), seed=seed)
    return state._replace(step=jnp.asarray(step))


def assert_same(actual, expected):
    unkeyed = [
        jax.tree.leaves(s._replace(key=jax.random.key_data(s.key))) for s in (actual, expected)
    ]
    for left, right in zip(*unkeyed, strict=True):
        np.testing.assert_array_equal(left, right)


def test_state_comes_back_bit_for_bit(tmp_path):
    """Parameters, statistics, optimizer state, key and the place in the data."""
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state_of(seed=7, step=5), {"next_index": 80}, accuracy=0.5)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        state, position = checkpoints.restore(5, state_of(seed=1))
    assert position == {"next_index": 80}
    assert_same(state, state_of(seed=7, step=5))


def test_newest_and_best_are_kept_apart(tmp_path):
    """Of five saves the last two stay, and the most accurate one."""
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        for step, accuracy in enumerate((0.2, 0.9, 0.4, 0.3, 0.5), start=1):
            checkpoints.save(state_of(step=step), {}, accuracy)
            checkpoints.wait()
        assert (checkpoints.newest(), checkpoints.best()) == (5, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "4", "5"]


def test_checkpoint_that_was_not_judged_is_never_the_best(tmp_path):
    """An interrupted run's last state is there to go on with, not to use."""
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state_of(step=1), {}, 0.0)
        checkpoints.save(state_of(step=2), {}, checkpoint.NOT_JUDGED)
        checkpoints.wait()
        assert (checkpoints.newest(), checkpoints.best()) == (2, 1)


def test_nothing_saved(tmp_path):
    """A fresh folder has neither a newest nor a best checkpoint."""
    with checkpoint.Checkpoints(tmp_path / "none") as checkpoints:
        assert checkpoints.newest() is None
        assert checkpoints.best() is None


def test_model_alone(tmp_path):
    """Parameters and statistics are read without the optimizer's state."""
    saved = state_of(seed=3, step=1)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(saved, {}, 0.5)
    like = state_of()
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        params, stats = checkpoints.restore_model(1, (like.params, like.stats))
    np.testing.assert_array_equal(params["fc"]["kernel"], saved.params["fc"]["kernel"])
    np.testing.assert_array_equal(stats["norm"]["var"], saved.stats["norm"]["var"])


def test_another_width_is_refused_by_name(tmp_path):
    """The message names the leaf, its shape in the file and the shape that is needed."""
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state_of(width=4, step=1), {}, 0.5)
    with (
        checkpoint.Checkpoints(tmp_path) as checkpoints,
        pytest.raises(checkpoint.CheckpointError, match=r"params/fc/bias is float32\[4\].*\[5\]"),
    ):
        checkpoints.restore(1, state_of(width=5))


def test_another_type_is_refused_by_name(tmp_path):
    """Half precision in the file is not cast to float32 without a word."""
    saved = state_of(step=1)
    halved = jax.tree.map(lambda x: x.astype(jnp.bfloat16), saved.params)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(saved._replace(params=halved), {}, 0.5)
    with (
        checkpoint.Checkpoints(tmp_path) as checkpoints,
        pytest.raises(checkpoint.CheckpointError, match="params/fc/bias is bfloat16"),
    ):
        checkpoints.restore(1, state_of())
