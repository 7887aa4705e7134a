"""Right answers for the exercises of flaxvid.models.embedding_transformer, in other ways."""

import jax.numpy as jnp
from flax import nnx

from flaxvid.models import attention, layers
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
