"""TimeSformer's blocks of divided attention once more, laid out for a GPU.

The numbers are those of `timesformer.Block`; what differs is what is copied on the way. The CLS
token stays apart from the patches from the first block to the last, patches stay in `batch time
space dim` for attention over time and over space alike, rows are padded for cuDNN once in a block,
and norms and attention over time are kernels that pass over their inputs once.
"""

from collections.abc import Sequence

import einops
import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid.models import attention, fused_attention, kernels, layers

Cls = Float[Array, "batch 1 dim"]
Patches = Float[Array, "batch time space dim"]
Frames = Bool[Array, "batch time"]


def cls_token(
    model: nnx.Module,
    tokens: Float[Array, "batch token dim"],
    mask: Frames | None = None,
    rngs: nnx.Rngs | None = None,
) -> Float[Array, "batch dim"] | None:
    """The CLS token of every clip after all blocks; None where there is no GPU that takes them."""
    how, config = fused_attention.here(tokens), model.config
    if how is None or not takes(model.blocks, config.grid()):
        return None
    settings = dict(how=how, remat=config.remat, rngs=rngs)
    return run(model.blocks, tokens, config.grid(), mask, **settings)


def takes(blocks: Sequence[nnx.Module], grid: tuple[int, int, int]) -> bool:
    """Whether these are blocks as flaxvid makes them, of divided attention.

    Not so if a function that would be passed over is no longer flaxvid's own, as in an exercise, or
    if a layer was put in the place of another, to look at what it gives.
    """
    own = (
        (attention, "scaled_dot_product"),
        (attention, "over_time"),
        (attention, "over_space"),
        (attention, "Attention"),
        (layers, "MLP"),
    )
    if any(getattr(module, name).__module__ != module.__name__ for module, name in own):
        return False
    return all(
        type(block).__module__ == "flaxvid.models.timesformer"
        and type(block.attn) is type(block.temporal_attn) is attention.Attention
        and type(block.mlp) is layers.MLP
        and {type(norm) for norm in _norms(block)} == {nnx.LayerNorm}
        and fused_attention.takes(*_tokens_and_head_dim(block, grid))
        for block in blocks
    )


def run(
    blocks: Sequence[nnx.Module],
    tokens: Float[Array, "batch token dim"],
    grid: tuple[int, int, int],
    mask: Frames | None = None,
    *,
    how: fused_attention.How,
    remat: bool = False,
    rngs: nnx.Rngs | None = None,
) -> Float[Array, "batch dim"]:
    """The CLS token of every clip after all blocks, as `timesformer.Block` would give it."""
    cls = tokens[:, :1]
    patches = einops.rearrange(tokens[:, 1:], "b (t s) d -> b t s d", t=grid[0])

    def one(block, cls, patches, rngs):
        return _block(block, cls, patches, mask, rngs, how)

    one = nnx.remat(one) if remat else one
    for block in blocks:
        cls, patches = one(block, cls, patches, rngs)
    return cls[:, 0]


def _block(block, cls, patches, mask, rngs, how):
    patches = patches + _over_time(block, patches, mask, rngs, how)
    in_cls, in_patches = _over_space(block, cls, patches, mask, rngs, how)
    cls, patches = cls + in_cls, patches + in_patches
    kept = _kept(block, len(cls), cls.dtype, rngs)
    in_cls, in_patches = (_mlp(block, rows, how) for rows in (cls, patches))
    return cls + kept * in_cls, patches + kept[..., None] * in_patches


def _over_time(block, patches, mask, rngs, how):
    attn, (batch, time, space, _) = block.temporal_attn, patches.shape
    qkv = einops.rearrange(
        attn.qkv(_norm(block.temporal_norm1, patches, how)),
        "b t s (three h d) -> b t s three h d",
        three=3,
        h=attn.num_heads,
    )
    shown = jnp.ones((batch, time), bool) if mask is None else mask
    bias = jnp.where(shown, 0.0, kernels.HIDDEN)
    if how.kernels and kernels.takes_time(time, qkv.shape[-1]):
        attended = kernels.attend_over_time(qkv, bias, how.interpret)
    else:
        attended = _attend_over_time(qkv, bias)
    attended = attn.proj(einops.rearrange(attended, "b t s h d -> b t s (h d)"))
    kept = _kept(block, batch * space, patches.dtype, rngs).reshape(batch, 1, space, 1)
    return block.temporal_fc(kept * attended)


def _attend_over_time(qkv, bias):
    query, key, value = (qkv[:, :, :, i] for i in range(3))
    scores = jnp.einsum("btshd,bushd->bshtu", query, key, preferred_element_type=jnp.float32)
    scores = scores * query.shape[-1] ** -0.5 + bias[:, None, None, None, :]
    weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
    return jnp.einsum("bshtu,bushd->btshd", weights, value)


def _over_space(block, cls, patches, mask, rngs, how):
    attn, (batch, time, space, dim) = block.attn, patches.shape
    copies = jnp.broadcast_to(_norm(block.norm1, cls, how)[:, None], (batch, time, 1, dim))
    padding = jnp.zeros((batch, time, -(1 + space) % fused_attention.MULTIPLE, dim), patches.dtype)
    rows = jnp.concatenate([copies, _norm(block.norm1, patches, how), padding], axis=2)
    # Three products, for cuDNN wants queries, keys and values as three arrays.
    query, key, value = (
        einops.rearrange(part, "b t n (h d) -> (b t) n h d", h=attn.num_heads)
        for part in _thirds(attn.qkv, rows)
    )
    attended = fused_attention.dot_product(query, key, value, how=how, length=1 + space)
    attended = attn.proj(einops.rearrange(attended, "(b t) n h d -> b t n (h d)", b=batch))
    attended = _kept(block, batch * time, cls.dtype, rngs).reshape(batch, time, 1, 1) * attended
    where = None if mask is None else mask[:, :, None]
    copies = jnp.mean(attended[:, :, 0], axis=1, keepdims=True, where=where)
    return copies, attended[:, :, 1 : 1 + space]


def _mlp(block, rows, how):
    hidden = block.mlp.fc1(_norm(block.norm2, rows, how)).astype(jnp.float32)
    # By erf in place of jax.nn.gelu's erfc, for which XLA keeps one more array on the way.
    hidden = 0.5 * hidden * (1 + jax.lax.erf(hidden * 0.5**0.5))
    return block.mlp.fc2(hidden.astype(rows.dtype))


def _norm(norm, rows, how):
    if how.kernels and kernels.takes_norm(rows.shape):
        parameters = norm.scale[...], norm.bias[...]
        return kernels.layer_norm(rows, *parameters, norm.epsilon, how.interpret)
    return norm(rows)


def _thirds(linear, rows):
    parts = (jnp.split(linear.kernel[...], 3, axis=1), jnp.split(linear.bias[...], 3))
    flat = rows.reshape(-1, rows.shape[-1])
    for kernel, bias in zip(*parts, strict=True):
        product = flat @ kernel.astype(rows.dtype) + bias.astype(rows.dtype)[None]
        yield product.reshape(*rows.shape[:-1], -1)


def _kept(block, count, dtype, rngs):
    """What stochastic depth multiplies each of `count` rows by, drawn as a block draws it."""
    return block.drop_path(jnp.ones((count, 1, 1), dtype), rngs=rngs)


def _norms(block):
    return block.temporal_norm1, block.norm1, block.norm2


def _tokens_and_head_dim(block, grid):
    """Of attention over space: the CLS token and one frame's patches, and one head's width."""
    _, down, across = grid
    width = block.attn.qkv.kernel.shape[1] // 3
    return 1 + down * across, width // block.attn.num_heads
