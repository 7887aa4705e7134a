"""A probe: the little that is trained on the features of a backbone that stays as it is.

It is over embeddings: tokens of a clip, or one of each frame.
"""

import dataclasses
from typing import Annotated, Literal

import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import errors, ranges
from flaxvid.models import attentive_pooling, layers

HEAD_DIM = 64  # numbers of a head, where the width is a multiple


@dataclasses.dataclass(frozen=True)
class ProbeConfig:
    """What a probe is made of."""

    # These three follow from the data, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 16
    """Tokens of a video: its frames, or those of a clip's features."""
    embedding_dim: tyro.conf.Suppress[int] = 768
    """Width of a token."""
    pooling: Literal["attention", "linear"] = "attention"
    """How tokens are pooled: attention by a learnt query; or their mean, for a linear probe."""
    depth: Annotated[int, ranges.between(0, 100)] = 0
    """Blocks of self-attention over the tokens before the query; V-JEPA 2 is evaluated with 3."""
    mlp_ratio: Annotated[float, ranges.between(0.1, 100)] = 4.0
    """Width inside the MLP after the query, as a multiple of the token's."""
    # How to compute it: --precision.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""

    def num_heads(self) -> int:
        """Of attention: 64 numbers each, or one of all."""
        return self.embedding_dim // HEAD_DIM if self.embedding_dim % HEAD_DIM == 0 else 1


class Probe(nnx.Module):
    """Tokens to logits: pooled by attention or by their mean, then a linear layer.

    Source: for attention, Assran et al., "V-JEPA 2" (2025), arXiv 2506.09985.
    """

    def __init__(self, config: ProbeConfig, *, rngs: nnx.Rngs):
        self.config = config
        dim = config.embedding_dim
        self.norm = layers.layer_norm(dim, rngs=rngs)
        if config.pooling == "linear":
            self.head = nnx.Linear(dim, config.num_classes, kernel_init=layers.INIT, rngs=rngs)
        else:
            pooler = attentive_pooling.AttentivePooler(
                dim,
                config.num_heads(),
                round(config.mlp_ratio * dim),
                depth=config.depth,
                dtype=jnp.dtype(config.dtype),
                rngs=rngs,
            )
            self.head = attentive_pooling.AttentiveHead(pooler, dim, config.num_classes, rngs=rngs)

    def __call__(
        self,
        inputs: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch token"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of embeddings; tokens whose mask is False are ignored.

        Raises:
            UserError: if there are not `num_frames` tokens, padding included.
        """
        if inputs.shape[1] != self.config.num_frames:
            raise errors.UserError(
                f"{inputs.shape[1]} tokens of a video: the probe takes {self.config.num_frames}"
            )
        if self.config.pooling == "linear":
            where = None if mask is None else mask[:, :, None]
            return self.head(self.norm(jnp.mean(inputs, axis=1, where=where)))
        return self.head(self.norm(inputs), mask, rngs)
