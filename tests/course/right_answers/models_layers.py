"""Right answers for the exercises of flaxvid.models.layers, in other ways."""

import einops
import jax
import jax.numpy as jnp
from flax import nnx

from flaxvid.models import layers

INIT = layers.INIT


# --- patchify ---------------------------------------------------------------------------
def patchify_by_transpose(video, patch_size):
    batch, time, height, width, channel = video.shape
    rows, columns = height // patch_size, width // patch_size
    cut = video.reshape(batch, time, rows, patch_size, columns, patch_size, channel)
    return cut.transpose(0, 1, 2, 4, 3, 5, 6).reshape(batch, time, rows * columns, -1)


def patchify_in_loops(video, patch_size):
    batch, time, height, width, _ = video.shape
    patches = [
        video[:, :, y : y + patch_size, x : x + patch_size].reshape(batch, time, -1)
        for y in range(0, height, patch_size)
        for x in range(0, width, patch_size)
    ]
    return jnp.stack(patches, axis=2)


def patchify_by_split(video, patch_size):
    rows = jnp.split(video, video.shape[2] // patch_size, axis=2)
    squares = [s for row in rows for s in jnp.split(row, video.shape[3] // patch_size, axis=3)]
    return jnp.stack([square.reshape(*video.shape[:2], -1) for square in squares], axis=-2)


# --- MLP --------------------------------------------------------------------------------
def _start(self, dim, hidden_dim, dropout, init, dtype, rngs):
    self.fc1 = nnx.Linear(dim, hidden_dim, kernel_init=init, dtype=dtype, rngs=rngs)
    self.fc2 = nnx.Linear(hidden_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
    self.dropout = layers.Dropout(dropout)


class MLP_by_erf(nnx.Module):
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        _start(self, dim, hidden_dim, dropout, init, dtype, rngs)

    def __call__(self, tokens, rngs=None):
        hidden = self.fc1(tokens)
        hidden = hidden * 0.5 * (1 + jax.lax.erf(hidden / 2**0.5))
        return self.dropout(self.fc2(self.dropout(hidden, rngs=rngs)), rngs=rngs)


class MLP_by_cdf(nnx.Module):
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        _start(self, dim, hidden_dim, dropout, init, dtype, rngs)

    def __call__(self, tokens, rngs=None):
        hidden = self.fc1(tokens)
        below = jax.scipy.stats.norm.cdf(hidden.astype(jnp.float32))  # it takes no bfloat16
        hidden = hidden * below.astype(hidden.dtype)
        if rngs is None:
            return self.fc2(hidden)
        return self.dropout(self.fc2(self.dropout(hidden, rngs=rngs)), rngs=rngs)


class MLP_of_a_list(nnx.Module):
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        _start(self, dim, hidden_dim, dropout, init, dtype, rngs)

    def __call__(self, tokens, rngs=None):
        for layer in (self.fc1, lambda x: nnx.gelu(x, approximate=False), None, self.fc2, None):
            tokens = self.dropout(tokens, rngs=rngs) if layer is None else layer(tokens)
        return tokens


# --- Dropout ----------------------------------------------------------------------------
class Dropout_of_flax(nnx.Dropout):
    def __call__(self, inputs, rngs=None):
        return inputs if rngs is None else super().__call__(inputs, rngs=rngs)


class Dropout_by_a_factor(nnx.Dropout):
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        keep = 1 - self.rate
        together = [d % inputs.ndim for d in self.broadcast_dims]
        sizes = [1 if d in together else n for d, n in enumerate(inputs.shape)]
        kept = jax.random.bernoulli(rngs.dropout(), keep, tuple(sizes))
        return inputs * (kept / max(keep, 1e-9)).astype(inputs.dtype)


class Dropout_by_uniform(nnx.Dropout):
    def __call__(self, inputs, rngs=None):
        if rngs is None or self.rate == 0:
            return inputs
        if self.rate == 1:
            return jnp.zeros_like(inputs)
        sizes = list(inputs.shape)
        for axis in self.broadcast_dims:
            sizes[axis] = 1
        drawn = jax.random.uniform(rngs.dropout(), sizes)
        return jnp.where(drawn < self.rate, 0.0, inputs / (1 - self.rate)).astype(inputs.dtype)


# --- tubelets ---------------------------------------------------------------------------
def tubelets_from_patches(video, tubelet_size, patch_size):
    patches = layers.patchify(video, patch_size)
    return einops.rearrange(patches, "b (t f) s p -> b t s (f p)", f=tubelet_size)


def tubelets_by_reshape_and_transpose(video, tubelet_size, patch_size):
    batch, time, height, width, channel = video.shape
    size, steps = patch_size, time // tubelet_size
    split = video.reshape(
        batch, steps, tubelet_size, height // size, size, width // size, size, channel
    )
    split = split.transpose(0, 1, 3, 5, 2, 4, 6, 7)
    pixels = tubelet_size * size * size * channel
    return split.reshape(batch, steps, (height // size) * (width // size), pixels)


def tubelets_one_after_the_other(video, tubelet_size, patch_size):
    boxes, size = [], patch_size
    for t in range(0, video.shape[1], tubelet_size):
        row = []
        for y in range(0, video.shape[2], size):
            for x in range(0, video.shape[3], size):
                box = video[:, t : t + tubelet_size, y : y + size, x : x + size]
                row.append(box.reshape(video.shape[0], -1))
        boxes.append(jnp.stack(row, axis=1))
    return jnp.stack(boxes, axis=1)
