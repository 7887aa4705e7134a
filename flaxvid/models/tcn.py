"""Temporal convolutions over embeddings of frames: few weights, and order built in.

Source: Lea et al., "Temporal Convolutional Networks" (2017); blocks with a residual as in Bai et
al., "An Empirical Evaluation of Generic Convolutional and Recurrent Networks" (2018), but looking
both ways.
"""

import dataclasses
from typing import Annotated

import jax
import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import ranges
from flaxvid.models import embedding_inputs, embedding_transformer, layers


@dataclasses.dataclass(frozen=True, kw_only=True)
class TCNConfig(embedding_inputs.Prepared):
    """What the model is made of; the defaults are a laptop's."""

    # These three follow from the data, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 16
    """Frames of the longest sequence; any other length will do as well."""
    embedding_dim: tyro.conf.Suppress[int] = 1280
    """Width of a frame's embedding."""
    dim: Annotated[int, ranges.WIDTH] = 128
    """Channels."""
    depth: Annotated[int, ranges.DEPTH] = 2
    """Blocks; the dilation doubles from each to the next."""
    size: Annotated[int, ranges.FRAMES] = 3
    """Frames that a convolution sees."""
    dropout: Annotated[float, ranges.PROBABILITY] = 0.3
    """After each convolution and before the head, in training."""
    # How to compute it: --precision.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""


def windows(
    sequence: Float[Array, "batch time dim"], size: int, dilation: int
) -> Float[Array, "batch time window"]:
    """What a convolution of `size` frames, `dilation` apart, sees at each: those before it first.

    `window` is size x dim; beyond both ends there are zeros. A linear layer over windows is a
    convolution over time; XLA's own, of one dimension, is slow on a CPU.
    """
    reach, time = (size // 2) * dilation, sequence.shape[1]
    padded = jnp.pad(sequence, ((0, 0), (reach, reach), (0, 0)))
    shifted = [padded[:, number * dilation :][:, :time] for number in range(size)]
    return jnp.concatenate(shifted, axis=-1)


class Block(nnx.Module):
    """A convolution over time with a residual connection; padding stays zero."""

    def __init__(self, config: TCNConfig, dilation: int, *, rngs: nnx.Rngs):
        self.size, self.dilation = config.size, dilation
        self.conv = layers.Linear(config.size * config.dim, config.dim, rngs=rngs)
        self.dropout = layers.Dropout(config.dropout)

    def __call__(
        self,
        sequence: Float[Array, "batch time dim"],
        real: Bool[Array, "batch time 1"],
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch time dim"]:
        seen = windows(sequence, self.size, self.dilation)
        branch = self.dropout(jax.nn.gelu(self.conv(seen), approximate=False), rngs=rngs)
        return sequence + jnp.where(real, branch, 0)


class TCN(nnx.Module):
    """Embeddings to logits: projection, convolutions over time, mean and max over time, head.

    The token of the mean, if there is one, stands before the frames in the convolutions too.
    """

    def __init__(self, config: TCNConfig, *, rngs: nnx.Rngs):
        self.config = config
        self.prepare = embedding_inputs.EmbeddingInputs(
            config.embedding_dim, config.center, config.standardise, config.input_dropout
        )
        self.project = layers.Linear(config.embedding_dim, config.dim, rngs=rngs)
        self.blocks = nnx.List(
            Block(config, 2**number, rngs=rngs) for number in range(config.depth)
        )
        self.norm = layers.layer_norm(2 * config.dim, epsilon=1e-6, rngs=rngs)
        self.dropout = layers.Dropout(config.dropout)
        self.head = nnx.Linear(2 * config.dim, config.num_classes, rngs=rngs)
        layers.compute_in(self, config.dtype)

    def __call__(
        self,
        inputs: Float[Array, "batch time dim"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of sequences of embeddings; frames whose mask is False are ignored."""
        if mask is None:
            mask = jnp.ones(inputs.shape[:2], bool)
        tokens, mask = self.prepare(inputs, mask, rngs)
        real = mask[:, :, None]
        sequence = jnp.where(real, self.project(tokens), 0)
        for block in self.blocks:
            sequence = block(sequence, real, rngs)
        mean = jnp.mean(sequence, axis=1, where=real)
        largest = embedding_transformer.masked_max(sequence, mask)
        pooled = self.norm(jnp.concatenate([mean, largest], axis=-1))
        return self.head(self.dropout(pooled, rngs=rngs))
