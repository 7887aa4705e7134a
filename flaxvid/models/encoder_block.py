"""The encoder block of Vision Transformers: norm and attention, norm and MLP, each with a residual.

Which attention and which MLP is the model's choice: what differs between ViViT, VideoMAE, V-JEPA 2
and VideoPrism is in there.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import einops
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid.models import layers


class PreNormBlock(nnx.Module):
    """Attention, then an MLP; what goes into each is normalised, what comes out is added.

    Source: Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021), eq. 2 and 3.
    """

    def __init__(
        self,
        attn: nnx.Module,
        mlp: nnx.Module,
        dim: int,
        *,
        drop_path: float = 0.0,
        epsilon: float = 1e-6,
        dtype: Any = None,
        rngs: nnx.Rngs,
    ):
        """`attn(tokens, mask, rngs)` and `mlp(tokens)` give tokens of the same width, `dim`."""
        self.norm1 = layers.layer_norm(dim, epsilon=epsilon, dtype=dtype, rngs=rngs)
        self.attn = attn
        self.norm2 = layers.layer_norm(dim, epsilon=epsilon, dtype=dtype, rngs=rngs)
        self.mlp = mlp
        self.drop_path = layers.drop_path(drop_path)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch token"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch token dim"]:
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens), mask, rngs), rngs=rngs)
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)), rngs=rngs)


class TanhMLP(nnx.Module):
    """`layers.MLP` with the tanh approximation of GELU, which ViViT was trained with."""

    def __init__(self, dim: int, hidden_dim: int, *, init=layers.INIT, dtype=None, rngs):
        self.fc1 = layers.Linear(dim, hidden_dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc2 = layers.Linear(hidden_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)

    def __call__(
        self, tokens: Float[Array, "*batch dim"], rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch dim"]:
        return self.fc2(jax.nn.gelu(self.fc1(tokens), approximate=True))


def run(
    blocks: Iterable[nnx.Module],
    tokens: Float[Array, "batch token dim"],
    mask: Bool[Array, "batch token"] | None = None,
    *,
    remat: bool = False,
    rngs: nnx.Rngs | None = None,
) -> Float[Array, "batch token dim"]:
    """The tokens after all blocks; see `layers.run_block` for `remat`."""
    for block in blocks:
        tokens = layers.run_block(block, tokens, mask, remat=remat, rngs=rngs)
    return tokens


def stack(
    depth: int,
    parts: Callable[[], tuple[nnx.Module, nnx.Module]],
    dim: int,
    *,
    drop_path: float = 0.0,
    epsilon: float = 1e-6,
    dtype: Any = None,
    rngs: nnx.Rngs,
) -> Sequence[PreNormBlock]:
    """A model's blocks, of which `parts()` makes the attention and the MLP of the next.

    Stochastic depth is `drop_path` in the last block, none in the first, and between on a line.
    """
    how = dict(epsilon=epsilon, dtype=dtype, rngs=rngs)
    rates = np.linspace(0, drop_path, depth)
    return nnx.List([PreNormBlock(*parts(), dim, drop_path=float(r), **how) for r in rates])


def of_tokens(
    steps: Bool[Array, "batch steps"] | None, space: int, *, cls: bool = False
) -> Bool[Array, "batch token"] | None:
    """Which tokens are real, from which steps of time are; a CLS token in front always is."""
    if steps is None:
        return None
    tokens = einops.repeat(steps, "b t -> b (t s)", s=space)
    return jnp.pad(tokens, ((0, 0), (1, 0)), constant_values=True) if cls else tokens
