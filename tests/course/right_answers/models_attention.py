"""Right answers for the exercises of flaxvid.models.attention, in other ways."""

import functools

import jax
import jax.numpy as jnp
from flax import nnx

from flaxvid import errors
from flaxvid.models import attention, layers


# --- scaled_dot_product -----------------------------------------------------------------
def scaled_dot_product_cast_first(query, key, value, mask=None, drop=None):
    scores = jnp.einsum(
        "bqhd,bkhd->bhqk", query.astype(jnp.float32), key.astype(jnp.float32)
    ) / jnp.sqrt(query.shape[-1])
    if mask is not None:
        scores = jnp.where(mask[:, None, None], scores, jnp.finfo(jnp.float32).min)
    weights = jax.nn.softmax(scores)
    weights = weights if drop is None else drop(weights)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, value).astype(value.dtype)


def scaled_dot_product_heads_in_front(query, key, value, mask=None, drop=None):
    query, key, value = (jnp.moveaxis(array, 2, 1) for array in (query, key, value))
    scale = query.shape[-1] ** -0.5
    scores = (query.astype(jnp.float32) * scale) @ key.astype(jnp.float32).swapaxes(-1, -2)
    hidden = None if mask is None else mask[:, None, None, :]
    weights = jax.nn.softmax(scores, where=hidden) if mask is not None else jax.nn.softmax(scores)
    if drop is not None:
        weights = drop(weights)
    return jnp.moveaxis(weights.astype(value.dtype) @ value, 1, 2)


def scaled_dot_product_by_exp(query, key, value, mask=None, drop=None):
    dots = jax.vmap(jax.vmap(lambda q, k: q @ k.T, in_axes=(1, 1)))
    scores = dots(query.astype(jnp.float32), key.astype(jnp.float32)) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = jnp.where(mask[:, None, None, :], scores, -jnp.inf)
    odds = jnp.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = odds / odds.sum(axis=-1, keepdims=True)
    weights = weights if drop is None else drop(weights)
    return jnp.einsum("bhqk,bkhd->bqhd", weights.astype(value.dtype), value)


def scaled_dot_product_head_by_head(query, key, value, mask=None, drop=None):
    def weigh(query, key, real):
        scores = query.astype(jnp.float32) @ key.astype(jnp.float32).T / query.shape[-1] ** 0.5
        return jax.nn.softmax(scores, axis=-1, where=real[None])

    real = jnp.ones(key.shape[:2], bool) if mask is None else mask
    of_heads = jax.vmap(weigh, in_axes=(1, 1, None))
    weights = jax.vmap(of_heads)(query, key, real)
    weights = weights if drop is None else drop(weights)
    mix = jax.vmap(jax.vmap(jnp.matmul, in_axes=(0, 1), out_axes=1))
    return mix(weights.astype(value.dtype), value)


# --- Attention --------------------------------------------------------------------------
def _start(self, dim, num_heads, head_dim, dropout, init, dtype, rngs):
    if head_dim is None:
        head_dim, left = divmod(dim, num_heads)
        if left:
            raise errors.UserError(f"a width of {dim} does not divide into {num_heads} heads: ...")
    self.num_heads, self.head_dim = num_heads, head_dim
    inner = num_heads * head_dim
    self.qkv = nnx.Linear(dim, 3 * inner, kernel_init=init, dtype=dtype, rngs=rngs)
    self.proj = nnx.Linear(inner, dim, kernel_init=init, dtype=dtype, rngs=rngs)
    self.dropout = layers.Dropout(dropout)


class Attention_by_split(nnx.Module):
    def __init__(
        self, dim, num_heads, *, head_dim=None, dropout=0.0, init=layers.INIT, dtype=None, rngs
    ):
        _start(self, dim, num_heads, head_dim, dropout, init, dtype, rngs)

    def __call__(self, tokens, mask=None, rngs=None):
        shape = (*tokens.shape[:2], self.num_heads, self.head_dim)
        query, key, value = (
            part.reshape(shape) for part in jnp.split(self.qkv(tokens), 3, axis=-1)
        )
        mixed = attention.scaled_dot_product(
            query, key, value, mask, lambda weights: self.dropout(weights, rngs=rngs)
        )
        return self.proj(mixed.reshape(*tokens.shape[:2], -1))


class Attention_by_reshape(nnx.Module):
    def __init__(
        self, dim, num_heads, *, head_dim=None, dropout=0.0, init=layers.INIT, dtype=None, rngs
    ):
        _start(self, dim, num_heads, head_dim, dropout, init, dtype, rngs)

    def __call__(self, tokens, mask=None, rngs=None):
        batch, count, _ = tokens.shape
        packed = self.qkv(tokens).reshape(batch, count, 3, self.num_heads, self.head_dim)
        drop = functools.partial(self.dropout, rngs=rngs) if rngs is not None else None
        mixed = attention.scaled_dot_product(*jnp.moveaxis(packed, 2, 0), mask, drop)
        return self.proj(mixed.reshape(batch, count, self.num_heads * self.head_dim))


class Attention_head_by_head(nnx.Module):
    def __init__(
        self, dim, num_heads, *, head_dim=None, dropout=0.0, init=layers.INIT, dtype=None, rngs
    ):
        _start(self, dim, num_heads, head_dim, dropout, init, dtype, rngs)

    def __call__(self, tokens, mask=None, rngs=None):
        packed, wide = self.qkv(tokens), self.head_dim
        inner = self.num_heads * wide
        drop = functools.partial(self.dropout, rngs=rngs)
        mixed = []
        for head in range(self.num_heads):
            parts = (
                packed[:, :, None, start + head * wide : start + (head + 1) * wide]
                for start in (0, inner, 2 * inner)
            )
            mixed.append(attention.scaled_dot_product(*parts, mask, drop)[:, :, 0])
        return self.proj(jnp.concatenate(mixed, axis=-1))


# --- over_time --------------------------------------------------------------------------
def over_time_by_swapaxes(attend, patches, num_frames, mask=None):
    batch, tokens, dim = patches.shape
    space = tokens // num_frames
    rows = patches.reshape(batch, num_frames, space, dim).swapaxes(1, 2)
    rows = rows.reshape(batch * space, num_frames, dim)
    rows = attend(rows, None if mask is None else jnp.repeat(mask, space, axis=0))
    return rows.reshape(batch, space, num_frames, dim).swapaxes(1, 2).reshape(batch, tokens, dim)


def over_time_by_take(attend, patches, num_frames, mask=None):
    batch, tokens, dim = patches.shape
    order = jnp.arange(tokens).reshape(num_frames, -1).T.ravel()
    space = tokens // num_frames
    if mask is not None:
        mask = jnp.broadcast_to(mask[:, None], (batch, space, num_frames)).reshape(-1, num_frames)
    rows = attend(patches[:, order].reshape(-1, num_frames, dim), mask)
    return rows.reshape(batch, tokens, dim)[:, jnp.argsort(order)]


def over_time_by_stack(attend, patches, num_frames, mask=None):
    space = patches.shape[1] // num_frames
    rows = jnp.stack([patches[:, place::space] for place in range(space)], axis=1)
    rows = rows.reshape(-1, num_frames, patches.shape[-1])
    if mask is not None:
        mask = jnp.stack([mask] * space, axis=1).reshape(-1, num_frames)
    rows = attend(rows, mask).reshape(patches.shape[0], space, num_frames, -1)
    return jnp.moveaxis(rows, 2, 1).reshape(patches.shape)


# --- over_space -------------------------------------------------------------------------
def _over_space(attend, cls, patches, num_frames, mean):
    batch, tokens, dim = patches.shape
    frames = patches.reshape(batch * num_frames, -1, dim)
    rows = attend(jnp.concatenate([jnp.repeat(cls, num_frames, axis=0), frames], axis=1))
    copies = rows[:, 0].reshape(batch, num_frames, dim)
    return mean(copies)[:, None], rows[:, 1:].reshape(batch, tokens, dim)


def over_space_by_where(attend, cls, patches, num_frames, mask=None):
    def mean(copies):
        if mask is None:
            return copies.mean(axis=1)
        kept = jnp.where(mask[..., None], copies, 0)
        return kept.sum(axis=1) / mask.sum(axis=1)[:, None]

    return _over_space(attend, cls, patches, num_frames, mean)


def over_space_by_mean(attend, cls, patches, num_frames, mask=None):
    real = jnp.ones((patches.shape[0], num_frames), bool) if mask is None else mask
    return _over_space(
        attend, cls, patches, num_frames, lambda c: jnp.mean(c, axis=1, where=real[:, :, None])
    )


def over_space_by_einsum(attend, cls, patches, num_frames, mask=None):
    def mean(copies):
        real = jnp.ones(copies.shape[:2], bool) if mask is None else mask
        shares = real / real.sum(axis=1, keepdims=True)
        return jnp.einsum("bt,btd->bd", shares, jnp.where(real[..., None], copies, 0))

    return _over_space(attend, cls, patches, num_frames, mean)
