"""Embeddings of frames, made ready for a sequence model: standardised, and centred on their video.

Most of what an encoder says of a frame is the scene, which all frames of a video share. Taken out
of the frames, what changes is left, at a size that a model sees; put before them as a token of its
own, the scene is not lost.
"""

import dataclasses
from typing import Annotated, Literal

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import ranges
from flaxvid.models import layers

Center = Literal["mean-token", "only", "none"]
SMALLEST = 0.1  # scale of a feature, as a share of all features' mean scale


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepared:
    """How a sequence model has its embeddings prepared: fields that all their configs share."""

    center: Center = "none"
    """The mean of a video's frames: taken out of them and put before them as a token, taken out
    only, or left where it is."""
    standardise: bool = False
    """Bring each number of the embeddings to a like scale, by the training videos' statistics."""
    input_dropout: Annotated[float, ranges.PROBABILITY] = 0.0
    """Share of the numbers of the embeddings dropped in training."""


class EmbeddingInputs(nnx.Module):
    """Standardises, centres and drops out features of embeddings; a part of each model over them.

    The statistics are those of the training videos: `set_statistics` sets them once. They are kept
    with BatchNorm's in the state and in checkpoints, and are not learnt.
    """

    def __init__(self, dim: int, center: Center, standardise: bool, dropout: float):
        """`center`: `mean-token` puts the mean of a video's frames before the frames less the mean;
        `only` leaves the mean out; `none` leaves frames as they are."""
        self.center = center
        if standardise:
            self.shift = nnx.BatchStat(jnp.zeros(dim))
            self.mean_scale = nnx.BatchStat(jnp.ones(dim))
            self.frame_scale = nnx.BatchStat(jnp.ones(dim))
        self.standardise = standardise
        self.dropout = layers.Dropout(dropout)

    def __call__(
        self,
        inputs: Float[Array, "batch time dim"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> tuple[Float[Array, "batch token dim"], Bool[Array, "batch token"] | None]:
        """The tokens and their mask; the token of the mean, if there is one, is real, and first."""
        tokens = inputs - self.shift[None, None] if self.standardise else inputs
        if self.center != "none":
            mean = masked_mean(tokens, mask)
            tokens = tokens - mean
        if self.standardise:
            tokens = tokens / self.frame_scale[None, None]
            if self.center != "none":
                # As large as one frame. Larger by the root of their number it would say as much as
                # all of them; on motion:scenes, whose scenes tell nothing, that cost the linear
                # model 9 points of accuracy (67.3% instead of 75.9%).
                mean = mean / self.mean_scale[None, None]
        if self.center == "mean-token":
            tokens = jnp.concatenate([mean, tokens], axis=1)
            if mask is not None:
                mask = jnp.pad(mask, ((0, 0), (1, 0)), constant_values=True)
        return self.dropout(tokens, rngs=rngs), mask


def extra_tokens(center: Center) -> int:
    """Tokens that stand before those of the frames."""
    return int(center == "mean-token")


def masked_mean(
    inputs: Float[Array, "batch time dim"], mask: Bool[Array, "batch time"] | None
) -> Float[Array, "batch 1 dim"]:
    """The mean over the real frames."""
    where = None if mask is None else mask[:, :, None]
    return jnp.mean(inputs, axis=1, keepdims=True, where=where)


def statistics(
    embedding: Float[np.ndarray, "video time dim"],
    mask: Bool[np.ndarray, "video time"],
    center: Center,
) -> dict[str, Float[np.ndarray, " dim"]]:
    """Mean and scales of training videos' embeddings, by the names of `EmbeddingInputs`.

    `shift` is the mean over all frames; `mean_scale` the standard deviation of videos' means, and
    `frame_scale` that of frames, about their video's mean if they are centred. A feature that
    hardly changes is not blown up: no scale is below a tenth of their mean.
    """
    real = mask[:, :, None]
    counts = np.maximum(mask.sum(axis=1), 1)[:, None]
    seen = mask.any(axis=1)
    frames = np.where(real, embedding, 0)
    shift = frames.sum(axis=(0, 1), dtype=np.float64) / mask.sum()
    means = frames.sum(axis=1, dtype=np.float64) / counts
    about = (shift if center == "none" else means[:, None, :]).astype(np.float32)
    squares = np.where(real, (frames - about) ** 2, 0)
    spread = squares.sum(axis=(0, 1), dtype=np.float64) / mask.sum()
    found = {
        "shift": shift,
        "mean_scale": _bounded(means[seen].std(axis=0)),
        "frame_scale": _bounded(np.sqrt(spread)),
    }
    return {name: values.astype(np.float32) for name, values in found.items()}


def _bounded(scale):
    # Of one video, or of still ones, nothing is known: they stay as they are.
    return np.maximum(scale, SMALLEST * scale.mean()) if scale.any() else np.ones_like(scale)
