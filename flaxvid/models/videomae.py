"""VideoMAE: a Vision Transformer over tubelets, pretrained to reconstruct masked clips.

This is the encoder, and the head that it is fine-tuned with; the decoder was for pretraining.

Source: Tong et al., "VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised
Video Pre-Training" (2022), arXiv 2203.12602; details after Transformers' implementation.
"""

import dataclasses
from typing import Annotated

import einops
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import ranges
from flaxvid.models import attention, encoder_block, layers

HEAD_EPSILON = 1e-5  # of the norm before the head


@dataclasses.dataclass(frozen=True)
class VideoMAEConfig:
    """What a VideoMAE is made of; the classmethods are the published sizes."""

    # These three follow from the data and its preprocessing, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 16
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
    drop_path: Annotated[float, ranges.PROBABILITY] = 0.1
    """Stochastic depth of the last block; the first has none, those between lie on a line."""
    epsilon: Annotated[float, ranges.between(0, 1)] = 1e-12
    """Of the blocks' norms: Transformers' files have 1e-12."""
    init_std: Annotated[float, ranges.between(0, 10)] = 0.02
    """Initial standard deviation of linear layers."""
    positions: tyro.conf.Suppress[tuple[int, int, int] | None] = None
    """Steps of time, patches down and across that the table of positions is made for, if it has to
    be resized to the model's; None: for the model's own."""
    # How to compute it: --precision and --remat.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""
    remat: tyro.conf.Suppress[bool] = False
    """Compute activations inside blocks again in the backward pass, to save memory."""

    @classmethod
    def tiny(cls, **overrides):
        """A laptop's: 8 frames of 32 pixels, 4 blocks of width 64."""
        tiny = dict(num_frames=8, image_size=32, patch_size=8, dim=64, depth=4, num_heads=4)
        return cls(**tiny | dict(mlp_dim=256, drop_path=0.0, init_std=0.1) | overrides)

    @classmethod
    def small(cls, **overrides):
        """ViT-Small."""
        return cls(**dict(dim=384, num_heads=6, mlp_dim=1536) | overrides)

    @classmethod
    def base(cls, **overrides):
        """ViT-Base."""
        return cls(**overrides)

    @classmethod
    def large(cls, **overrides):
        """ViT-Large."""
        large = dict(dim=1024, depth=24, num_heads=16, mlp_dim=4096, drop_path=0.2)
        return cls(**large | overrides)

    def grid(self) -> tuple[int, int, int]:
        """Steps of time, and patches down and across a frame."""
        side = self.image_size // self.patch_size
        return self.num_frames // self.tubelet_size, side, side


class QueryValueBias(nnx.Module):
    """The linear layer for query, key and value, with a bias for all but the key.

    A bias of the key would add the same to all scores of a query, and change nothing.
    """

    def __init__(self, dim: int, *, init=layers.INIT, dtype=None, rngs: nnx.Rngs):
        self.linear = layers.Linear(
            dim, 3 * dim, use_bias=False, kernel_init=init, dtype=dtype, rngs=rngs
        )
        self.q_bias = nnx.Param(jnp.zeros(dim))
        self.v_bias = nnx.Param(jnp.zeros(dim))

    def __call__(self, tokens: Float[Array, "*batch dim"]) -> Float[Array, "*batch out"]:
        bias = jnp.concatenate([self.q_bias[...], jnp.zeros_like(self.q_bias), self.v_bias[...]])
        found = self.linear(tokens)
        bias = jnp.expand_dims(bias.astype(found.dtype), tuple(range(found.ndim - 1)))
        return found + bias


class VideoMAE(nnx.Module):
    """Clips to logits: tubelets with sines of their number, blocks, mean, norm, linear head."""

    def __init__(self, config: VideoMAEConfig, *, rngs: nnx.Rngs):
        self.config = config
        dim, dtype = config.dim, jnp.dtype(config.dtype)
        layers.patch_count(config.image_size, config.patch_size)
        layers.tubelet_count(config.num_frames, config.tubelet_size)
        init = layers.initializer(config.init_std)
        settings = dict(init=init, dtype=dtype, rngs=rngs)
        pixels = config.tubelet_size * config.patch_size**2 * 3
        self.patch_embed = layers.Linear(pixels, dim, kernel_init=init, dtype=dtype, rngs=rngs)

        def parts():
            attn = attention.Attention(dim, config.num_heads, **settings)
            attn.qkv = QueryValueBias(dim, **settings)
            mlp = layers.MLP(dim, config.mlp_dim, **settings)
            return attn, mlp

        how = dict(drop_path=config.drop_path, epsilon=config.epsilon, dtype=dtype, rngs=rngs)
        self.blocks = encoder_block.stack(config.depth, parts, dim, **how)
        self.norm = layers.layer_norm(dim, epsilon=HEAD_EPSILON, rngs=rngs)
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
        steps = layers.real_steps(mask, self.config.tubelet_size)
        mean = layers.masked_mean(self.tokens(inputs, mask, rngs), steps)
        return self.head(self.norm(mean))

    def tokens(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch steps space dim"]:
        """The features of every tubelet after all blocks, in float32, not normalised."""
        config = self.config
        layers.check_clip(inputs, config.num_frames, config.image_size)
        boxes = layers.tubelets(inputs, config.tubelet_size, config.patch_size)
        tokens = einops.rearrange(self.patch_embed(boxes), "b t s d -> b (t s) d")
        tokens = tokens + position_table(config).astype(tokens.dtype)
        steps = layers.real_steps(mask, config.tubelet_size)
        seen = encoder_block.of_tokens(steps, boxes.shape[2])
        tokens = encoder_block.run(self.blocks, tokens, seen, remat=config.remat, rngs=rngs)
        tokens = tokens.astype(jnp.float32)
        return einops.rearrange(tokens, "b (t s) d -> b t s d", t=boxes.shape[1])


def sinusoids(tokens: int, dim: int) -> Float[np.ndarray, "token dim"]:
    """Sines and cosines of a token's number, in turns, from a wave of 2 pi on.

    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.5.
    """
    number, channel = np.arange(tokens)[:, None], np.arange(dim)[None]
    angle = number / 10000 ** (2 * (channel // 2) / dim)
    return np.where(channel % 2 == 0, np.sin(angle), np.cos(angle)).astype(np.float32)


def position_table(config: VideoMAEConfig) -> Float[Array, "1 token dim"]:
    """What is added to each token, by its number among the tubelets of a clip.

    The number tells the place only for clips of one shape, so that a model for other clips than
    its weights have learnt from has their table resized: linearly in time, bicubically in space.
    """
    made_for = config.positions or config.grid()
    table = jnp.asarray(sinusoids(int(np.prod(made_for)), config.dim))[None]
    if made_for == config.grid():
        return table
    return layers.resize_positions(table, made_for, config.grid())
