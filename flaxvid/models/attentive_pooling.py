"""Attentive pooling: a learnt query takes from all tokens what tells the class.

Frozen backbones are judged with it: a mean over tokens drowns what only a few of them show.
"""

from typing import Any

import einops
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid.models import attention, encoder_block, layers


class AttentivePooler(nnx.Module):
    """Blocks of self-attention over the tokens, if any; then one query over them, and an MLP.

    The query's attention has no linear layer behind it: what it took is added to the query.

    Source: Assran et al., "V-JEPA 2" (2025), arXiv 2506.09985, the attentive probe; details after
    Transformers' implementation.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        mlp_dim: int,
        *,
        depth: int = 0,
        init: nnx.Initializer = layers.INIT,
        dtype: Any = None,
        rngs: nnx.Rngs,
    ):
        """`depth` blocks of self-attention come first; `dim` must be a multiple of `num_heads`."""
        settings = dict(init=init, dtype=dtype, rngs=rngs)

        def parts():
            attn = attention.Attention(dim, num_heads, **settings)
            return attn, layers.MLP(dim, mlp_dim, **settings)

        self.num_heads = num_heads
        self.layers = encoder_block.stack(depth, parts, dim, dtype=dtype, rngs=rngs)
        self.query = nnx.Param(init(rngs.params(), (1, 1, dim)))
        self.norm1 = layers.layer_norm(dim, dtype=dtype, rngs=rngs)
        linear = dict(kernel_init=init, dtype=dtype, rngs=rngs)
        self.to_query = layers.Linear(dim, dim, **linear)
        self.to_key_value = layers.Linear(dim, 2 * dim, **linear)
        self.norm2 = layers.layer_norm(dim, dtype=dtype, rngs=rngs)
        self.mlp = layers.MLP(dim, mlp_dim, **settings)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch token"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch dim"]:
        """One vector of all tokens whose mask is not False."""
        tokens = encoder_block.run(self.layers, tokens, mask, rngs=rngs)
        query = jnp.broadcast_to(self.query[...], (tokens.shape[0], 1, tokens.shape[-1]))
        key, value = einops.rearrange(
            self.to_key_value(self.norm1(tokens)),
            "b token (two head d) -> two b token head d",
            two=2,
            head=self.num_heads,
        )
        asked = einops.rearrange(
            self.to_query(query), "b one (head d) -> b one head d", head=self.num_heads
        )
        taken = attention.scaled_dot_product(asked, key, value, mask)
        pooled = query + einops.rearrange(taken, "b one head d -> b one (head d)")
        pooled = pooled + self.mlp(self.norm2(pooled))
        return pooled[:, 0].astype(jnp.float32)


class AttentiveHead(nnx.Module):
    """Tokens to logits: an attentive pooler, then a linear layer, in float32."""

    def __init__(
        self, pooler: nnx.Module, dim: int, num_classes: int, *, init=layers.INIT, rngs: nnx.Rngs
    ):
        """`pooler(tokens, mask, rngs)` gives vectors of `dim`."""
        self.pooler = pooler
        self.linear = nnx.Linear(dim, num_classes, kernel_init=init, rngs=rngs)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch token"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        return self.linear(self.pooler(tokens, mask, rngs))
