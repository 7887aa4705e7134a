"""A Transformer over the embeddings of frames: positions, post-norm encoder, max over time.

Source: the Keras example of a hybrid Transformer for UCF101; Vaswani et al., "Attention Is All You
Need" (2017), section 3.1, for the encoder block.
"""

import dataclasses
from typing import Annotated

import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import errors, ranges
from flaxvid.models import attention, embedding_inputs, layers

EPSILON = 1e-5  # of PyTorch's LayerNorm


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmbeddingTransformerConfig(embedding_inputs.Prepared):
    """What the model is made of; the defaults are the Keras example's."""

    # These three follow from the data, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 20
    """Frames of the longest sequence."""
    embedding_dim: tyro.conf.Suppress[int] = 1024
    """Width of a frame's embedding."""
    dim: Annotated[int | None, ranges.WIDTH] = None
    """Width of the encoder, to which a linear layer brings embeddings; None: they keep theirs."""
    dense_dim: Annotated[int, ranges.WIDTH] = 4
    """Width between the two linear layers of a block."""
    num_heads: Annotated[int, ranges.WIDTH] = 1
    """Heads of attention."""
    depth: Annotated[int, ranges.DEPTH] = 1
    """Blocks."""
    attention_dropout: Annotated[float, ranges.PROBABILITY] = 0.3
    """Share of the attention weights dropped in training."""
    dropout: Annotated[float, ranges.PROBABILITY] = 0.5
    """Before the head, in training."""
    position_std: Annotated[float, ranges.between(0, 10)] = 0.02
    """Initial standard deviation of position embeddings; at 1, which is that of the tokens, the
    model sees the order from the first step."""
    # How to compute it: --precision.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""

    @classmethod
    def tiny(cls, **overrides):
        """A laptop's: 2 blocks of width 128."""
        tiny = dict(dim=128, dense_dim=256, num_heads=4, depth=2, position_std=1.0)
        tiny |= dict(attention_dropout=0.1)
        return cls(**tiny | overrides)

    @classmethod
    def writeup(cls, **overrides):
        """The Keras example: 4,237,321 parameters for 20 frames of DenseNet121 and 5 classes.

        Its positions start small, as there.
        """
        return cls(**overrides)


def masked_max(
    sequence: Float[Array, "batch time dim"], mask: Bool[Array, "batch time"] | None = None
) -> Float[Array, "batch dim"]:
    """The largest value of every feature over the frames whose mask is True; None: over all."""
    if mask is not None:
        sequence = jnp.where(mask[:, :, None], sequence, -jnp.inf)
    # Not by jnp.max: its backward pass finds the largest again by its value, which XLA may have
    # recomputed and rounded differently. JAX 0.10.2 loses gradients so, compiled for a CPU.
    place = jnp.argmax(sequence, axis=1, keepdims=True)
    return jnp.squeeze(jnp.take_along_axis(sequence, place, axis=1), axis=1)


class EncoderBlock(nnx.Module):
    """Attention, then an MLP; each is added to its inputs, and the sum is normalised."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        dense_dim: int,
        *,
        attention_dropout: float = 0.0,
        rngs: nnx.Rngs,
    ):
        init = nnx.initializers.xavier_uniform()
        self.attn = attention.Attention(
            dim, num_heads, dropout=attention_dropout, init=init, rngs=rngs
        )
        self.norm1 = layers.layer_norm(dim, epsilon=EPSILON, rngs=rngs)
        self.mlp = layers.MLP(dim, dense_dim, init=init, rngs=rngs)
        self.norm2 = layers.layer_norm(dim, epsilon=EPSILON, rngs=rngs)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch token"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch token dim"]:
        """Tokens whose mask is False are not attended to; what becomes of them means nothing."""
        tokens = self.norm1(tokens + self.attn(tokens, mask, rngs))
        return self.norm2(tokens + self.mlp(tokens))


class EmbeddingTransformer(nnx.Module):
    """Embeddings to logits: prepared, projected, each told its place; blocks, max over time,
    dropout, linear head.

    Its attributes are those that weights are put under: `prepare`
    (embedding_inputs.EmbeddingInputs); `project` (layers.Linear), unless `config.dim` is None and
    embeddings keep their width; `position_embed`, an nnx.Param of shape (positions, dim); `blocks`
    (an nnx.List of EncoderBlock) and `head` (nnx.Linear). There are positions for `num_frames`
    frames and for the tokens that `prepare` puts before them (embedding_inputs.extra_tokens). And
    `config`, which says what it is made of.
    """

    def __init__(self, config: EmbeddingTransformerConfig, *, rngs: nnx.Rngs):
        """Positions start from a normal distribution of standard deviation `config.position_std`,
        cut off at two of them."""
        self.config = config
        dim = config.dim or config.embedding_dim
        if config.dim is not None:
            self.project = layers.Linear(config.embedding_dim, dim, rngs=rngs)
        self.prepare = embedding_inputs.EmbeddingInputs(
            config.embedding_dim, config.center, config.standardise, config.input_dropout
        )
        positions = config.num_frames + embedding_inputs.extra_tokens(config.center)
        init = nnx.initializers.truncated_normal(config.position_std)
        self.position_embed = nnx.Param(init(rngs.params(), (positions, dim)))
        sizes = dim, config.num_heads, config.dense_dim
        self.blocks = nnx.List(
            EncoderBlock(*sizes, attention_dropout=config.attention_dropout, rngs=rngs)
            for _ in range(config.depth)
        )
        self.dropout = layers.Dropout(config.dropout)
        self.head = nnx.Linear(dim, config.num_classes, rngs=rngs)

    def __call__(
        self,
        inputs: Float[Array, "batch time embedding_dim"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of sequences of embeddings; frames whose mask is False are ignored. `rngs` turn
        on every dropout: of the inputs, of attention, and before the head.

        Raises:
            UserError: if a sequence is longer than `num_frames`.
        """
        tokens, mask = self.prepare(inputs, mask, rngs)
        tokens = tokens if self.config.dim is None else self.project(tokens)
        tokens = self.add_positions(tokens)
        for block in self.blocks:
            tokens = block(tokens, mask, rngs)
        return self.head(self.dropout(masked_max(tokens, mask), rngs=rngs))

    def add_positions(
        self, tokens: Float[Array, "batch time dim"]
    ) -> Float[Array, "batch time dim"]:
        """Tells every frame which it is: the vector learnt for its place is added."""
        time, positions = tokens.shape[1], len(self.position_embed)
        if time > positions:
            extra = embedding_inputs.extra_tokens(self.config.center)
            raise errors.UserError(
                f"a sequence of {time - extra} frames is longer than the {positions - extra} "
                "positions of the model: set num_frames to match"
            )
        return tokens + self.position_embed[None, :time]


def create(config: EmbeddingTransformerConfig, *, rngs: nnx.Rngs) -> nnx.Module:
    """A fresh model, computed in `config.dtype`: of the class that bears the name when this is
    called, a learner's too."""
    return layers.compute_in(EmbeddingTransformer(config, rngs=rngs), config.dtype)
