"""TimeSformer with the other schemes of attention that its paper compares.

model = timesformer_schemes.create(config, rngs=rngs)

Source: Bertasius et al. (2021), as `timesformer`, section 3 and figure 2.
"""

import einops
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid.models import attention, layers, schemes, timesformer


def create(config: timesformer.TimeSformerConfig, *, rngs: nnx.Rngs) -> nnx.Module:
    """A fresh TimeSformer whose blocks attend as `config.attention` says."""
    divided = config.attention == "divided"
    return (timesformer.TimeSformer if divided else SchemeTimeSformer)(config, rngs=rngs)


class SchemeBlock(nnx.Module):
    """One encoder block: attention after the configured scheme, then an MLP."""

    def __init__(self, config: timesformer.TimeSformerConfig, drop_path: float, *, rngs: nnx.Rngs):
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


class SchemeTimeSformer(nnx.Module):
    """`timesformer.TimeSformer` of other blocks; with `space`, a mean over frames seen alone."""

    def __init__(self, config: timesformer.TimeSformerConfig, *, rngs: nnx.Rngs):
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
        self.blocks = nnx.List([SchemeBlock(config, float(rate), rngs=rngs) for rate in rates])
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
            features = self._after_blocks(self.embed(inputs), mask, rngs)[:, 0]
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
        tokens = self._after_blocks(tokens, None if alone else mask, rngs)
        patches = self.norm(tokens[:, 1:].astype(jnp.float32))
        time = self.config.num_frames
        if alone:
            return einops.rearrange(patches, "(b t) s d -> b t s d", t=time)
        return einops.rearrange(patches, "b (t s) d -> b t s d", t=time)

    def _after_blocks(self, tokens, mask, rngs):
        for block in self.blocks:
            tokens = layers.run_block(block, tokens, mask, remat=self.config.remat, rngs=rngs)
        return tokens

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
        tokens = self._after_blocks(self._frames(inputs), None, rngs)
        features = einops.rearrange(tokens[:, 0], "(b t) d -> b t d", b=inputs.shape[0])
        return jnp.mean(features, axis=1, where=None if mask is None else mask[:, :, None])

    def _frames(self, inputs):
        """Every frame of every clip as a row, with the CLS token in front."""
        frames = einops.rearrange(self._place(inputs), "b t s d -> (b t) s d")
        cls = self.cls_token + self.pos_embed[:, :1]
        cls = jnp.broadcast_to(cls, (frames.shape[0], *cls.shape[1:])).astype(frames.dtype)
        return jnp.concatenate([cls, frames], axis=1)
