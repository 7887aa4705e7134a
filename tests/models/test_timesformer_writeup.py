"""The compact TimeSformer: its size, its mask, its sense of order."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import cost, timesformer_writeup

Config = timesformer_writeup.WriteupConfig


def small(**overrides):
    sizes = dict(num_classes=5, num_frames=3, image_size=8, patch_size=4, dim=16, mlp_dim=20)
    return Config(**sizes | dict(num_heads=2) | overrides)


def fresh(config):
    return timesformer_writeup.WriteupTimeSformer(config, rngs=nnx.Rngs(0))


@nnx.jit
def call(model, video, mask=None, key=None):
    return model(video, mask, rngs=None if key is None else nnx.Rngs(dropout=key))


def clips(batch=2, frames=3):
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=(batch, frames, 8, 8, 3)).astype(np.float32))


def test_parameters_for_101_classes():
    """18,680,421 for UCF101: the 74.722 MB that the notebook's log prints."""
    model = cost.abstract_model(lambda: fresh(Config(num_classes=101)))
    assert cost.count_parameters(nnx.state(model, nnx.Param)) == 18_680_421


def test_logits_shape():
    """One row of 5 logits a clip."""
    assert call(fresh(small()), clips()).shape == (2, 5)


def test_it_sees_order_from_the_start():
    """Time embeddings start at random here: a clip played backwards has other logits."""
    model, video = fresh(small()), clips()
    assert jnp.abs(call(model, video) - call(model, video[:, ::-1])).max() > 1e-4


def test_padded_frames_are_ignored():
    """Whatever stands in a masked frame, the logits stay."""
    model, video = fresh(small()), clips()
    mask = jnp.array([[True, True, False], [True, True, True]])
    changed = video.at[0, 2].set(9.0)
    np.testing.assert_allclose(call(model, video, mask), call(model, changed, mask), atol=1e-5)
    assert jnp.abs(call(model, video) - call(model, changed))[0].max() > 1e-4


def test_dropout_acts_when_rngs_are_given():
    """Two keys, two answers; without rngs always the same."""
    model, video = fresh(small(dropout=0.5)), clips()
    first, second = (call(model, video, None, jax.random.key(seed)) for seed in (1, 2))
    assert jnp.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(call(model, video), call(model, video))


def test_config_is_frozen():
    """A model's settings do not change under it."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        small().dim = 3
