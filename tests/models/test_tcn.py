"""Temporal convolutions: what each frame sees of its neighbours, and no more."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import tcn


def some(time=7, dim=3, seed=0):
    return np.random.default_rng(seed).normal(size=(2, time, dim)).astype(np.float32)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_windows_are_those_of_a_loop(size, dilation):
    """Frame by frame; zeros beyond the ends."""
    sequence = some()
    found = np.asarray(tcn.windows(jnp.asarray(sequence), size, dilation))
    assert found.shape == (2, 7, size * 3)
    for time in range(7):
        for number in range(size):
            place = time + (number - size // 2) * dilation
            expected = sequence[:, place] if 0 <= place < 7 else np.zeros((2, 3))
            np.testing.assert_array_equal(found[:, time, number * 3 : number * 3 + 3], expected)


@pytest.mark.parametrize(("depth", "reach"), [(1, 1), (2, 3)])
def test_a_frame_reaches_as_far_as_the_blocks_say(depth, reach):
    """Blocks of three frames, 1 and 2 apart."""
    config = tcn.TCNConfig(num_classes=2, num_frames=9, embedding_dim=4, dim=5, depth=depth)
    model = tcn.TCN(config, rngs=nnx.Rngs(0))
    real = jnp.ones((1, 9, 1), bool)

    @nnx.jit
    def run(model, sequence):
        for block in model.blocks:
            sequence = block(sequence, real)
        return sequence

    before = jnp.asarray(some(9, 5))[:1]
    changed = run(model, before.at[0, 4].add(1.0)) != run(model, before)
    assert np.flatnonzero(np.asarray(changed).any(axis=(0, 2))).tolist() == list(
        range(4 - reach, 4 + reach + 1)
    )
