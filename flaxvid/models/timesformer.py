"""TimeSformer: a Vision Transformer whose blocks attend over time, then over space.

`timesformer_schemes` has it with the other ways to attend that the paper compares.

Source: Bertasius, Wang, Torresani, "Is Space-Time Attention All You Need for Video
Understanding?" (2021), arXiv 2102.05095; details after the authors' implementation.
"""

import dataclasses
import functools
from typing import Annotated, Literal

import einops
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import errors, ranges
from flaxvid.models import attention, divided_gpu, layers


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
    """Initial standard deviation of linear layers, position embeddings and the CLS token."""
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
    def small(cls, **overrides):
        """For two cores or a small GPU: 8 frames of 112 pixels, 6 blocks of width 256."""
        small = dict(image_size=112, dim=256, depth=6, num_heads=4, mlp_dim=1024)
        return cls(**small | {"init_std": 0.05} | overrides)

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
    """Attention over time, attention over space, MLP: each takes a norm of the tokens, and what it
    gives is added to them.

    Its attributes have the names of the published weights: `temporal_norm1`, `temporal_attn` and
    `temporal_fc`; `norm1` and `attn`; `norm2` and `mlp`. `temporal_fc` is a linear layer behind
    attention over time, and its kernel starts at zero. `drop_path` (layers.drop_path) drops what
    an attention or the MLP has given, before `temporal_fc`.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        mlp_dim: int,
        num_frames: int,
        *,
        drop_path: float = 0.0,
        init=layers.INIT,
        dtype=None,
        rngs: nnx.Rngs,
    ):
        """`drop_path` is the share of rows that are dropped in training; `init`, `dtype` and `rngs`
        go to all layers, but for the zeros of `temporal_fc`."""
        settings = dict(init=init, dtype=dtype, rngs=rngs)
        self.num_frames = num_frames
        self.temporal_norm1 = layers.layer_norm(dim, dtype=dtype, rngs=rngs)
        self.temporal_attn = attention.Attention(dim, num_heads, **settings)
        # A fresh model does not take this step yet.
        zeros = nnx.initializers.zeros
        self.temporal_fc = layers.Linear(dim, dim, kernel_init=zeros, dtype=dtype, rngs=rngs)
        self.norm1 = layers.layer_norm(dim, dtype=dtype, rngs=rngs)
        self.attn = attention.Attention(dim, num_heads, **settings)
        self.norm2 = layers.layer_norm(dim, dtype=dtype, rngs=rngs)
        self.mlp = layers.MLP(dim, mlp_dim, **settings)
        self.drop_path = layers.drop_path(drop_path)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch token dim"]:
        """The CLS token stands first and takes no part in attention over time; frames whose mask is
        False are ignored by the others."""
        drop = functools.partial(self.drop_path, rngs=rngs)

        def along_time(rows, mask):
            return self.temporal_fc(drop(self.temporal_attn(self.temporal_norm1(rows), mask)))

        def in_frame(rows):
            return drop(self.attn(self.norm1(rows)))

        time, cls, patches = self.num_frames, tokens[:, :1], tokens[:, 1:]
        patches = patches + attention.over_time(along_time, patches, time, mask)
        in_cls, in_patches = attention.over_space(in_frame, cls, patches, time, mask)
        tokens = jnp.concatenate([cls + in_cls, patches + in_patches], axis=1)
        return tokens + drop(self.mlp(self.norm2(tokens)))


class TimeSformer(nnx.Module):
    """Clips to logits: patches, position and time embeddings, blocks, CLS token, linear head.

    Its attributes have the names of the published weights: `patch_embed` (nnx.Linear);
    `cls_token` of shape (1, 1, dim), `pos_embed` (1, 1 + space, dim) and `time_embed`
    (1, time, dim), each an nnx.Param; `blocks` (nnx.List); `norm` and `head` (nnx.Linear). The
    first position is that of the CLS token. And `config`, which says what it is made of.
    """

    def __init__(self, config: TimeSformerConfig, *, rngs: nnx.Rngs):
        """Embeddings, blocks and head start as `config.initializer()` says, but for the time
        embeddings, which are zero. `config.dtype` is the type of the arithmetic up to the last
        block. Stochastic depth grows evenly, from 0 in the first block to `config.drop_path` in
        the last.

        Raises:
            UserError: if `config.attention` is not "divided".
        """
        if config.attention != "divided":
            raise errors.UserError(
                f"attention {config.attention!r}: this model divides it into time and space; "
                "timesformer_schemes.create makes the others"
            )
        self.config = config
        dim, dtype, init = config.dim, jnp.dtype(config.dtype), config.initializer()
        space = layers.patch_count(config.image_size, config.patch_size)
        self.patch_embed = layers.Linear(config.patch_size**2 * 3, dim, dtype=dtype, rngs=rngs)
        self.cls_token = nnx.Param(init(rngs.params(), (1, 1, dim)))
        self.pos_embed = nnx.Param(init(rngs.params(), (1, 1 + space, dim)))
        self.time_embed = nnx.Param(jnp.zeros((1, config.num_frames, dim)))
        sizes = dim, config.num_heads, config.mlp_dim, config.num_frames
        settings = dict(init=init, dtype=dtype, rngs=rngs)
        rates = np.linspace(0, config.drop_path, config.depth)
        self.blocks = nnx.List([Block(*sizes, drop_path=float(r), **settings) for r in rates])
        self.norm = layers.layer_norm(dim, rngs=rngs)
        self.head = nnx.Linear(dim, config.num_classes, kernel_init=init, rngs=rngs)

    def __call__(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of normalised RGB clips, in float32: of the CLS token after all blocks and the
        norm. Frames whose mask is False are ignored.

        Raises:
            UserError: if the clip is not `num_frames` long or not `image_size` pixels wide and
                high: embeddings learnt for other shapes must be resized, never stretched unseen.
        """
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)
        tokens = self.embed(inputs)
        cls = divided_gpu.cls_token(self, tokens, mask, rngs)
        if cls is None:
            cls = self._after_blocks(tokens, mask, rngs)[:, 0]
        return self.head(self.norm(cls.astype(jnp.float32)))

    def embed(
        self, inputs: Float[Array, "batch time height width 3"]
    ) -> Float[Array, "batch token dim"]:
        """One CLS token, then the patches frame after frame, each told its place and its time."""
        patches = self.patch_embed(layers.patchify(inputs, self.config.patch_size))
        dtype = patches.dtype
        patches = patches + self.pos_embed[:, None, 1:].astype(dtype)
        patches = patches + self.time_embed[:, :, None].astype(dtype)
        cls = self.cls_token + self.pos_embed[:, :1]
        cls = jnp.broadcast_to(cls, (inputs.shape[0], *cls.shape[1:])).astype(dtype)
        return jnp.concatenate([cls, einops.rearrange(patches, "b t s d -> b (t s) d")], axis=1)

    def tokens(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch time space dim"]:
        """The features of every patch after all blocks and the norm, in float32."""
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)
        tokens = self._after_blocks(self.embed(inputs), mask, rngs)
        patches = self.norm(tokens[:, 1:].astype(jnp.float32))
        return einops.rearrange(patches, "b (t s) d -> b t s d", t=self.config.num_frames)

    def _after_blocks(self, tokens, mask, rngs):
        for block in self.blocks:
            tokens = layers.run_block(block, tokens, mask, remat=self.config.remat, rngs=rngs)
        return tokens
