"""TimeSformer: a Vision Transformer whose blocks attend over time, then over space.

Source: Bertasius, Wang, Torresani, "Is Space-Time Attention All You Need for Video
Understanding?" (2021), arXiv 2102.05095; details after the authors' implementation.
"""

import dataclasses
from typing import Annotated, Literal

import einops
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import ranges
from flaxvid.models import attention, divided_gpu, fused_attention, layers, schemes


@dataclasses.dataclass(frozen=True)
class TimeSformerConfig:
    """What a TimeSformer is made of; the classmethods are the published sizes."""

    # These three follow from the data and its preprocessing, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 8
    image_size: tyro.conf.Suppress[int] = 224
    """Height and width of a frame, in pixels."""
    patch_size: Annotated[int, ranges.PIXELS] = 16
    """Height and width of a patch, in pixels."""
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
    attention: Literal["divided", "joint", "space", "local_global", "axial"] = "divided"
    """Which tokens see each other; see `schemes`."""
    init_std: Annotated[float, ranges.between(0, 10)] = 0.02
    """Standard deviation of fresh linear layers, position embeddings and the CLS token."""
    # How to compute it: --precision and --remat.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""
    remat: tyro.conf.Suppress[bool] = False
    """Compute activations inside blocks again in the backward pass, to save memory."""

    @classmethod
    def tiny(cls, **overrides):
        """A laptop's: 8 frames of 32 pixels, 4 blocks of width 64."""
        tiny = dict(image_size=32, patch_size=8, dim=64, depth=4, num_heads=8, mlp_dim=256)
        return cls(**tiny | {"drop_path": 0.0, "init_std": 0.1} | overrides)

    @classmethod
    def base(cls, **overrides):
        """8 frames of 224 pixels, ViT-Base."""
        return cls(**overrides)

    @classmethod
    def hr(cls, **overrides):
        """High resolution: 16 frames of 448 pixels, ViT-Base."""
        return cls(**{"num_frames": 16, "image_size": 448} | overrides)

    @classmethod
    def large(cls, **overrides):
        """Long: 96 frames of 224 pixels, ViT-Base (the paper's TimeSformer-L)."""
        return cls(**{"num_frames": 96} | overrides)

    def grid(self) -> tuple[int, int, int]:
        """Frames, and patches down and across a frame."""
        side = self.image_size // self.patch_size
        return self.num_frames, side, side

    def initializer(self) -> nnx.Initializer:
        """How kernels and embeddings start."""
        return nnx.initializers.truncated_normal(self.init_std)


class Block(nnx.Module):
    """One encoder block: attention after the configured scheme, then an MLP."""

    def __init__(self, config: TimeSformerConfig, drop_path: float, *, rngs: nnx.Rngs):
        self.scheme, self.grid = config.attention, config.grid()
        self.steps = tuple(schemes.PREFIXES[self.scheme].items())
        dim, dtype = config.dim, jnp.dtype(config.dtype)
        settings = dict(init=config.initializer(), dtype=dtype, rngs=rngs)
        for _step, prefix in self.steps:
            norm = layers.layer_norm(dim, dtype=dtype, rngs=rngs)
            setattr(self, f"{prefix}norm1", norm)
            setattr(self, f"{prefix}attn", attention.Attention(dim, config.num_heads, **settings))
            if prefix:
                # Zero at the start: a fresh model does not take this step yet.
                zeros = nnx.initializers.zeros
                fc = layers.Linear(dim, dim, kernel_init=zeros, dtype=dtype, rngs=rngs)
                setattr(self, f"{prefix}fc", fc)
        self.norm2 = layers.layer_norm(dim, dtype=dtype, rngs=rngs)
        self.mlp = layers.MLP(dim, config.mlp_dim, **settings)
        self.drop_path = layers.drop_path(drop_path)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch token dim"]:
        steps = {step: self._branch(prefix, rngs) for step, prefix in self.steps}
        tokens = schemes.SCHEMES[self.scheme](tokens, steps, self.grid, mask)
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)), rngs=rngs)

    def _branch(self, prefix, rngs):
        """Norm and attention of one step; before the last step, a linear layer too."""
        norm, attn = getattr(self, f"{prefix}norm1"), getattr(self, f"{prefix}attn")

        def attend(rows, mask=None):
            rows = self.drop_path(attn(norm(rows), mask), rngs=rngs)
            return getattr(self, f"{prefix}fc")(rows) if prefix else rows

        return attend


class TimeSformer(nnx.Module):
    """Clips to logits: patches, position and time embeddings, blocks, CLS token, linear head."""

    def __init__(self, config: TimeSformerConfig, *, rngs: nnx.Rngs):
        self.config = config
        dim, dtype = config.dim, jnp.dtype(config.dtype)
        space = layers.patch_count(config.image_size, config.patch_size)
        schemes.check(config.attention, config.grid())
        self.patch_embed = layers.Linear(config.patch_size**2 * 3, dim, dtype=dtype, rngs=rngs)
        init = config.initializer()
        self.cls_token = nnx.Param(init(rngs.params(), (1, 1, dim)))
        self.pos_embed = nnx.Param(init(rngs.params(), (1, 1 + space, dim)))
        if config.attention != "space":
            self.time_embed = nnx.Param(jnp.zeros((1, config.num_frames, dim)))
        rates = np.linspace(0, config.drop_path, config.depth)
        self.blocks = nnx.List([Block(config, float(rate), rngs=rngs) for rate in rates])
        self.norm = layers.layer_norm(dim, rngs=rngs)
        self.head = nnx.Linear(dim, config.num_classes, kernel_init=init, rngs=rngs)

    def __call__(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of normalised RGB clips; frames whose mask is False are ignored.

        Raises:
            UserError: if the clip is not `num_frames` long or not `image_size` pixels wide and
                high: embeddings learnt for other shapes must be resized, never stretched unseen.
        """
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)
        if self.config.attention == "space":
            features = self._frame_by_frame(inputs, mask, rngs)
        else:
            tokens = self.embed(inputs)
            features = self._encode(tokens, mask, rngs)
        return self.head(self.norm(features.astype(jnp.float32)))

    def tokens(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch time space dim"]:
        """The features of every patch after all blocks and the norm, in float32."""
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)
        alone = self.config.attention == "space"
        tokens = self._frames(inputs) if alone else self.embed(inputs)
        mask = None if alone else mask
        for block in self.blocks:
            tokens = layers.run_block(block, tokens, mask, remat=self.config.remat, rngs=rngs)
        patches = self.norm(tokens[:, 1:].astype(jnp.float32))
        time = self.config.num_frames
        if alone:
            return einops.rearrange(patches, "(b t) s d -> b t s d", t=time)
        return einops.rearrange(patches, "b (t s) d -> b t s d", t=time)

    def _encode(self, tokens, mask, rngs):
        """The CLS token after all blocks."""
        settings = dict(remat=self.config.remat, rngs=rngs)
        how = fused_attention.here(tokens)
        if how is not None and divided_gpu.takes(self.blocks):
            return divided_gpu.run(
                self.blocks, tokens, self.config.grid(), mask, how=how, **settings
            )
        for block in self.blocks:
            tokens = layers.run_block(block, tokens, mask, **settings)
        return tokens[:, 0]

    def embed(
        self, inputs: Float[Array, "batch time height width 3"]
    ) -> Float[Array, "batch token dim"]:
        """One CLS token, then the patches frame after frame, each told its place and its time."""
        patches = self._place(inputs)
        patches = patches + self.time_embed[:, :, None].astype(patches.dtype)
        cls = self.cls_token + self.pos_embed[:, :1]
        cls = jnp.broadcast_to(cls, (inputs.shape[0], *cls.shape[1:])).astype(patches.dtype)
        return jnp.concatenate([cls, einops.rearrange(patches, "b t s d -> b (t s) d")], axis=1)

    def _place(self, inputs):
        patches = self.patch_embed(layers.patchify(inputs, self.config.patch_size))
        return patches + self.pos_embed[:, None, 1:].astype(patches.dtype)

    def _frame_by_frame(self, inputs, mask, rngs):
        tokens = self._frames(inputs)
        for block in self.blocks:
            tokens = layers.run_block(block, tokens, None, remat=self.config.remat, rngs=rngs)
        features = einops.rearrange(tokens[:, 0], "(b t) d -> b t d", b=inputs.shape[0])
        return jnp.mean(features, axis=1, where=None if mask is None else mask[:, :, None])

    def _frames(self, inputs):
        """Every frame of every clip as a row, with the CLS token in front."""
        frames = einops.rearrange(self._place(inputs), "b t s d -> (b t) s d")
        cls = self.cls_token + self.pos_embed[:, :1]
        cls = jnp.broadcast_to(cls, (frames.shape[0], *cls.shape[1:])).astype(frames.dtype)
        return jnp.concatenate([cls, frames], axis=1)
