"""ViViT: a Vision Transformer over tubelets in which every token sees all others of the clip.

Of the paper's four models this is the first, whose weights are published.

Source: Arnab et al., "ViViT: A Video Vision Transformer" (2021), arXiv 2103.15691; details after
Transformers' implementation.
"""

import dataclasses
from typing import Annotated

import einops
import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import ranges
from flaxvid.models import attention, encoder_block, layers


@dataclasses.dataclass(frozen=True)
class ViViTConfig:
    """What a ViViT is made of; the classmethods are the published sizes."""

    # These three follow from the data and its preprocessing, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 32
    image_size: tyro.conf.Suppress[int] = 224
    """Height and width of a frame, in pixels."""
    patch_size: Annotated[int, ranges.PIXELS] = 16
    """Height and width of a tubelet, in pixels."""
    tubelet_size: Annotated[int, ranges.FRAMES] = 2
    """Frames of a tubelet."""
    dim: Annotated[int, ranges.WIDTH] = 768
    """Width of a token."""
    depth: Annotated[int, ranges.DEPTH] = 12
    """Blocks."""
    num_heads: Annotated[int, ranges.WIDTH] = 12
    """Heads of attention; they share the width."""
    mlp_dim: Annotated[int, ranges.WIDTH] = 3072
    """Width between a block's two linear layers."""
    drop_path: Annotated[float, ranges.PROBABILITY] = 0.0
    """Stochastic depth of the last block; the first has none, those between lie on a line."""
    init_std: Annotated[float, ranges.between(0, 10)] = 0.02
    """Initial standard deviation of linear layers, position embeddings and the CLS token."""
    # How to compute it: --precision and --remat.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""
    remat: tyro.conf.Suppress[bool] = False
    """Compute activations inside blocks again in the backward pass, to save memory."""

    @classmethod
    def tiny(cls, **overrides):
        """A laptop's: 8 frames of 32 pixels, 4 blocks of width 64."""
        tiny = dict(num_frames=8, image_size=32, patch_size=8, dim=64, depth=4, num_heads=4)
        return cls(**tiny | dict(mlp_dim=256, init_std=0.1) | overrides)

    @classmethod
    def base(cls, **overrides):
        """ViT-Base, tubelets of 2 frames (the paper's ViViT-B/16x2)."""
        return cls(**overrides)

    def grid(self) -> tuple[int, int, int]:
        """Steps of time, and patches down and across a frame."""
        side = self.image_size // self.patch_size
        return self.num_frames // self.tubelet_size, side, side


class ViViT(nnx.Module):
    """Clips to logits: tubelets, position embeddings, blocks, norm, CLS token, linear head."""

    def __init__(self, config: ViViTConfig, *, rngs: nnx.Rngs):
        self.config = config
        dim, dtype = config.dim, jnp.dtype(config.dtype)
        space = layers.patch_count(config.image_size, config.patch_size)
        time = layers.tubelet_count(config.num_frames, config.tubelet_size)
        init = layers.initializer(config.init_std)
        settings = dict(init=init, dtype=dtype, rngs=rngs)
        pixels = config.tubelet_size * config.patch_size**2 * 3
        self.patch_embed = layers.Linear(pixels, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.cls_token = nnx.Param(init(rngs.params(), (1, 1, dim)))
        self.pos_embed = nnx.Param(init(rngs.params(), (1, 1 + time * space, dim)))

        def parts():
            attn = attention.Attention(dim, config.num_heads, **settings)
            mlp = encoder_block.TanhMLP(dim, config.mlp_dim, **settings)
            return attn, mlp

        how = dict(drop_path=config.drop_path, dtype=dtype, rngs=rngs)
        self.blocks = encoder_block.stack(config.depth, parts, dim, **how)
        self.norm = layers.layer_norm(dim, rngs=rngs)
        self.head = nnx.Linear(dim, config.num_classes, kernel_init=init, rngs=rngs)

    def __call__(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of normalised RGB clips; tubelets without a real frame are ignored.

        Raises:
            UserError: if the clip is not `num_frames` long or not `image_size` pixels wide and
                high.
        """
        return self.head(self.norm(self._encode(inputs, mask, rngs)[:, 0]))

    def tokens(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch steps space dim"]:
        """The features of every tubelet after all blocks and the norm, in float32."""
        tokens = self.norm(self._encode(inputs, mask, rngs)[:, 1:])
        return einops.rearrange(tokens, "b (t s) d -> b t s d", t=self.config.grid()[0])

    def _encode(self, inputs, mask, rngs):
        """The CLS token and the tubelets after all blocks, in float32."""
        config = self.config
        layers.check_clip(inputs, config.num_frames, config.image_size)
        boxes = layers.tubelets(inputs, config.tubelet_size, config.patch_size)
        tokens = einops.rearrange(self.patch_embed(boxes), "b t s d -> b (t s) d")
        cls = jnp.broadcast_to(self.cls_token[...], (inputs.shape[0], 1, config.dim))
        tokens = jnp.concatenate([cls.astype(tokens.dtype), tokens], axis=1)
        tokens = tokens + self.pos_embed.astype(tokens.dtype)
        steps = layers.real_steps(mask, config.tubelet_size)
        seen = encoder_block.of_tokens(steps, boxes.shape[2], cls=True)
        tokens = encoder_block.run(self.blocks, tokens, seen, remat=config.remat, rngs=rngs)
        return tokens.astype(jnp.float32)
