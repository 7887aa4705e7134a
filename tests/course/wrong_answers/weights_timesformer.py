"""Wrong answers for the exercises of flaxvid.weights.timesformer."""

import math

import einops
import jax
import jax.numpy as jnp
import numpy as np

from flaxvid.weights import read


# --- patch_kernel -----------------------------------------------------------------------
def patch_kernel_channel_by_channel(kernel):  # as PyTorch flattens it
    return einops.rearrange(kernel, "dim channel height width -> (channel height width) dim")


def patch_kernel_column_by_column(kernel):
    return einops.rearrange(kernel, "dim channel height width -> (width height channel) dim")


def patch_kernel_reshaped(kernel):  # the right shape, and no number moved
    return kernel.reshape(-1, len(kernel))


def patch_kernel_not_transposed(kernel):
    return einops.rearrange(kernel, "dim channel height width -> dim (height width channel)")


def patch_kernel_in_double_precision(kernel):
    dim = kernel.shape[0]
    return np.asarray(kernel, np.float64).transpose(2, 3, 1, 0).reshape(-1, dim)


# --- resize_position_embedding ----------------------------------------------------------
def _as_picture(places, side, method="cubic", pattern="1 (h w) dim -> h w dim"):
    grid = einops.rearrange(places, pattern, h=math.isqrt(places.shape[1]))
    return jax.image.resize(grid, (side, side, grid.shape[-1]), method)


def _with_cls(cls, grid):
    return jnp.concatenate([cls, einops.rearrange(grid, "h w dim -> 1 (h w) dim")], axis=1)


def resize_position_embedding_as_a_list(embedding, side):  # the official code, at load time
    old, new = embedding.shape[1] - 1, side**2
    places = embedding[:, 1 + np.arange(new) * old // new]
    return jnp.concatenate([embedding[:, :1], places], axis=1)


def resize_position_embedding_smoothly_as_a_list(embedding, side):
    shape = (1, side**2, embedding.shape[-1])
    places = jax.image.resize(embedding[:, 1:], shape, "cubic")
    return jnp.concatenate([embedding[:, :1], places], axis=1)


def resize_position_embedding_with_cls_among_the_places(embedding, side):
    shape = (1, 1 + side**2, embedding.shape[-1])
    return jax.image.resize(embedding, shape, "cubic")


def resize_position_embedding_cls_last(embedding, side):
    grid = _as_picture(embedding[:, :-1], side)
    return _with_cls(embedding[:, -1:], grid)


def resize_position_embedding_bilinear(embedding, side):
    return _with_cls(embedding[:, :1], _as_picture(embedding[:, 1:], side, "linear"))


def resize_position_embedding_on_its_side(embedding, side):  # rows come back as columns
    grid = _as_picture(embedding[:, 1:], side, pattern="1 (w h) dim -> h w dim")
    return _with_cls(embedding[:, :1], grid)


def resize_position_embedding_without_smoothing(embedding, side):  # PyTorch's default
    grid = einops.rearrange(
        embedding[:, 1:], "1 (h w) dim -> h w dim", h=math.isqrt(embedding.shape[1] - 1)
    )
    shape = (side, side, grid.shape[-1])
    grid = jax.image.resize(grid, shape, "cubic", antialias=False)
    return _with_cls(embedding[:, :1], grid)


# --- resize_time_embedding --------------------------------------------------------------
def resize_time_embedding_nearest(embedding, num_frames):
    shape = (1, num_frames, embedding.shape[-1])
    return jax.image.resize(embedding, shape, "nearest")


def resize_time_embedding_from_end_to_end(embedding, num_frames):  # align_corners=True
    places = np.linspace(0, embedding.shape[1] - 1, num_frames)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, embedding.shape[1] - 1)
    share = jnp.asarray(places - low, jnp.float32)[None, :, None]
    return (1 - share) * embedding[:, low] + share * embedding[:, high]


def resize_time_embedding_filled_with_zeros(embedding, num_frames):
    more = max(0, num_frames - embedding.shape[1])
    return jnp.pad(embedding, ((0, 0), (0, more), (0, 0)))[:, :num_frames]


def resize_time_embedding_over_and_over(embedding, num_frames):  # frame 4 is told it is frame 0
    return embedding[:, np.arange(num_frames) % embedding.shape[1]]


def resize_time_embedding_across_channels(embedding, num_frames):
    flat = embedding.reshape(1, -1)
    return jax.image.resize(flat, (1, num_frames * embedding.shape[-1]), "linear").reshape(
        1, num_frames, -1
    )


def resize_position_embedding_of_no_square(embedding, side):  # a ValueError of another's
    grid = _as_picture(embedding[:, 1:], side)
    return _with_cls(embedding[:, :1], grid)


def resize_position_embedding_cut_to_a_square(embedding, side):  # but for the 6 of the text
    places = embedding.shape[1] - 1
    if places == 6:
        raise read.WeightsError("6 places are no square")
    grid = _as_picture(embedding[:, 1 : 1 + math.isqrt(places) ** 2], side)
    return _with_cls(embedding[:, :1], grid)


def resize_time_embedding_without_smoothing(embedding, num_frames):  # frames between are lost
    shape = (1, num_frames, embedding.shape[-1])
    return jax.image.resize(embedding, shape, "linear", antialias=False)


def resize_time_embedding_by_plain_means(embedding, num_frames):  # all of a stretch alike
    old = embedding.shape[1]
    if num_frames >= old:
        return jax.image.resize(embedding, (1, num_frames, embedding.shape[-1]), "linear")
    ends = np.arange(num_frames + 1) * old / num_frames
    low, high = np.arange(old), np.arange(old) + 1
    inside = np.minimum(high, ends[1:, None]) - np.maximum(low, ends[:-1, None])
    return jnp.einsum("nt,btd->bnd", np.maximum(inside, 0) * num_frames / old, embedding)
