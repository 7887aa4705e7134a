"""Right answers for the exercises of flaxvid.models.embedding_transformer, in other ways."""

import functools

import jax
import jax.numpy as jnp
from flax import nnx

from flaxvid import errors
from flaxvid.models import attention, embedding_inputs, embedding_transformer, layers
from flaxvid.models.embedding_transformer import EPSILON


# --- masked_max -------------------------------------------------------------------------
def masked_max_by_where_argument(sequence, mask=None):
    where = None if mask is None else mask[..., None]
    return jnp.max(sequence, axis=1, where=where, initial=-jnp.inf)


def masked_max_of_the_smallest_number(sequence, mask=None):
    if mask is None:
        return sequence.max(axis=1)
    lowest = jnp.finfo(sequence.dtype).min
    return jnp.where(mask[:, :, None], sequence, lowest).max(axis=1)


def masked_max_by_the_first_frame(sequence, mask=None):
    if mask is None:
        mask = jnp.ones(sequence.shape[:2], bool)
    first = jnp.argmax(mask, axis=1)
    real = jnp.take_along_axis(sequence, first[:, None, None], axis=1)
    return jnp.where(mask[:, :, None], sequence, real).max(axis=1)


# --- EncoderBlock -----------------------------------------------------------------------
def _start(self, dim, num_heads, dense_dim, attention_dropout, rngs, init):
    self.attn = attention.Attention(dim, num_heads, dropout=attention_dropout, init=init, rngs=rngs)
    self.norm1 = layers.layer_norm(dim, epsilon=EPSILON, rngs=rngs)
    self.norm2 = layers.layer_norm(dim, epsilon=EPSILON, rngs=rngs)
    self.mlp = layers.MLP(dim, dense_dim, init=init, rngs=rngs)


class EncoderBlock_in_four_lines(nnx.Module):
    def __init__(self, dim, num_heads, dense_dim, *, attention_dropout=0.0, rngs):
        _start(self, dim, num_heads, dense_dim, attention_dropout, rngs, layers.INIT)

    def __call__(self, tokens, mask=None, rngs=None):
        attended = self.attn(tokens, mask=mask, rngs=rngs)
        middle = self.norm1(attended + tokens)
        filtered = self.mlp(middle)
        return self.norm2(filtered + middle)


class EncoderBlock_in_a_loop(nnx.Module):
    def __init__(self, dim, num_heads, dense_dim, *, attention_dropout=0.0, rngs):
        init = nnx.initializers.xavier_uniform()
        _start(self, dim, num_heads, dense_dim, attention_dropout, rngs, init)

    def __call__(self, tokens, mask=None, rngs=None):
        steps = [(lambda x: self.attn(x, mask, rngs), self.norm1), (self.mlp, self.norm2)]
        for step, norm in steps:
            tokens = norm(tokens + step(tokens))
        return tokens


class EncoderBlock_with_rngs_for_all(nnx.Module):
    def __init__(self, dim, num_heads, dense_dim, *, attention_dropout=0.0, rngs):
        _start(self, dim, num_heads, dense_dim, attention_dropout, rngs, layers.INIT)

    def __call__(self, tokens, mask=None, rngs=None):
        tokens = self.norm1(jnp.add(self.attn(tokens, mask, rngs), tokens))
        return self.norm2(jnp.add(self.mlp(tokens, rngs), tokens))


# --- EmbeddingTransformer ---------------------------------------------------------------
class EmbeddingTransformer_line_by_line(nnx.Module):
    def __init__(self, config, *, rngs):
        self.config = config
        dim = config.embedding_dim if config.dim is None else config.dim
        self.prepare = embedding_inputs.EmbeddingInputs(
            config.embedding_dim, config.center, config.standardise, config.input_dropout
        )
        if config.dim is not None:
            self.project = layers.Linear(config.embedding_dim, config.dim, rngs=rngs)
        positions = config.num_frames
        if config.center == "mean-token":
            positions += 1
        start = nnx.initializers.truncated_normal(config.position_std)
        self.position_embed = nnx.Param(start(rngs.params(), (positions, dim)))
        blocks = []
        for _ in range(config.depth):
            blocks.append(
                embedding_transformer.EncoderBlock(
                    dim,
                    config.num_heads,
                    config.dense_dim,
                    attention_dropout=config.attention_dropout,
                    rngs=rngs,
                )
            )
        self.blocks = nnx.List(blocks)
        self.drop = layers.Dropout(config.dropout)
        self.head = nnx.Linear(dim, config.num_classes, rngs=rngs)

    def __call__(self, inputs, mask=None, rngs=None):
        if inputs.shape[1] > self.config.num_frames:
            raise errors.UserError("the sequence is longer than num_frames")
        tokens, mask = self.prepare(inputs, mask, rngs)
        if self.config.dim is not None:
            tokens = self.project(tokens)
        tokens = self.add_positions(tokens)
        for block in self.blocks:
            tokens = block(tokens, mask, rngs)
        pooled = embedding_transformer.masked_max(tokens, mask)
        return self.head(self.drop(pooled, rngs))

    def add_positions(self, tokens):
        return tokens + self.position_embed[...][: tokens.shape[1]]


class EmbeddingTransformer_that_always_has_a_mask(nnx.Module):
    def __init__(self, config, *, rngs):
        self.config, dim = config, config.dim or config.embedding_dim
        self.head = nnx.Linear(dim, config.num_classes, rngs=rngs)
        block = functools.partial(
            embedding_transformer.EncoderBlock,
            dim,
            config.num_heads,
            config.dense_dim,
            attention_dropout=config.attention_dropout,
        )
        self.blocks = nnx.List([block(rngs=rngs) for _ in range(config.depth)])
        count = config.num_frames + embedding_inputs.extra_tokens(config.center)
        # A normal that is drawn again beyond two deviations.
        drawn = jax.random.truncated_normal(rngs.params(), -2.0, 2.0, (count, dim))
        self.position_embed = nnx.Param(config.position_std * drawn)
        sizes = config.embedding_dim, config.center, config.standardise, config.input_dropout
        self.prepare = embedding_inputs.EmbeddingInputs(*sizes)
        if config.dim:
            self.project = nnx.Linear(config.embedding_dim, dim, rngs=rngs)

    def __call__(self, inputs, mask=None, rngs=None):
        if mask is None:
            mask = jnp.ones(inputs.shape[:2], bool)
        tokens, mask = self.prepare(inputs, mask=mask, rngs=rngs)
        tokens = self.add_positions(self.project(tokens) if self.config.dim else tokens)
        tokens = functools.reduce(lambda x, block: block(x, mask, rngs), self.blocks, tokens)
        tokens = jnp.where(mask[:, :, None], tokens, jnp.finfo(tokens.dtype).min)
        place = jnp.argmax(tokens, axis=1, keepdims=True)
        largest = jnp.take_along_axis(tokens, place, axis=1)[:, 0]
        drop = nnx.Dropout(self.config.dropout)
        return self.head(drop(largest, deterministic=rngs is None, rngs=rngs))

    def add_positions(self, tokens):
        count = tokens.shape[1]
        if count > self.position_embed.shape[0]:
            raise errors.UserError(f"{count} tokens, {self.position_embed.shape[0]} positions")
        return jnp.add(tokens, jnp.broadcast_to(self.position_embed[:count], tokens.shape))


class EmbeddingTransformer_by_one_hot_places(nnx.Module):
    def __init__(self, config, *, rngs):
        self.config = config
        self.prepare = embedding_inputs.EmbeddingInputs(
            dim=config.embedding_dim,
            center=config.center,
            standardise=config.standardise,
            dropout=config.input_dropout,
        )
        width = config.embedding_dim
        if config.dim is not None:
            self.project = layers.Linear(width, config.dim, rngs=rngs)
            width = config.dim
        shape = (config.num_frames + embedding_inputs.extra_tokens(config.center), width)
        self.position_embed = nnx.Param(
            layers.initializer(config.position_std)(rngs.params(), shape)
        )
        how = dict(attention_dropout=config.attention_dropout, rngs=rngs)
        self.blocks = nnx.List([])
        while len(self.blocks) < config.depth:
            sizes = width, config.num_heads, config.dense_dim
            self.blocks.append(embedding_transformer.EncoderBlock(*sizes, **how))
        self.head = nnx.Linear(width, config.num_classes, rngs=rngs)
        self.dropout = layers.Dropout(config.dropout)

    def __call__(self, inputs, mask=None, rngs=None):
        tokens, seen = self.prepare(inputs, mask, rngs)
        if hasattr(self, "project"):
            tokens = self.project(tokens)
        tokens = self.add_positions(tokens)
        for number in range(len(self.blocks)):
            tokens = self.blocks[number](tokens, mask=seen, rngs=rngs)
        return self.head(self.dropout(embedding_transformer.masked_max(tokens, seen), rngs=rngs))

    def add_positions(self, tokens):
        if tokens.shape[1] > len(self.position_embed):
            raise errors.UserError("a longer sequence than there are positions: set num_frames")
        which = jnp.eye(tokens.shape[1], len(self.position_embed))
        return tokens + jnp.einsum("tp,pd->td", which, self.position_embed[...])[None]
