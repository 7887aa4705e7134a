"""Right answers for the exercises of flaxvid.weights.timesformer, in other ways."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from flaxvid.weights import read


# --- patch_kernel -----------------------------------------------------------------------
def patch_kernel_by_transpose(kernel):
    return kernel.transpose(2, 3, 1, 0).reshape(-1, kernel.shape[0])


def patch_kernel_by_moveaxis(kernel):
    return np.moveaxis(kernel, 1, -1).reshape(len(kernel), -1).T


def patch_kernel_filter_by_filter(kernel):
    return np.stack([filter_.transpose(1, 2, 0).ravel() for filter_ in kernel], axis=1)


# --- resize_position_embedding ----------------------------------------------------------
def _old_side(embedding):
    side = round(math.sqrt(embedding.shape[1] - 1))
    if side * side != embedding.shape[1] - 1:
        places = embedding.shape[1] - 1
        raise read.WeightsError(f"{places} position embeddings are no square grid")
    return side


def resize_position_embedding_by_reshape(embedding, side):
    old, dim = _old_side(embedding), embedding.shape[-1]
    grid = embedding[:, 1:].reshape(1, old, old, dim)
    grid = jax.image.resize(grid, (1, side, side, dim), method="bicubic")
    return jnp.concatenate([embedding[:, :1], grid.reshape(1, -1, dim)], axis=1)


def resize_position_embedding_channel_by_channel(embedding, side):
    old = _old_side(embedding)
    grids = jnp.moveaxis(embedding[0, 1:].reshape(old, old, -1), -1, 0)
    grids = jax.vmap(lambda grid: jax.image.resize(grid, (side, side), "cubic"))(grids)
    places = grids.reshape(len(grids), -1).T
    return jnp.vstack([embedding[0, :1], places])[None]


def resize_position_embedding_axis_by_axis(embedding, side):
    old, dim = _old_side(embedding), embedding.shape[-1]
    grid = embedding[0, 1:].reshape(old, old, dim)
    grid = jax.image.resize(grid, (side, old, dim), "cubic")
    grid = jax.image.resize(grid, (side, side, dim), "cubic")
    return jnp.concatenate([embedding[:, :1], grid.reshape(1, side * side, dim)], axis=1)


def resize_position_embedding_in_other_words(embedding, side):  # of the error
    number, dim = embedding.shape[1] - 1, embedding.shape[2]
    old = round(number**0.5)
    if number < 1 or old * old != number:
        raise read.WeightsError(f"{number} places are not a square")
    grid = embedding[0, 1:].reshape(old, old, dim)
    grid = jax.image.resize(grid, (side, side, dim), "cubic")
    return jnp.vstack([embedding[0, :1], grid.reshape(-1, dim)])[None]


# --- resize_time_embedding --------------------------------------------------------------
def resize_time_embedding_by_a_matrix(embedding, num_frames):
    old = embedding.shape[1]
    stride = max(1.0, old / num_frames)
    centres = (np.arange(num_frames) + 0.5) * old / num_frames - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(old) - centres[:, None]) / stride)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return jnp.einsum("no,bod->bnd", jnp.asarray(weights, jnp.float32), embedding)


def resize_time_embedding_bilinear(embedding, num_frames):
    batch, _, dim = embedding.shape
    return jax.image.resize(embedding, (batch, num_frames, dim), method="bilinear")


def resize_time_embedding_channel_by_channel(embedding, num_frames):
    columns = [
        jax.image.resize(embedding[0, :, channel], (num_frames,), "linear")
        for channel in range(embedding.shape[-1])
    ]
    return jnp.stack(columns, axis=-1)[None]
