"""A small TimeSformer with a CLS token in every frame, heads of full width and an MLP head.

It differs from the published model in four ways: each frame keeps its own CLS token, which takes
part in time attention too; the space and time embeddings are added to every token; each head is
as wide as the model; the mean of the frames' CLS tokens goes through two linear layers.
"""

import dataclasses
from typing import Annotated

import einops
import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import ranges
from flaxvid.models import attention, layers


@dataclasses.dataclass(frozen=True)
class WriteupConfig:
    """The settings of the write-up: 18.7 M parameters for 101 classes."""

    # These three follow from the data and its preprocessing, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 8
    image_size: tyro.conf.Suppress[int] = 224
    """Height and width of a frame, in pixels."""
    patch_size: Annotated[int, ranges.PIXELS] = 16
    """Height and width of a patch, in pixels."""
    dim: Annotated[int, ranges.WIDTH] = 512
    """Width of a token."""
    depth: Annotated[int, ranges.DEPTH] = 2
    """Blocks."""
    num_heads: Annotated[int, ranges.WIDTH] = 4
    """Heads of attention; they share the width."""
    mlp_dim: Annotated[int, ranges.WIDTH] = 512
    """Width between a block's two linear layers."""
    dropout: Annotated[float, ranges.PROBABILITY] = 0.1
    """Of attention weights and branches, in training."""
    dtype: str = "float32"
    """Type of the arithmetic; parameters and logits stay float32."""


class WriteupBlock(nnx.Module):
    """Time attention, space attention and MLP, each after a norm and each with a residual."""

    def __init__(self, config: WriteupConfig, *, rngs: nnx.Rngs):
        dim, dtype = config.dim, jnp.dtype(config.dtype)
        wide = dict(head_dim=dim, dtype=dtype, rngs=rngs)
        self.num_frames = config.num_frames
        self.norm_time = layers.layer_norm(dim, dtype=dtype, rngs=rngs)
        self.attn_time = attention.Attention(dim, config.num_heads, **wide)
        self.norm_space = layers.layer_norm(dim, dtype=dtype, rngs=rngs)
        self.attn_space = attention.Attention(dim, config.num_heads, **wide)
        self.norm_mlp = layers.layer_norm(dim, dtype=dtype, rngs=rngs)
        self.mlp = layers.MLP(dim, config.mlp_dim, dropout=config.dropout, dtype=dtype, rngs=rngs)
        self.dropout = layers.Dropout(config.dropout)

    def __call__(
        self,
        tokens: Float[Array, "batch time token dim"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch time token dim"]:
        time = self.num_frames

        def over_time(rows, mask):
            return self.dropout(self.attn_time(self.norm_time(rows), mask), rngs=rngs)

        sequence = einops.rearrange(tokens, "b t n d -> b (t n) d")
        sequence = sequence + attention.over_time(over_time, sequence, time, mask)
        frames = einops.rearrange(sequence, "b (t n) d -> (b t) n d", t=time)
        frames = frames + self.dropout(self.attn_space(self.norm_space(frames)), rngs=rngs)
        frames = frames + self.mlp(self.norm_mlp(frames), rngs=rngs)
        return einops.rearrange(frames, "(b t) n d -> b t n d", t=time)


class WriteupTimeSformer(nnx.Module):
    """Clips to logits: patches with a CLS token in every frame, blocks, CLS mean, MLP head."""

    def __init__(self, config: WriteupConfig, *, rngs: nnx.Rngs):
        self.config = config
        dim, dtype = config.dim, jnp.dtype(config.dtype)
        space = layers.patch_count(config.image_size, config.patch_size)
        self.patch_embed = layers.Linear(config.patch_size**2 * 3, dim, dtype=dtype, rngs=rngs)
        self.cls_token = nnx.Param(jnp.zeros((1, 1, 1, dim)))
        self.space_embed = nnx.Param(layers.INIT(rngs.params(), (1, 1, 1 + space, dim)))
        self.time_embed = nnx.Param(layers.INIT(rngs.params(), (1, config.num_frames, 1, dim)))
        self.blocks = nnx.List([WriteupBlock(config, rngs=rngs) for _ in range(config.depth)])
        self.head_hidden = nnx.Linear(dim, config.mlp_dim, rngs=rngs)
        self.head = nnx.Linear(config.mlp_dim, config.num_classes, rngs=rngs)

    def __call__(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of normalised RGB clips; frames whose mask is False are ignored.

        Raises:
            UserError: if the clip is not `num_frames` long or not `image_size` pixels wide and
                high.
        """
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)
        patches = self.patch_embed(layers.patchify(inputs, self.config.patch_size))
        cls = jnp.broadcast_to(self.cls_token[...], (*patches.shape[:2], 1, patches.shape[-1]))
        tokens = jnp.concatenate([cls.astype(patches.dtype), patches], axis=2)
        tokens = tokens + (self.space_embed + self.time_embed).astype(patches.dtype)
        for block in self.blocks:
            tokens = block(tokens, mask, rngs)
        cls = tokens[:, :, 0].astype(jnp.float32)
        cls = jnp.mean(cls, axis=1, where=None if mask is None else mask[:, :, None])
        return self.head(self.head_hidden(cls))
