"""V-JEPA 2: a Vision Transformer, pretrained to predict its own features of masked tubelets.

This is the encoder, which encodes positions by rotating queries and keys, and the attentive head
that it is evaluated with; the predictor was for pretraining.

Source: Assran et al., "V-JEPA 2: Self-Supervised Video Models Enable Understanding, Prediction and
Planning" (2025), arXiv 2506.09985; details after Transformers' implementation.
"""

import dataclasses
from typing import Annotated, Any

import einops
import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import errors, ranges
from flaxvid.models import attention, attentive_pooling, encoder_block, layers

LONGEST_WAVE = 10_000


@dataclasses.dataclass(frozen=True)
class VJEPA2Config:
    """What a V-JEPA 2 is made of; the classmethods are the published sizes."""

    # These three follow from the data and its preprocessing, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 64
    image_size: tyro.conf.Suppress[int] = 256
    """Height and width of a frame, in pixels."""
    patch_size: Annotated[int, ranges.PIXELS] = 16
    """Height and width of a tubelet, in pixels."""
    tubelet_size: Annotated[int, ranges.FRAMES] = 2
    """Frames of a tubelet."""
    dim: Annotated[int, ranges.WIDTH] = 1024
    """Width of a token."""
    depth: Annotated[int, ranges.DEPTH] = 24
    """Blocks."""
    num_heads: Annotated[int, ranges.WIDTH] = 16
    """Heads of attention, of the encoder and of the head; they share the width."""
    mlp_dim: Annotated[int, ranges.WIDTH] = 4096
    """Width between a block's two linear layers."""
    pooler_depth: Annotated[int, ranges.between(0, 100)] = 3
    """Blocks of self-attention in the attentive head, before its query."""
    drop_path: Annotated[float, ranges.PROBABILITY] = 0.0
    """Stochastic depth of the last block; the first has none, those between lie on a line."""
    init_std: Annotated[float, ranges.between(0, 10)] = 0.02
    """Initial standard deviation of linear layers and of the query."""
    # How to compute it: --precision and --remat.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""
    remat: tyro.conf.Suppress[bool] = False
    """Compute activations inside blocks again in the backward pass, to save memory."""

    @classmethod
    def tiny(cls, **overrides):
        """A laptop's: 8 frames of 32 pixels, 4 blocks of width 64."""
        tiny = dict(num_frames=8, image_size=32, patch_size=8, dim=64, depth=4, num_heads=4)
        return cls(**tiny | dict(mlp_dim=256, pooler_depth=1, init_std=0.1) | overrides)

    @classmethod
    def large(cls, **overrides):
        """ViT-Large, 64 frames of 256 pixels."""
        return cls(**overrides)

    @classmethod
    def huge(cls, **overrides):
        """ViT-Huge, 64 frames of 256 pixels."""
        return cls(**dict(dim=1280, depth=32, mlp_dim=5120) | overrides)

    @classmethod
    def giant(cls, **overrides):
        """ViT-giant, 64 frames of 256 pixels."""
        return cls(**dict(dim=1408, depth=40, num_heads=22, mlp_dim=6144) | overrides)

    def grid(self) -> tuple[int, int, int]:
        """Steps of time, and patches down and across a frame."""
        side = self.image_size // self.patch_size
        return self.num_frames // self.tubelet_size, side, side

    def pooler_mlp_dim(self) -> int:
        """Width inside the MLPs of the head, which is four times the token's in all sizes."""
        return 4 * self.dim


class RotaryAttention(nnx.Module):
    """Multi-head self-attention whose queries and keys are turned by their place in the clip."""

    def __init__(self, config: VJEPA2Config, *, init=layers.INIT, dtype: Any = None, rngs):
        if config.dim % (2 * config.num_heads):
            raise errors.UserError(
                f"a width of {config.dim} does not divide into {config.num_heads} heads of an even "
                "width: choose num_heads that divides half of dim"
            )
        self.num_heads, self.grid = config.num_heads, config.grid()
        dim = config.dim
        self.qkv = layers.Linear(dim, 3 * dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.proj = layers.Linear(dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch token"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch token dim"]:
        query, key, value = einops.rearrange(
            self.qkv(tokens),
            "batch token (three head dim) -> three batch token head dim",
            three=3,
            head=self.num_heads,
        )
        angles = place_angles(self.grid, query.shape[-1])
        attended = attention.attend(turn(query, angles), turn(key, angles), value, mask)
        return self.proj(
            einops.rearrange(attended, "batch token head dim -> batch token (head dim)")
        )


def place_angles(grid: tuple[int, int, int], dim: int) -> Float[Array, "token dim"]:
    """By how much each number of a head's vector is turned, for every place of a clip.

    A third of the vector is turned by the step of time, a third by the row, a third by the column;
    what is left over at its end, when a third is no even number, stays as it is. Within a third of
    2n numbers, number i is turned by place / 10000^((i mod n) / n), as the authors' code does.

    Args:
        grid: steps of time, patches down and across; tokens run in this order, the last fastest.
        dim: width of a head, even.
    """
    # Worked out where they are used: as constants, a program of 24 blocks over 64 frames would
    # hold 200 MB of them.
    # The authors' order: the waves twice over, and not one angle for each pair that `turn` takes.
    third = 2 * (dim // 3 // 2)
    half = third // 2
    waves = (1.0 / LONGEST_WAVE ** (np.arange(half) / max(half, 1))).astype(np.float32)[None]
    places = [jax.lax.broadcasted_iota(jnp.float32, grid, axis).reshape(-1, 1) for axis in range(3)]
    turns = [jnp.tile(place * waves, (1, 2)) for place in places]
    rest = jnp.zeros((len(places[0]), dim - 3 * third))
    return jnp.concatenate([*turns, rest], axis=1)


def turn(
    vectors: Float[Array, "batch token head dim"], angles: Float[Array, "token dim"]
) -> Float[Array, "batch token head dim"]:
    """Rotary embedding: each pair of numbers turned by its angle, in float32.

    Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021),
    eq. 34.
    """
    cos, sin = (wave(angles)[None, :, None] for wave in (jnp.cos, jnp.sin))
    pairs = einops.rearrange(vectors.astype(jnp.float32), "b t h (d two) -> b t h d two", two=2)
    across = jnp.stack([-pairs[..., 1], pairs[..., 0]], axis=-1)
    across = einops.rearrange(across, "b t h d two -> b t h (d two)")
    return (vectors * cos + across * sin).astype(vectors.dtype)


class VJEPA2(nnx.Module):
    """Clips to logits: tubelets, blocks with rotary attention, norm, attentive head."""

    def __init__(self, config: VJEPA2Config, *, rngs: nnx.Rngs):
        self.config = config
        dim, dtype = config.dim, jnp.dtype(config.dtype)
        layers.patch_count(config.image_size, config.patch_size)
        layers.tubelet_count(config.num_frames, config.tubelet_size)
        init = layers.initializer(config.init_std)
        settings = dict(init=init, dtype=dtype, rngs=rngs)
        pixels = config.tubelet_size * config.patch_size**2 * 3
        self.patch_embed = layers.Linear(pixels, dim, kernel_init=init, dtype=dtype, rngs=rngs)

        def parts():
            attn = RotaryAttention(config, **settings)
            mlp = layers.MLP(dim, config.mlp_dim, **settings)
            return attn, mlp

        how = dict(drop_path=config.drop_path, dtype=dtype, rngs=rngs)
        self.blocks = encoder_block.stack(config.depth, parts, dim, **how)
        self.norm = layers.layer_norm(dim, rngs=rngs)
        pooler = attentive_pooling.AttentivePooler(
            dim, config.num_heads, config.pooler_mlp_dim(), depth=config.pooler_depth, **settings
        )
        self.head = attentive_pooling.AttentiveHead(
            pooler, dim, config.num_classes, init=init, rngs=rngs
        )

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
        tokens = self.tokens(inputs, mask, rngs)
        steps = layers.real_steps(mask, self.config.tubelet_size)
        seen = encoder_block.of_tokens(steps, tokens.shape[2])
        return self.head(einops.rearrange(tokens, "b t s d -> b (t s) d"), seen, rngs)

    def tokens(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch steps space dim"]:
        """The features of every tubelet after all blocks and the norm, in float32."""
        config = self.config
        layers.check_clip(inputs, config.num_frames, config.image_size)
        boxes = layers.tubelets(inputs, config.tubelet_size, config.patch_size)
        tokens = einops.rearrange(self.patch_embed(boxes), "b t s d -> b (t s) d")
        steps = layers.real_steps(mask, config.tubelet_size)
        seen = encoder_block.of_tokens(steps, boxes.shape[2])
        tokens = encoder_block.run(self.blocks, tokens, seen, remat=config.remat, rngs=rngs)
        tokens = self.norm(tokens.astype(jnp.float32))
        return einops.rearrange(tokens, "b (t s) d -> b t s d", t=boxes.shape[1])
