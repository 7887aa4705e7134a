"""VideoPrism: a Vision Transformer over frames, then a shallow one over time at every place.

Here is the video encoder, and the attentive head that it is judged with; its text encoder is not.

Source: Zhao et al., "VideoPrism: A Foundational Visual Encoder for Video Understanding" (2024),
arXiv 2402.13217; details after the authors' Flax implementation.
"""

import dataclasses
from typing import Annotated, Any

import einops
import jax
import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import errors, ranges
from flaxvid.models import attentive_pooling, encoder_block, layers


@dataclasses.dataclass(frozen=True)
class VideoPrismConfig:
    """What a VideoPrism is made of; the classmethods are the published sizes."""

    # These three follow from the data and its preprocessing, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 16
    image_size: tyro.conf.Suppress[int] = 288
    """Height and width of a frame, in pixels."""
    patch_size: Annotated[int, ranges.PIXELS] = 18
    """Height and width of a patch, in pixels."""
    dim: Annotated[int, ranges.WIDTH] = 768
    """Width of a token."""
    depth: Annotated[int, ranges.DEPTH] = 12
    """Blocks over the patches of a frame."""
    time_depth: Annotated[int, ranges.DEPTH] = 4
    """Blocks over time, after them."""
    num_heads: Annotated[int, ranges.WIDTH] = 12
    """Heads of attention, of the encoder and of the head; they share the width."""
    mlp_dim: Annotated[int, ranges.WIDTH] = 3072
    """Width between a block's two linear layers."""
    score_cap: Annotated[float, ranges.between(0, 1e6)] = 50.0
    """Scores of the encoder's attention are held below this by a tanh; 0: they are not."""
    drop_path: Annotated[float, ranges.PROBABILITY] = 0.0
    """Stochastic depth of the last block; the first has none, those between lie on a line."""
    init_std: Annotated[float, ranges.between(0, 10)] = 0.02
    """Initial standard deviation of linear layers, position embeddings and the query."""
    # How to compute it: --precision and --remat.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""
    remat: tyro.conf.Suppress[bool] = False
    """Compute activations inside blocks again in the backward pass, to save memory."""

    @classmethod
    def tiny(cls, **overrides):
        """A laptop's: 8 frames of 32 pixels, 3 blocks of width 64 over space and 1 over time."""
        tiny = dict(num_frames=8, image_size=32, patch_size=8, dim=64, depth=3, time_depth=1)
        return cls(**tiny | dict(num_heads=4, mlp_dim=256, init_std=0.1) | overrides)

    @classmethod
    def base(cls, **overrides):
        """ViT-Base, 16 frames of 288 pixels."""
        return cls(**overrides)

    @classmethod
    def large(cls, **overrides):
        """ViT-Large, 8 frames of 288 pixels."""
        large = dict(num_frames=8, dim=1024, depth=24, num_heads=16, mlp_dim=4096)
        return cls(**large | overrides)

    def grid(self) -> tuple[int, int, int]:
        """Frames, and patches down and across a frame."""
        side = self.image_size // self.patch_size
        return self.num_frames, side, side


def capped_dot_product(
    query: Float[Array, "batch query head dim"],
    key: Float[Array, "batch key head dim"],
    value: Float[Array, "batch key head dim"],
    mask: Bool[Array, "batch key"] | None = None,
    *,
    cap: float,
) -> Float[Array, "batch query head dim"]:
    """Attention whose scores lie between -cap and cap: cap * tanh(score / cap); 0 is no cap.

    Queries are scaled before. Keys whose mask is False get weight zero.

    Source: Gemma Team, "Gemma 2" (2024), section 2, on logit soft-capping.
    """
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key, preferred_element_type=jnp.float32)
    if cap:
        scores = cap * jnp.tanh(scores / cap)
    if mask is not None:
        scores = jnp.where(mask[:, None, None, :], scores, -jnp.inf)
    weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, value)


class CappedAttention(nnx.Module):
    """Multi-head self-attention with capped scores."""

    def __init__(
        self, dim: int, num_heads: int, cap: float, *, init=layers.INIT, dtype: Any = None, rngs
    ):
        _check_heads(dim, num_heads)
        self.num_heads, self.cap = num_heads, cap
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
        query = query * query.shape[-1] ** -0.5
        attended = capped_dot_product(query, key, value, mask, cap=self.cap)
        return self.proj(
            einops.rearrange(attended, "batch token head dim -> batch token (head dim)")
        )


class Pooler(nnx.Module):
    """One learnt query over all tokens; every number of a head's query has a scale of its own."""

    def __init__(
        self, dim: int, num_heads: int, *, init=layers.INIT, dtype: Any = None, rngs: nnx.Rngs
    ):
        self.num_heads = num_heads
        self.query = nnx.Param(init(rngs.params(), (1, 1, dim)))
        self.scale = nnx.Param(jnp.zeros(dim // num_heads))
        linear = dict(kernel_init=init, dtype=dtype, rngs=rngs)
        self.to_query = layers.Linear(dim, dim, **linear)
        self.to_key_value = layers.Linear(dim, 2 * dim, **linear)
        self.proj = layers.Linear(dim, dim, **linear)
        self.norm = layers.layer_norm(dim, rngs=rngs)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch token"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch dim"]:
        """One vector of all tokens whose mask is not False."""
        query = jnp.broadcast_to(self.query[...], (tokens.shape[0], 1, tokens.shape[-1]))
        query = einops.rearrange(
            self.to_query(query), "b one (head d) -> b one head d", head=self.num_heads
        )
        # At its start, 0, the softplus is log 2: the scale is that of scaled dot products.
        scale = jax.nn.softplus(self.scale[...]) / (jnp.log(2.0) * query.shape[-1] ** 0.5)
        query = query * scale.astype(query.dtype)[None, None, None]
        key, value = einops.rearrange(
            self.to_key_value(tokens),
            "b token (two head d) -> two b token head d",
            two=2,
            head=self.num_heads,
        )
        taken = capped_dot_product(query, key, value, mask, cap=0.0)
        taken = self.proj(einops.rearrange(taken, "b one head d -> b (one head d)"))
        return self.norm(taken.astype(jnp.float32))


class VideoPrism(nnx.Module):
    """Clips to logits: patches, blocks over space, blocks over time, norm, attentive head."""

    def __init__(self, config: VideoPrismConfig, *, rngs: nnx.Rngs):
        self.config = config
        dim, dtype = config.dim, jnp.dtype(config.dtype)
        space = layers.patch_count(config.image_size, config.patch_size)
        init = layers.initializer(config.init_std)
        settings = dict(init=init, dtype=dtype, rngs=rngs)
        pixels = config.patch_size**2 * 3
        self.patch_embed = layers.Linear(pixels, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.pos_embed = nnx.Param(init(rngs.params(), (1, space, dim)))
        self.time_embed = nnx.Param(init(rngs.params(), (1, config.num_frames, dim)))

        def parts():
            attn = CappedAttention(dim, config.num_heads, config.score_cap, **settings)
            mlp = layers.MLP(dim, config.mlp_dim, **settings)
            return attn, mlp

        # Those over space first, then those over time, so that layer decay and --freeze count them
        # as the blocks of any model.
        how = dict(drop_path=config.drop_path, dtype=dtype, rngs=rngs)
        self.blocks = encoder_block.stack(config.depth + config.time_depth, parts, dim, **how)
        # Behind the last block over space; in it, for layer decay to find its place.
        last = self.blocks[config.depth - 1]
        last.space_norm = layers.layer_norm(dim, dtype=dtype, rngs=rngs)
        self.norm = layers.layer_norm(dim, rngs=rngs)
        pooler = Pooler(dim, config.num_heads, **settings)
        self.head = attentive_pooling.AttentiveHead(
            pooler, dim, config.num_classes, init=init, rngs=rngs
        )

    def __call__(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of RGB clips, 0 to 1; frames whose mask is False are ignored.

        Raises:
            UserError: if the clip is not `num_frames` long or not `image_size` pixels wide and
                high.
        """
        tokens = self.tokens(inputs, mask, rngs)
        seen = encoder_block.of_tokens(mask, tokens.shape[2])
        return self.head(einops.rearrange(tokens, "b t s d -> b (t s) d"), seen, rngs)

    def tokens(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch steps space dim"]:
        """The features of every patch after all blocks and the norm, in float32."""
        config, batch = self.config, inputs.shape[0]
        layers.check_clip(inputs, config.num_frames, config.image_size)
        how = dict(remat=config.remat, rngs=rngs)
        patches = self.patch_embed(layers.patchify(inputs, config.patch_size))
        frames = einops.rearrange(patches, "b t s d -> (b t) s d")
        frames = frames + self.pos_embed.astype(frames.dtype)
        frames = encoder_block.run(self.blocks[: config.depth], frames, **how)
        frames = self.blocks[config.depth - 1].space_norm(frames)
        places = einops.rearrange(frames, "(b t) s d -> (b s) t d", b=batch)
        places = places + self.time_embed.astype(places.dtype)
        if mask is not None:
            mask = einops.repeat(mask, "b t -> (b s) t", s=frames.shape[1])
        places = encoder_block.run(self.blocks[config.depth :], places, mask, **how)
        tokens = self.norm(places.astype(jnp.float32))
        return einops.rearrange(tokens, "(b s) t d -> b t s d", b=batch)


def _check_heads(dim, num_heads):
    if dim % num_heads:
        raise errors.UserError(
            f"a width of {dim} does not divide into {num_heads} heads: "
            "choose num_heads that divides dim"
        )
