"""Attention of many tokens on a CPU, some of the queries at a time.

Over 3,137 tokens, as in ViViT, the scores of one clip take half a gigabyte in every layer. The
formula of `attention.scaled_dot_product` writes them to memory and reads them again, several times,
and keeps them for the backward pass. Those of a few queries stay in the processor's cache, and are
computed again on the way back. Keys and values are laid out once for all of them; with the formula
itself for every chunk, which lays them out anew, 1,568 tokens took a third longer on an AMD EPYC.

Source: Rabe and Staats, "Self-attention Does Not Need O(n^2) Memory" (2021); keys are not divided.
"""

import einops
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from flaxvid.models import fused_attention

FEWEST = 1024  # tokens from which on it pays
QUERIES = 256  # at a time, at most


def here(query: Array) -> bool:
    """Whether attention of these queries is to be computed so, where it will run.

    Like `fused_attention.here` it is settled when a program is traced, and never for one whose
    batch is left open.
    """
    fixed = all(isinstance(size, int) for size in query.shape)
    return fixed and query.shape[1] >= FEWEST and fused_attention.device().platform == "cpu"


def dot_product(
    query: Float[Array, "batch query head dim"],
    key: Float[Array, "batch key head dim"],
    value: Float[Array, "batch key head dim"],
    mask: Bool[Array, "batch key"] | None = None,
) -> Float[Array, "batch query head dim"]:
    """`attention.scaled_dot_product`, whose scores are never in memory all at once."""
    query, value = (einops.rearrange(x, "b n h d -> b h n d") for x in (query, value))
    key = einops.rearrange(key, "b n h d -> b h d n")

    @jax.checkpoint
    def attend(queries):
        scores = jnp.matmul(queries, key, preferred_element_type=jnp.float32)
        scores = scores / queries.shape[-1] ** 0.5
        if mask is not None:
            scores = jnp.where(mask[:, None, None, :], scores, -jnp.inf)
        return jax.nn.softmax(scores, axis=-1).astype(value.dtype) @ value

    chunks = -(-query.shape[2] // QUERIES)
    even = query.shape[2] // chunks * chunks
    split = einops.rearrange(query[:, :, :even], "b h (c n) d -> c b h n d", c=chunks)
    attended = einops.rearrange(jax.lax.map(attend, split), "c b h n d -> b (c n) h d")
    if even == query.shape[2]:
        return attended
    rest = einops.rearrange(attend(query[:, :, even:]), "b h n d -> b n h d")
    return jnp.concatenate([attended, rest], axis=1)
