"""Right answers for the exercises of flaxvid.models.timesformer, in other ways."""

import einops
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flaxvid import errors
from flaxvid.models import attention, layers, schemes, timesformer


# --- Block ------------------------------------------------------------------------------
def _start(self, dim, num_heads, mlp_dim, num_frames, drop_path, init, dtype, rngs, linear):
    common = dict(dtype=dtype, rngs=rngs)
    self.mlp = layers.MLP(dim, mlp_dim, init=init, **common)
    for prefix in ("", "temporal_"):
        setattr(self, f"{prefix}norm1", layers.layer_norm(dim, **common))
        attn = attention.Attention(dim, num_heads, init=init, **common)
        setattr(self, f"{prefix}attn", attn)
    self.norm2 = layers.layer_norm(dim, **common)
    self.temporal_fc = linear(dim, dim, kernel_init=nnx.initializers.zeros, **common)
    self.drop_path = layers.drop_path(drop_path)
    self.time = num_frames


class Block_by_the_scheme(nnx.Module):
    def __init__(
        self,
        dim,
        num_heads,
        mlp_dim,
        num_frames,
        *,
        drop_path=0.0,
        init=layers.INIT,
        dtype=None,
        rngs,
    ):
        sizes = dim, num_heads, mlp_dim, num_frames
        _start(self, *sizes, drop_path, init, dtype, rngs, layers.Linear)

    def __call__(self, tokens, mask=None, rngs=None):
        steps = {"time": self.first(rngs), "space": self.second(rngs)}
        places = (tokens.shape[1] - 1) // self.time
        tokens = schemes.divided(tokens, steps, (self.time, places, 1), mask)
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)), rngs=rngs)

    def first(self, rngs):
        def attend(rows, mask=None):
            rows = self.temporal_attn(self.temporal_norm1(rows), mask, None)
            return self.temporal_fc(self.drop_path(rows, rngs=rngs))

        return attend

    def second(self, rngs):
        return lambda rows: self.drop_path(self.attn(self.norm1(rows)), rngs=rngs)


class Block_without_the_two_functions(nnx.Module):
    def __init__(
        self,
        dim,
        num_heads,
        mlp_dim,
        num_frames,
        *,
        drop_path=0.0,
        init=layers.INIT,
        dtype=None,
        rngs,
    ):
        sizes = dim, num_heads, mlp_dim, num_frames
        _start(self, *sizes, drop_path, init, dtype, rngs, nnx.Linear)

    def __call__(self, tokens, mask=None, rngs=None):
        batch, _, dim = tokens.shape
        cls, grid = tokens[:, :1], tokens[:, 1:].reshape(batch, self.time, -1, dim)
        space = grid.shape[2]
        columns = grid.swapaxes(1, 2).reshape(batch * space, self.time, dim)
        seen = None if mask is None else jnp.repeat(mask, space, axis=0)
        columns = self.temporal_attn(self.temporal_norm1(columns), seen)
        columns = self.temporal_fc(self.drop_path(columns, rngs=rngs))
        grid = grid + columns.reshape(batch, space, self.time, dim).swapaxes(1, 2)
        rows = jnp.concatenate([jnp.repeat(cls[:, None], self.time, axis=1), grid], axis=2)
        heard = self.attn(self.norm1(rows.reshape(batch * self.time, 1 + space, dim)))
        heard = self.drop_path(heard, rngs=rngs).reshape(rows.shape)
        shares = jnp.ones((batch, self.time)) if mask is None else mask.astype(jnp.float32)
        shares = (shares / shares.sum(1, keepdims=True)).astype(tokens.dtype)
        cls = cls + jnp.einsum("bt,btd->bd", shares, heard[:, :, 0])[:, None]
        patches = (grid + heard[:, :, 1:]).reshape(batch, -1, dim)
        tokens = jnp.concatenate([cls, patches], axis=1)
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)), rngs=rngs)


class Block_written_in_place(nnx.Module):
    def __init__(
        self,
        dim,
        num_heads,
        mlp_dim,
        num_frames,
        *,
        drop_path=0.0,
        init=layers.INIT,
        dtype=None,
        rngs,
    ):
        sizes = dim, num_heads, mlp_dim, num_frames
        _start(self, *sizes, drop_path, init, dtype, rngs, layers.Linear)

    def __call__(self, tokens, mask=None, rngs=None):
        def along(rows, mask=None):
            rows = self.temporal_attn(self.temporal_norm1(rows), mask=mask)
            return self.temporal_fc(self.drop_path(rows, rngs=rngs))

        def across(rows):
            return self.drop_path(self.attn(self.norm1(rows)), rngs=rngs)

        heard = attention.over_time(along, tokens[:, 1:], self.time, mask=mask)
        tokens = tokens.at[:, 1:].add(heard)
        cls, patches = attention.over_space(across, tokens[:, :1], tokens[:, 1:], self.time, mask)
        tokens = tokens.at[:, :1].add(cls).at[:, 1:].add(patches)
        return jnp.add(self.drop_path(self.mlp(self.norm2(tokens)), rngs=rngs), tokens)


# --- TimeSformer ------------------------------------------------------------------------
def _fill(self, config, rngs):
    if config.attention != "divided":
        raise errors.UserError(f"attention={config.attention}: only divided attention is written")
    self.config = config
    init, dtype, dim = config.initializer(), jnp.dtype(config.dtype), config.dim
    _, down, across = config.grid()
    self.head = nnx.Linear(dim, config.num_classes, kernel_init=init, rngs=rngs)
    self.norm = layers.layer_norm(dim, rngs=rngs)
    self.patch_embed = nnx.Linear(3 * config.patch_size**2, dim, dtype=dtype, rngs=rngs)
    self.pos_embed = nnx.Param(init(rngs.params(), (1, 1 + down * across, dim)))
    self.cls_token = nnx.Param(init(rngs.params(), (1, 1, dim)))
    self.time_embed = nnx.Param(jnp.zeros((1, config.num_frames, dim), jnp.float32))
    self.blocks = nnx.List([])
    for number in range(config.depth):
        rate = config.drop_path * number / max(1, config.depth - 1)
        self.blocks.append(
            timesformer.Block(
                dim,
                config.num_heads,
                config.mlp_dim,
                config.num_frames,
                drop_path=rate,
                init=init,
                dtype=dtype,
                rngs=rngs,
            )
        )


class TimeSformer_in_one_sum(nnx.Module):
    def __init__(self, config, *, rngs):
        _fill(self, config, rngs)

    def embed(self, inputs):
        batch = inputs.shape[0]
        patches = self.patch_embed(layers.patchify(inputs, self.config.patch_size))
        told = self.pos_embed[:, None, 1:] + self.time_embed[:, :, None]
        patches = (patches + told.astype(patches.dtype)).reshape(batch, -1, self.config.dim)
        cls = (self.cls_token + self.pos_embed[:, :1]).astype(patches.dtype)
        return jnp.concatenate([jnp.repeat(cls, batch, axis=0), patches], axis=1)

    def run(self, inputs, mask, rngs):
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)
        tokens = self.embed(inputs)
        for block in self.blocks:
            tokens = block(tokens, mask, rngs)
        return self.norm(tokens.astype(jnp.float32))

    def __call__(self, inputs, mask=None, rngs=None):
        return self.head(self.run(inputs, mask, rngs)[:, 0])

    def tokens(self, inputs, mask=None, rngs=None):
        patches = self.run(inputs, mask, rngs)[:, 1:]
        return patches.reshape(len(inputs), self.config.num_frames, -1, self.config.dim)


class TimeSformer_by_a_convolution(nnx.Module):
    def __init__(self, config, *, rngs):
        _fill(self, config, rngs)

    def embed(self, inputs):
        size, dtype = self.config.patch_size, jnp.dtype(self.config.dtype)
        kernel = self.patch_embed.kernel[...].reshape(size, size, 3, -1).astype(dtype)
        frames = inputs.reshape(-1, *inputs.shape[2:]).astype(dtype)
        numbers = ("NHWC", "HWIO", "NHWC")
        patches = jax.lax.conv_general_dilated(
            frames, kernel, (size, size), "VALID", dimension_numbers=numbers
        )
        patches = patches + self.patch_embed.bias[...].astype(dtype)
        time = inputs.shape[1]
        patches = einops.rearrange(patches, "(b t) h w d -> b (t h w) d", t=time)
        places = jnp.tile(self.pos_embed[0, 1:], (time, 1))
        times = jnp.repeat(self.time_embed[0], places.shape[0] // time, axis=0)
        patches = patches + (places + times).astype(dtype)
        cls = self.cls_token[0] + self.pos_embed[0, :1]
        cls = einops.repeat(cls.astype(dtype), "1 d -> b 1 d", b=inputs.shape[0])
        return jnp.concatenate([cls, patches], axis=1)

    def __call__(self, inputs, mask=None, rngs=None):
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)
        tokens = self.embed(inputs)
        for block in self.blocks:
            tokens = layers.run_block(block, tokens, mask, rngs=rngs)
        return self.head(self.norm(tokens[:, 0]))

    def tokens(self, inputs, mask=None, rngs=None):
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)
        tokens = self.embed(inputs)
        for block in self.blocks:
            tokens = layers.run_block(block, tokens, mask, rngs=rngs)
        return einops.rearrange(
            self.norm(tokens[:, 1:]), "b (t s) d -> b t s d", t=self.config.num_frames
        )


class TimeSformer_filled_in_place(nnx.Module):
    def __init__(self, config, *, rngs):
        _fill(self, config, rngs)

    def embed(self, inputs):
        patches = self.patch_embed(layers.patchify(inputs, self.config.patch_size))
        batch, time, space, dim = patches.shape
        tokens = jnp.zeros((batch, 1 + time * space, dim), patches.dtype)
        tokens = tokens.at[:, 0].set(self.cls_token[:, 0] + self.pos_embed[:, 0])
        for frame in range(time):
            told = self.pos_embed[:, 1:] + self.time_embed[:, frame : frame + 1]
            own = patches[:, frame] + told.astype(patches.dtype)
            tokens = tokens.at[:, 1 + frame * space : 1 + (frame + 1) * space].set(own)
        return tokens

    def check(self, inputs):
        side, time = self.config.image_size, self.config.num_frames
        if tuple(inputs.shape[1:4]) != (time, side, side):
            raise errors.UserError(
                f"got {inputs.shape}: set num_frames and image_size to match the clip"
            )

    def __call__(self, inputs, mask=None, rngs=None):
        self.check(inputs)
        tokens = self.embed(inputs)
        for block in self.blocks:
            tokens = block(tokens, mask=mask, rngs=rngs)
        return self.head(self.norm(tokens.astype(np.float32))[:, 0])

    def tokens(self, inputs, mask=None, rngs=None):
        self.check(inputs)
        tokens = self.embed(inputs)
        for block in self.blocks:
            tokens = block(tokens, mask=mask, rngs=rngs)
        grid = (len(inputs), *self.config.grid()[:1], -1, self.config.dim)
        return self.norm(tokens.astype(np.float32))[:, 1:].reshape(grid)
