"""A small TimeSformer as a notebook writes it, to the last parameter.

It differs from the published model in what it computes: each frame keeps its own CLS token, which
takes part in time attention too; the space and time embeddings are added to every token; each head
is as wide as the model; attention adds its own normalised input to its output, before the block
adds the tokens once more; the MLP normalises its input twice; the mean of the frames' CLS tokens
goes through two linear layers with nothing between. And in what it only holds: a GroupNorm in
every attention that is never used.

Source: github.com/apandy02/vision, nbs/video/timesformer.ipynb and src/vision/transformers.
"""

import dataclasses
import itertools
from typing import Annotated

import einops
import jax
import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import errors, ranges
from flaxvid.models import attention, layers

# PyTorch's own start of a linear layer, and the epsilon of its norms.
INIT = nnx.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
EPSILON = 1e-5


@dataclasses.dataclass(frozen=True)
class WriteupConfig:
    """The settings of the notebook: 18,680,421 parameters for 101 classes."""

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
    """Heads of attention, each as wide as a token."""
    num_groups: Annotated[int, ranges.WIDTH] = 8
    """Groups of the GroupNorm that every attention holds and never uses."""
    mlp_dim: Annotated[int, ranges.WIDTH] = 512
    """Width between the linear layers of a block's MLP, and of the head."""
    encoder_mlp_depth: Annotated[int, ranges.between(2, 1000)] = 2
    """Linear layers of a block's MLP, with a GELU between two."""
    classification_mlp_depth: Annotated[int, ranges.between(2, 1000)] = 2
    """Linear layers of the head; a ReLU follows each of those between the first and the last."""
    dropout: Annotated[float, ranges.PROBABILITY] = 0.1
    """Of attention weights, of attention's output and inside the MLPs, in training."""
    dtype: str = "float32"
    """Type of the arithmetic; parameters and logits stay float32."""

    def __post_init__(self):
        if self.dim % self.num_groups:
            raise errors.UserError(
                f"a width of {self.dim} does not divide into {self.num_groups} groups: "
                "choose num_groups that divides dim"
            )
        for name in ("encoder_mlp_depth", "classification_mlp_depth"):
            if getattr(self, name) < 2:
                raise errors.UserError(f"{name} is {getattr(self, name)}: give 2 or more")


class WriteupAttention(nnx.Module):
    """Attention with heads of full width, which adds what it was given to what it gives."""

    def __init__(self, config: WriteupConfig, *, rngs: nnx.Rngs):
        dim, dtype = config.dim, jnp.dtype(config.dtype)
        self.attn = attention.Attention(
            dim,
            config.num_heads,
            head_dim=dim,
            dropout=config.dropout,
            init=INIT,
            dtype=dtype,
            rngs=rngs,
        )
        # Never called: it is here because the notebook's files have its two arrays.
        self.group_norm = nnx.GroupNorm(dim, num_groups=config.num_groups, rngs=rngs)
        self.dropout = layers.Dropout(config.dropout)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch token"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch token dim"]:
        return self.dropout(self.attn(tokens, mask, rngs), rngs=rngs) + tokens


class WriteupMLP(nnx.Module):
    """A norm, then linear layers with a GELU and dropout between two."""

    def __init__(self, config: WriteupConfig, *, rngs: nnx.Rngs):
        dtype, last = jnp.dtype(config.dtype), config.encoder_mlp_depth - 1
        widths = [config.dim, *[config.mlp_dim] * last, config.dim]
        self.norm = layers.layer_norm(config.dim, epsilon=EPSILON, dtype=dtype, rngs=rngs)
        self.layers = _linears(widths, dtype, rngs)
        self.dropout = layers.Dropout(config.dropout)

    def __call__(
        self, tokens: Float[Array, "batch token dim"], rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch token dim"]:
        *hidden, last = self.layers
        tokens = self.norm(tokens)
        for layer in hidden:
            tokens = self.dropout(jax.nn.gelu(layer(tokens), approximate=False), rngs=rngs)
        return last(tokens)


class WriteupBlock(nnx.Module):
    """Time attention, space attention and MLP, each after a norm and each with a residual."""

    def __init__(self, config: WriteupConfig, *, rngs: nnx.Rngs):
        norm = dict(epsilon=EPSILON, dtype=jnp.dtype(config.dtype), rngs=rngs)
        self.num_frames = config.num_frames
        self.norm_time = layers.layer_norm(config.dim, **norm)
        self.attn_time = WriteupAttention(config, rngs=rngs)
        self.norm_space = layers.layer_norm(config.dim, **norm)
        self.attn_space = WriteupAttention(config, rngs=rngs)
        self.norm_mlp = layers.layer_norm(config.dim, **norm)
        self.mlp = WriteupMLP(config, rngs=rngs)

    def __call__(
        self,
        tokens: Float[Array, "batch time token dim"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch time token dim"]:
        time = self.num_frames

        def over_time(rows, mask):
            return self.attn_time(self.norm_time(rows), mask, rngs)

        sequence = einops.rearrange(tokens, "b t n d -> b (t n) d")
        sequence = sequence + attention.over_time(over_time, sequence, time, mask)
        frames = einops.rearrange(sequence, "b (t n) d -> (b t) n d", t=time)
        frames = frames + self.attn_space(self.norm_space(frames), rngs=rngs)
        frames = frames + self.mlp(self.norm_mlp(frames), rngs)
        return einops.rearrange(frames, "(b t) n d -> b t n d", t=time)


class WriteupTimeSformer(nnx.Module):
    """Clips to logits: patches with a CLS token in every frame, blocks, CLS mean, MLP head."""

    def __init__(self, config: WriteupConfig, *, rngs: nnx.Rngs):
        self.config = config
        dim, dtype = config.dim, jnp.dtype(config.dtype)
        space = layers.patch_count(config.image_size, config.patch_size)
        (self.patch_embed,) = _linears([config.patch_size**2 * 3, dim], dtype, rngs)
        self.cls_token = nnx.Param(jnp.zeros((1, 1, 1, dim)))
        self.space_embed = nnx.Param(layers.INIT(rngs.params(), (1, 1, 1 + space, dim)))
        self.time_embed = nnx.Param(layers.INIT(rngs.params(), (1, config.num_frames, 1, dim)))
        self.blocks = nnx.List([WriteupBlock(config, rngs=rngs) for _ in range(config.depth)])
        widths = [dim, *[config.mlp_dim] * (config.classification_mlp_depth - 1)]
        self.head_hidden = _linears(widths, None, rngs)
        (self.head,) = _linears([config.mlp_dim, config.num_classes], None, rngs)

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
        first, *others = self.head_hidden
        features = first(cls)
        for layer in others:
            features = jax.nn.relu(layer(features))
        return self.head(features)


def _linears(widths, dtype, rngs):
    """A linear layer from each width to the next, started as PyTorch does."""

    def linear(inputs, outputs):
        def bias(key, shape, dtype):
            return nnx.initializers.uniform(2 / inputs**0.5)(key, shape, dtype) - inputs**-0.5

        return layers.Linear(
            inputs, outputs, kernel_init=INIT, bias_init=bias, dtype=dtype, rngs=rngs
        )

    return nnx.List(linear(*pair) for pair in itertools.pairwise(widths))
