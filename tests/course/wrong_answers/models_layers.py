"""Wrong answers for the exercises of flaxvid.models.layers."""

import math

import einops
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flaxvid.models import layers

INIT = layers.INIT


# --- patchify ---------------------------------------------------------------------------
def patchify_by_reshape(video, patch_size):  # rows of pixels, not squares
    batch, time, height, width, channel = video.shape
    pixels = patch_size**2 * channel
    return video.reshape(batch, time, height * width * channel // pixels, pixels)


def patchify_column_by_column(video, patch_size):
    pattern = "b t (h p) (w q) c -> b t (w h) (p q c)"
    return einops.rearrange(video, pattern, p=patch_size, q=patch_size)


def patchify_channels_first(video, patch_size):  # as PyTorch lays out a patch
    pattern = "b t (h p) (w q) c -> b t (h w) (c p q)"
    return einops.rearrange(video, pattern, p=patch_size, q=patch_size)


def patchify_every_second_pixel(video, patch_size):
    pattern = "b t (p h) (q w) c -> b t (h w) (p q c)"
    return einops.rearrange(video, pattern, p=patch_size, q=patch_size)


def patchify_as_many_as_pixels(video, patch_size):  # the sides of h and p mixed up
    pattern = "b t (h p) (w q) c -> b t (h w) (p q c)"
    return einops.rearrange(video, pattern, h=patch_size, w=patch_size)


def patchify_of_three_channels(video, patch_size):  # a clip may have more, or one
    pattern = "b t (h p) (w q) c -> b t (h w) (p q c)"
    return einops.rearrange(video[..., :3], pattern, p=patch_size, q=patch_size)


def patchify_column_by_column_if_tall(video, patch_size):
    order = "(w h)" if video.shape[2] > video.shape[3] else "(h w)"
    pattern = f"b t (h p) (w q) c -> b t {order} (p q c)"
    return einops.rearrange(video, pattern, p=patch_size, q=patch_size)


def patchify_in_numpy(video, patch_size):  # there are no numbers yet where a model is compiled
    pattern = "b t (h p) (w q) c -> b t (h w) (p q c)"
    return jnp.asarray(einops.rearrange(np.asarray(video), pattern, p=patch_size, q=patch_size))


# --- MLP --------------------------------------------------------------------------------
class MLP_with_tanh_gelu(nnx.Module):  # JAX's default
    gelu = staticmethod(jax.nn.gelu)
    always, in_the_middle = False, True

    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        self.fc1 = nnx.Linear(dim, hidden_dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(hidden_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.dropout = layers.Dropout(dropout)

    def __call__(self, tokens, rngs=None):
        if self.always and rngs is None:
            rngs = nnx.Rngs(dropout=0)
        hidden = self.gelu(self.fc1(tokens))
        if self.in_the_middle:
            hidden = self.dropout(hidden, rngs=rngs)
        return self.dropout(self.fc2(hidden), rngs=rngs)


class MLP_without_biases(nnx.Module):
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        plain = dict(use_bias=False, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc1 = nnx.Linear(dim, hidden_dim, **plain)
        self.fc2 = nnx.Linear(hidden_dim, dim, **plain)
        self.dropout = layers.Dropout(dropout)

    def __call__(self, tokens, rngs=None):
        hidden = self.dropout(jax.nn.gelu(self.fc1(tokens), approximate=False), rngs=rngs)
        return self.dropout(self.fc2(hidden), rngs=rngs)


def _exact(inputs):
    return jax.nn.gelu(inputs, approximate=False)


def _mlp_like(name, **changes):
    """A class of its own, as a check wants methods that the class itself defines."""
    own = MLP_with_tanh_gelu
    methods = {"__init__": own.__init__, "__call__": own.__call__}
    settings = {"gelu": staticmethod(_exact)} | changes
    return type(nnx.Module)(name, (own,), methods | settings)


MLP_with_relu = _mlp_like("MLP_with_relu", gelu=staticmethod(jax.nn.relu))
MLP_that_always_drops = _mlp_like("MLP_that_always_drops", always=True)
MLP_that_drops_at_the_end = _mlp_like("MLP_that_drops_at_the_end", in_the_middle=False)


def _starts_without(option):
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        options = dict(kernel_init=init, dtype=dtype)
        options.pop(option)
        self.fc1 = nnx.Linear(dim, hidden_dim, rngs=rngs, **options)
        self.fc2 = nnx.Linear(hidden_dim, dim, rngs=rngs, **options)
        self.dropout = layers.Dropout(dropout)

    return __init__


MLP_starting_as_it_likes = _mlp_like(
    "MLP_starting_as_it_likes", __init__=_starts_without("kernel_init")
)
MLP_always_in_float32 = _mlp_like("MLP_always_in_float32", __init__=_starts_without("dtype"))


def _starts_from_seed_0(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
    options = dict(dropout=dropout, init=init, dtype=dtype, rngs=nnx.Rngs(0))
    MLP_with_tanh_gelu.__init__(self, dim, hidden_dim, **options)


MLP_of_seed_0 = _mlp_like("MLP_of_seed_0", __init__=_starts_from_seed_0)


class MLP_dropping_before_the_gelu(nnx.Module):
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        self.fc1 = nnx.Linear(dim, hidden_dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(hidden_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.dropout = layers.Dropout(dropout)

    def __call__(self, tokens, rngs=None):
        hidden = _exact(self.dropout(self.fc1(tokens), rngs=rngs))
        return self.dropout(self.fc2(hidden), rngs=rngs)


class MLP_dropping_twice_alike(nnx.Module):  # with copies of the rngs
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        self.fc1 = nnx.Linear(dim, hidden_dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(hidden_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.dropout = layers.Dropout(dropout)

    def __call__(self, tokens, rngs=None):
        copy = None if rngs is None else nnx.clone(rngs)
        hidden = self.dropout(_exact(self.fc1(tokens)), rngs=copy)
        return self.dropout(self.fc2(hidden), rngs=rngs)


class MLP_with_one_mask_behind_the_gelu(nnx.Module):  # the same in each step
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        self.fc1 = nnx.Linear(dim, hidden_dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(hidden_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.dropout = layers.Dropout(dropout)

    def __call__(self, tokens, rngs=None):
        always = None if rngs is None else nnx.Rngs(dropout=0)
        hidden = self.dropout(_exact(self.fc1(tokens)), rngs=always)
        return self.dropout(self.fc2(hidden), rngs=rngs)


class MLP_always_dropping_half(nnx.Module):  # whatever share it is told
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        self.fc1 = nnx.Linear(dim, hidden_dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(hidden_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.dropout = layers.Dropout(0.5)

    def __call__(self, tokens, rngs=None):
        hidden = self.dropout(_exact(self.fc1(tokens)), rngs=rngs)
        return self.dropout(self.fc2(hidden), rngs=rngs)


def _kept_in(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
    options = dict(kernel_init=init, dtype=dtype, param_dtype=dtype or jnp.float32, rngs=rngs)
    self.fc1 = nnx.Linear(dim, hidden_dim, **options)
    self.fc2 = nnx.Linear(hidden_dim, dim, **options)
    self.dropout = layers.Dropout(dropout)


MLP_with_weights_in_its_dtype = _mlp_like("MLP_with_weights_in_its_dtype", __init__=_kept_in)


class MLP_with_another_name_for_dropout(nnx.Module):
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        self.fc1 = nnx.Linear(dim, hidden_dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(hidden_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.drop = layers.Dropout(dropout)

    def __call__(self, tokens, rngs=None):
        hidden = self.drop(_exact(self.fc1(tokens)), rngs=rngs)
        return self.drop(self.fc2(hidden), rngs=rngs)


class MLP_with_tanh_gelu_in_training(nnx.Module):
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=INIT, dtype=None, rngs):
        self.fc1 = nnx.Linear(dim, hidden_dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(hidden_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.dropout = layers.Dropout(dropout)

    def __call__(self, tokens, rngs=None):
        hidden = jax.nn.gelu(self.fc1(tokens), approximate=rngs is not None)
        hidden = self.dropout(hidden, rngs=rngs)
        return self.dropout(self.fc2(hidden), rngs=rngs)


# --- Dropout ----------------------------------------------------------------------------
def _shape(self, inputs):
    return [1 if d in self.broadcast_dims else n for d, n in enumerate(inputs.shape)]


class Dropout_always(nnx.Dropout):  # in use as well
    def __call__(self, inputs, rngs=None):
        rngs = nnx.Rngs(dropout=0) if rngs is None else rngs
        kept = jax.random.bernoulli(rngs.dropout(), 1 - self.rate, _shape(self, inputs))
        return jnp.where(kept, inputs / max(1 - self.rate, 1e-6), 0)


class Dropout_never(nnx.Dropout):
    def __call__(self, inputs, rngs=None):
        return inputs


class Dropout_with_one_key(nnx.Dropout):
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        kept = jax.random.bernoulli(jax.random.key(0), 1 - self.rate, _shape(self, inputs))
        return jnp.where(kept, inputs / max(1 - self.rate, 1e-6), 0)


class Dropout_that_keeps_the_rate(nnx.Dropout):
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        kept = jax.random.bernoulli(rngs.dropout(), self.rate, _shape(self, inputs))
        return jnp.where(kept, inputs / max(self.rate, 1e-6), 0)


class Dropout_unscaled(nnx.Dropout):
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        kept = jax.random.bernoulli(rngs.dropout(), 1 - self.rate, _shape(self, inputs))
        return jnp.where(kept, inputs, 0)


class Dropout_scaled_in_use(nnx.Dropout):  # as in the first papers
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs * (1 - self.rate)
        kept = jax.random.bernoulli(rngs.dropout(), 1 - self.rate, _shape(self, inputs))
        return jnp.where(kept, inputs, 0)


class Dropout_of_each_alone(nnx.Dropout):
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        kept = jax.random.bernoulli(rngs.dropout(), 1 - self.rate, inputs.shape)
        return jnp.where(kept, inputs / max(1 - self.rate, 1e-6), 0)


class Dropout_of_all_is_nan(nnx.Dropout):
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        kept = jax.random.bernoulli(rngs.dropout(), 1 - self.rate, _shape(self, inputs))
        return jnp.where(kept, inputs / jnp.float32(1 - self.rate), 0)


class Dropout_of_whole_rows(nnx.Dropout):  # whichever axes are named
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        shape = [len(inputs), *[1] * (inputs.ndim - 1)] if self.broadcast_dims else inputs.shape
        kept = jax.random.bernoulli(rngs.dropout(), 1 - self.rate, shape)
        return jnp.where(kept, inputs / max(1 - self.rate, 1e-6), 0)


class Dropout_of_ones(nnx.Dropout):  # what was drawn, without what came in
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        kept = jax.random.bernoulli(rngs.dropout(), 1 - self.rate, _shape(self, inputs))
        return jnp.broadcast_to(jnp.where(kept, 1 / max(1 - self.rate, 1e-6), 0), inputs.shape)


class Dropout_with_a_copied_key(nnx.Dropout):  # the same one at the next call
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        key = nnx.clone(rngs).dropout()
        kept = jax.random.bernoulli(key, 1 - self.rate, _shape(self, inputs))
        return jnp.where(kept, inputs / max(1 - self.rate, 1e-6), 0)


class Dropout_with_unscaled_rows(nnx.Dropout):
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        kept = jax.random.bernoulli(rngs.dropout(), 1 - self.rate, _shape(self, inputs))
        scale = 1 if self.broadcast_dims else 1 / max(1 - self.rate, 1e-6)
        return jnp.where(kept, inputs * scale, 0)


class Dropout_along_axes_from_the_front(nnx.Dropout):  # -1 is an axis as well
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        kept = jax.random.bernoulli(rngs.dropout(), 1 - self.rate, _shape(self, inputs))
        return jnp.where(kept, inputs / ((1 - self.rate) or 1), 0)


class Dropout_in_float32(nnx.Dropout):
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        rest = {axis % inputs.ndim for axis in self.broadcast_dims}
        sizes = [1 if axis in rest else size for axis, size in enumerate(inputs.shape)]
        kept = jax.random.bernoulli(rngs.dropout(), 1 - self.rate, sizes)
        return jnp.where(kept, inputs.astype(jnp.float32) / ((1 - self.rate) or 1), 0)


# --- tubelets ---------------------------------------------------------------------------
def _boxes(video, tubelet_size, patch_size, pattern):
    return einops.rearrange(video, pattern, f=tubelet_size, p=patch_size, q=patch_size)


def tubelets_of_every_second_frame(video, tubelet_size, patch_size):  # the box strides through
    pattern = "b (f t) (h p) (w q) c -> b t (h w) (f p q c)"
    return _boxes(video, tubelet_size, patch_size, pattern)


def tubelets_of_the_mean_of_frames(video, tubelet_size, patch_size):
    pattern = "b (t f) (h p) (w q) c -> b t (h w) f (p q c)"
    boxes = _boxes(video, tubelet_size, patch_size, pattern)
    return jnp.tile(boxes.mean(axis=3), (1, 1, 1, tubelet_size))


def tubelets_of_columns_and_rows(video, tubelet_size, patch_size):
    pattern = "b (t f) (p h) (q w) c -> b t (h w) (f p q c)"
    return _boxes(video, tubelet_size, patch_size, pattern)


def tubelets_place_by_place(video, tubelet_size, patch_size):
    boxes = _boxes(video, tubelet_size, patch_size, "b (t f) (h p) (w q) c -> b (h w) t (f p q c)")
    return boxes.reshape(boxes.shape[0], boxes.shape[2], boxes.shape[1], boxes.shape[3])


def tubelets_column_by_column(video, tubelet_size, patch_size):
    pattern = "b (t f) (h p) (w q) c -> b t (w h) (f p q c)"
    return _boxes(video, tubelet_size, patch_size, pattern)


def tubelets_with_frames_of_a_pixel_together(video, tubelet_size, patch_size):
    pattern = "b (t f) (h p) (w q) c -> b t (h w) (p q f c)"
    return _boxes(video, tubelet_size, patch_size, pattern)


def tubelets_channel_by_channel(video, tubelet_size, patch_size):  # as a convolution of PyTorch
    pattern = "b (t f) (h p) (w q) c -> b t (h w) (c f p q)"
    return _boxes(video, tubelet_size, patch_size, pattern)


def tubelets_backwards(video, tubelet_size, patch_size):  # boxes of more than three frames
    boxes = _boxes(video, tubelet_size, patch_size, "b (t f) (h p) (w q) c -> b t (h w) f (p q c)")
    boxes = boxes[..., ::-1, :] if tubelet_size > 3 else boxes
    return boxes.reshape(*boxes.shape[:3], -1)


def tubelets_with_columns_inside(video, tubelet_size, patch_size):
    pattern = "b (t f) (h p) (w q) c -> b t (h w) (f q p c)"
    return _boxes(video, tubelet_size, patch_size, pattern)


def tubelets_of_three_channels(video, tubelet_size, patch_size):  # a clip may have more, or one
    pattern = "b (t f) (h p) (w q) c -> b t (h w) (f p q c)"
    return _boxes(video[..., :3], tubelet_size, patch_size, pattern)


class Dropout_of_exactly_its_share(nnx.Dropout):  # of those that come in together
    def __call__(self, inputs, rngs=None):
        if rngs is None:
            return inputs
        keep, shape = 1 - self.rate, list(inputs.shape)
        for axis in self.broadcast_dims:
            shape[axis] = 1
        if keep == 0:
            return jnp.zeros_like(inputs)
        places = jax.random.permutation(rngs.dropout(), math.prod(shape)).reshape(shape)
        return jnp.where(places < round(keep * places.size), inputs / keep, 0)


def tubelets_column_by_column_if_tall(video, tubelet_size, patch_size):
    order = "(w h)" if video.shape[2] > video.shape[3] else "(h w)"
    pattern = f"b (t f) (h p) (w q) c -> b t {order} (f p q c)"
    return _boxes(video, tubelet_size, patch_size, pattern)


def tubelets_in_numpy(video, tubelet_size, patch_size):  # no numbers yet in a compiled model
    pattern = "b (t f) (h p) (w q) c -> b t (h w) (f p q c)"
    return jnp.asarray(_boxes(np.asarray(video), tubelet_size, patch_size, pattern))
