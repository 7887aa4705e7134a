"""The pieces every Transformer here is made of: patches, MLP, norm, drop-path."""

import math

import einops
import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import errors

# How the linear layers, position embeddings and CLS token of a ViT start.
INIT = nnx.initializers.truncated_normal(0.02)


def initializer(std: float) -> nnx.Initializer:
    """A normal distribution cut off at two standard deviations; 0: all zeros."""
    return nnx.initializers.truncated_normal(std) if std else nnx.initializers.zeros


def patchify(
    video: Float[Array, "batch time height width channel"], patch_size: int
) -> Float[Array, "batch time space pixels"]:
    """Cuts every frame into square patches and lays each patch out as one vector.

    Patches run row by row (`space` = height / patch_size x width / patch_size), and inside a
    patch the pixels run row by row with their channels together
    (`pixels` = patch_size x patch_size x channel).

    Source: Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021), eq. 1.
    """
    return einops.rearrange(
        video,
        "batch time (h p) (w q) channel -> batch time (h w) (p q channel)",
        p=patch_size,
        q=patch_size,
    )


def patch_count(image_size: int, patch_size: int) -> int:
    """Patches of a square frame.

    Raises:
        UserError: if the frame is not a whole number of patches high and wide.
    """
    if image_size % patch_size:
        raise errors.UserError(
            f"an image size of {image_size} pixels does not divide into patches of {patch_size}: "
            f"choose a multiple of {patch_size}"
        )
    return (image_size // patch_size) ** 2


def tubelets(
    video: Float[Array, "batch time height width channel"], tubelet_size: int, patch_size: int
) -> Float[Array, "batch steps space pixels"]:
    """Cuts a clip into boxes of `tubelet_size` frames and square patches, each as one vector.

    Boxes run frame after frame (`steps` = time / tubelet_size) and row by row; in a box the frames
    come one after the other, each laid out as `patchify` does.

    Source: Arnab et al., "ViViT: A Video Vision Transformer" (2021), section 3.2.
    """
    return einops.rearrange(
        video,
        "batch (t f) (h p) (w q) channel -> batch t (h w) (f p q channel)",
        f=tubelet_size,
        p=patch_size,
        q=patch_size,
    )


def tubelet_count(num_frames: int, tubelet_size: int) -> int:
    """Steps of time that a clip has, in tubelets.

    Raises:
        UserError: if the clip is not a whole number of tubelets long.
    """
    if num_frames % tubelet_size:
        raise errors.UserError(
            f"a clip of {num_frames} frames does not divide into tubelets of {tubelet_size}: "
            f"choose a multiple of {tubelet_size} for --num-frames"
        )
    return num_frames // tubelet_size


def real_steps(
    mask: Bool[Array, "batch time"] | None, tubelet_size: int
) -> Bool[Array, "batch steps"] | None:
    """Which tubelets hold a real frame, from which frames are real; None stays None."""
    if mask is None:
        return None
    return einops.rearrange(mask, "batch (t f) -> batch t f", f=tubelet_size).any(-1)


def masked_mean(
    tokens: Float[Array, "batch steps space dim"], steps: Bool[Array, "batch steps"] | None
) -> Float[Array, "batch dim"]:
    """The mean over all places and over the steps of time that are real."""
    where = None if steps is None else steps[:, :, None, None]
    return jnp.mean(tokens, axis=(1, 2), where=where)


def resize_positions(
    positions: Float[Array, "1 token dim"],
    old: tuple[int, int, int],
    new: tuple[int, int, int],
    method: str = "cubic",
) -> Float[Array, "1 new_token dim"]:
    """Positions of a grid of tubelets for another grid: linearly in time, `method` in space.

    Args:
        positions: step of time after step of time, and in each row by row.
        old: steps of time, places down and across that they are for.
        new: those that they are to be for.
        method: as `jax.image.resize` takes it.
    """
    dim = positions.shape[-1]
    grid = positions.reshape(*old, dim)
    grid = jax.image.resize(grid, (old[0], *new[1:], dim), method)
    return jax.image.resize(grid, (*new, dim), "linear").reshape(1, -1, dim)


def check_clip(
    video: Float[Array, "batch time height width channel"], num_frames: int, image_size: int
) -> None:
    """Refuses clips of another shape than the model's position embeddings were learnt for.

    Raises:
        UserError: naming both shapes.
    """
    expected = (num_frames, image_size, image_size)
    if video.shape[1:4] != expected:
        raise errors.UserError(
            f"this model takes clips of {expected} (time, height, width), and got "
            f"{video.shape[1:4]}: set num_frames and image_size to match"
        )


def run_block(
    block: nnx.Module, tokens: Array, *arguments, remat: bool = False, rngs: nnx.Rngs | None = None
) -> Array:
    """`block(tokens, *arguments, rngs)`; with `remat`, what is inside is computed again on the
    backward pass instead of being kept.

    Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost" (2016).
    """
    if not remat:
        return block(tokens, *arguments, rngs)
    again = nnx.remat(lambda block, tokens, rngs: block(tokens, *arguments, rngs))
    return again(block, tokens, rngs)


class Linear(nnx.Linear):
    """nnx.Linear, computed as one matrix product over all rows: `*batch dim` as `rows dim`.

    The numbers are the same. Of several batch axes JAX contracts each by itself in the backward
    pass, for which XLA transposes copies of the gradients: a training step of TimeSformer tiny on
    a CPU takes 0.91 times as long like this.
    """

    def __call__(self, inputs: Float[Array, "*batch dim"]) -> Float[Array, "*batch out"]:
        rows = super().__call__(inputs.reshape(-1, inputs.shape[-1]))
        return rows.reshape(*inputs.shape[:-1], rows.shape[-1])


class MLP(nnx.Module):
    """Two linear layers with an exact GELU between, applied to every token alone.

    Its attributes are `fc1` and `fc2` (nnx.Linear), where published weights are put, and
    `dropout` (layers.Dropout), which acts on what comes out of the GELU and out of `fc2`.
    """

    def __init__(
        self, dim: int, hidden_dim: int, *, dropout: float = 0.0, init=INIT, dtype=None, rngs
    ):
        self.fc1 = Linear(dim, hidden_dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc2 = Linear(hidden_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.dropout = Dropout(dropout)

    def __call__(
        self, tokens: Float[Array, "*batch dim"], rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch dim"]:
        # jax.nn.gelu defaults to the tanh approximation; published weights expect the exact one.
        hidden = jax.nn.gelu(self.fc1(tokens), approximate=False)
        hidden = self.dropout(hidden, rngs=rngs)
        return self.dropout(self.fc2(hidden), rngs=rngs)


def compute_in(module: nnx.Module, dtype: str) -> nnx.Module:
    """The module itself, whose products, convolutions and LayerNorms are taken in `dtype` now.

    Parameters, norms' statistics and what comes out of a `head` stay float32.
    """
    if dtype != "float32":
        for path, part in nnx.iter_modules(module):
            if isinstance(part, nnx.Linear | nnx.Conv | nnx.LayerNorm) and "head" not in path:
                part.dtype = jnp.dtype(dtype)
    return module


def layer_norm(dim: int, *, epsilon: float = 1e-6, dtype=None, rngs: nnx.Rngs) -> nnx.LayerNorm:
    """LayerNorm over `dim` with the two-pass variance: the fast one costs about 1e-5."""
    return nnx.LayerNorm(dim, epsilon=epsilon, use_fast_variance=False, dtype=dtype, rngs=rngs)


class Dropout(nnx.Dropout):
    """Dropout when `rngs` are given; a call without them is for use, and drops nothing.

    A number is dropped with probability `rate`, and what is kept is divided by `1 - rate`. Along
    the axes of `broadcast_dims` all are dropped or kept together.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting"
    (2014).
    """

    def __call__(
        self, inputs: Float[Array, "*shape"], rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*shape"]:
        if rngs is None or not self.rate:
            return inputs
        keep = 1 - self.rate
        together = {axis % inputs.ndim for axis in self.broadcast_dims}
        sizes = [1 if axis in together else size for axis, size in enumerate(inputs.shape)]
        # As one list, for XLA takes three to four times as long to compile a draw over four axes.
        kept = jax.random.bernoulli(rngs[self.rng_collection](), keep, math.prod(sizes))
        return jnp.where(kept.reshape(sizes), inputs / (keep or 1), 0)  # nothing is kept at rate 1


def drop_path(rate: float) -> Dropout:
    """Stochastic depth: drops the whole residual branch of a row, `row token dim`, at once.

    Source: Huang et al., "Deep Networks with Stochastic Depth" (2016).
    """
    return Dropout(rate, broadcast_dims=(1, 2))
