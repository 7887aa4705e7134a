"""BERT and RoBERTa over embeddings of frames in place of words: one stack, two presets.

Source: Devlin et al., "BERT" (2019), and Liu et al., "RoBERTa" (2019); details after Transformers.
"""

import dataclasses
from typing import Annotated, Literal

import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import errors, ranges
from flaxvid.models import attention, embedding_inputs, layers

# In what the two differ, the words aside.
ROBERTA = dict(epsilon=1e-5, max_positions=514, position_offset=2, token_types=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BertConfig(embedding_inputs.Prepared):
    """What the model is made of; the defaults are BERT base."""

    # These three follow from the data, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 8
    """Frames of the longest sequence; any that there are positions for will do."""
    embedding_dim: tyro.conf.Suppress[int] = 512
    """Width of a frame's embedding, before it is projected to `dim`."""
    dim: Annotated[int, ranges.WIDTH] = 768
    """Width of a token."""
    depth: Annotated[int, ranges.DEPTH] = 12
    """Blocks."""
    num_heads: Annotated[int, ranges.WIDTH] = 12
    """Heads of attention; they share the width."""
    mlp_dim: Annotated[int, ranges.WIDTH] = 3072
    """Width between a block's two linear layers."""
    dropout: Annotated[float, ranges.PROBABILITY] = 0.1
    """Of the embeddings and of every residual branch."""
    attention_dropout: Annotated[float, ranges.PROBABILITY] = 0.1
    """Of the attention weights."""
    pooling: Literal["cls", "mean"] = "cls"
    """What goes to the head: a learned token put before the frames, or the frames' mean."""
    epsilon: Annotated[float, ranges.above(0, 1)] = 1e-12
    """Of all LayerNorms."""
    max_positions: Annotated[int, ranges.between(1, 2**20)] = 512
    """Rows of the table of positions."""
    position_offset: Annotated[int, ranges.between(0, 2**20)] = 0
    """Row of the first position; RoBERTa leaves the rows before it unused."""
    token_types: Annotated[int, ranges.WIDTH] = 2
    """Rows of the table of token types, of which the first is added to every token."""
    init_std: Annotated[float, ranges.between(0, 10)] = 0.02
    """Initial standard deviation of linear layers and embeddings."""
    position_std: Annotated[float | None, ranges.between(0, 10)] = None
    """Initial standard deviation of position embeddings; None: `init_std`. If they are as large as
    the tokens, the model sees the order from the first step."""
    # How to compute it: --precision and --remat.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""
    remat: tyro.conf.Suppress[bool] = False
    """Compute activations inside blocks again in the backward pass, to save memory."""

    @classmethod
    def tiny(cls, **overrides):
        """A laptop's BERT: 2 blocks of width 64."""
        tiny = dict(dim=64, depth=2, num_heads=4, mlp_dim=128, init_std=0.1, position_std=1.0)
        return cls(**tiny | dict(dropout=0.0, attention_dropout=0.0) | overrides)

    @classmethod
    def base(cls, **overrides):
        """BERT base: 12 blocks of width 768. Its positions start small, as published."""
        return cls(**overrides)

    @classmethod
    def roberta_tiny(cls, **overrides):
        """A laptop's RoBERTa."""
        return cls.tiny(**ROBERTA | overrides)

    @classmethod
    def roberta_base(cls, **overrides):
        """RoBERTa base: 12 blocks of width 768."""
        return cls(**ROBERTA | overrides)


def masked_mean(
    tokens: Float[Array, "batch token dim"], mask: Bool[Array, "batch token"] | None = None
) -> Float[Array, "batch dim"]:
    """The mean over the tokens whose mask is True; without a mask, over all of them."""
    where = None if mask is None else mask[:, :, None]
    return jnp.mean(tokens, axis=1, where=where)


class BertBlock(nnx.Module):
    """Attention, then an MLP; a LayerNorm *after* each sum, where later models have it before."""

    def __init__(self, config: BertConfig, *, rngs: nnx.Rngs):
        init = nnx.initializers.truncated_normal(config.init_std)
        dtype = jnp.dtype(config.dtype)
        norm = dict(epsilon=config.epsilon, dtype=dtype, rngs=rngs)
        self.attn = attention.Attention(
            config.dim,
            config.num_heads,
            dropout=config.attention_dropout,
            init=init,
            dtype=dtype,
            rngs=rngs,
        )
        self.norm1 = layers.layer_norm(config.dim, **norm)
        self.mlp = layers.MLP(config.dim, config.mlp_dim, init=init, dtype=dtype, rngs=rngs)
        self.norm2 = layers.layer_norm(config.dim, **norm)
        self.dropout = layers.Dropout(config.dropout)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch token"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch token dim"]:
        tokens = self.norm1(tokens + self.dropout(self.attn(tokens, mask, rngs), rngs=rngs))
        return self.norm2(tokens + self.dropout(self.mlp(tokens), rngs=rngs))


class BertStack(nnx.Module):
    """The text encoder without its words: positions, token type, norm, blocks."""

    def __init__(self, config: BertConfig, *, rngs: nnx.Rngs):
        self.config = config
        init = nnx.initializers.truncated_normal(config.init_std)
        dim = config.dim
        position_init = nnx.initializers.truncated_normal(config.position_std or config.init_std)
        self.position_embed = nnx.Param(position_init(rngs.params(), (config.max_positions, dim)))
        self.token_type_embed = nnx.Param(init(rngs.params(), (config.token_types, dim)))
        dtype = jnp.dtype(config.dtype)
        self.norm = layers.layer_norm(dim, epsilon=config.epsilon, dtype=dtype, rngs=rngs)
        self.blocks = nnx.List([BertBlock(config, rngs=rngs) for _ in range(config.depth)])
        self.dropout = layers.Dropout(config.dropout)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch token"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch token dim"]:
        """What every token became; tokens whose mask is False are never attended to.

        Raises:
            UserError: if there are more tokens than positions.
        """
        first, count = self.config.position_offset, tokens.shape[1]
        positions = self.position_embed[first : first + count]
        if len(positions) < count:
            raise errors.UserError(
                f"a sequence of {count} tokens is longer than the {len(positions)} positions of "
                "the model: take fewer frames, or raise max_positions"
            )
        tokens = tokens + (positions + self.token_type_embed[:1])[None]
        tokens = self.dropout(self.norm(tokens), rngs=rngs)
        for block in self.blocks:
            tokens = layers.run_block(block, tokens, mask, remat=self.config.remat, rngs=rngs)
        return tokens


class Bert(nnx.Module):
    """Embeddings to logits: projection, stack, CLS token or mean, linear head."""

    def __init__(self, config: BertConfig, *, rngs: nnx.Rngs):
        self.config = config
        init = nnx.initializers.truncated_normal(config.init_std)
        dtype = jnp.dtype(config.dtype)
        self.prepare = embedding_inputs.EmbeddingInputs(
            config.embedding_dim, config.center, config.standardise, config.input_dropout
        )
        self.project = layers.Linear(config.embedding_dim, config.dim, dtype=dtype, rngs=rngs)
        if config.pooling == "cls":
            self.cls_token = nnx.Param(init(rngs.params(), (1, 1, config.dim)))
        self.stack = BertStack(config, rngs=rngs)
        self.head = nnx.Linear(config.dim, config.num_classes, kernel_init=init, rngs=rngs)
        self.dropout = layers.Dropout(config.dropout)

    def __call__(
        self,
        inputs: Float[Array, "batch time dim"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of sequences of embeddings; frames whose mask is False are ignored.

        Raises:
            UserError: if there are more frames than positions.
        """
        tokens, mask = self.prepare(inputs, mask, rngs)
        tokens = self.project(tokens)
        if self.config.pooling == "mean":
            pooled = masked_mean(self.stack(tokens, mask, rngs), mask)
        else:
            cls = jnp.broadcast_to(self.cls_token[...], (tokens.shape[0], 1, tokens.shape[-1]))
            if mask is not None:
                mask = jnp.pad(mask, ((0, 0), (1, 0)), constant_values=True)
            pooled = self.stack(jnp.concatenate([cls, tokens], axis=1), mask, rngs)[:, 0]
        return self.head(self.dropout(pooled.astype(jnp.float32), rngs=rngs))
