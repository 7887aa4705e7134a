"""Right answers for the exercises of flaxvid.models.c3d, in other ways."""

import functools
import itertools
import math

import einops
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flaxvid import errors
from flaxvid.models import c3d, convnet, convolution, layers


class C3D_as_the_text_says(nnx.Module):
    def __init__(self, config, *, rngs):
        self.config = config
        dtype = config.dtype  # a name, which layers take as well
        channels = 3
        for stage, filters in zip(config.stages(), config.widths, strict=True):
            for name in stage:
                setattr(
                    self,
                    name,
                    convolution.Conv3D(
                        channels, filters, bias=not config.batch_norm, dtype=dtype, rngs=rngs
                    ),
                )
                if config.batch_norm:
                    number = name.removeprefix("conv")
                    norm = convnet.batch_norm(filters, dtype=dtype, rngs=rngs)
                    setattr(self, f"norm{number}", norm)
                channels = filters
        pooled = c3d.shape_walk(config)[-4].shape
        linear = functools.partial(nnx.Linear, kernel_init=c3d.LINEAR_INIT, rngs=rngs)
        self.fc6 = linear(math.prod(pooled), config.fc_dim, dtype=dtype)
        self.fc7 = linear(config.fc_dim, config.fc_dim, dtype=dtype)
        self.fc8 = linear(config.fc_dim, config.num_classes)
        self.drop = layers.Dropout(config.dropout)
        if config.start == "authors":
            c3d.start_as_the_authors(self, rngs)

    def __call__(self, inputs, mask=None, rngs=None):
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)
        for number, _ in enumerate(self.config.widths, start=1):
            inputs = self.stage(number, inputs)
        rows = inputs.reshape(len(inputs), -1)
        rows = self.drop(jax.nn.relu(self.fc6(rows)), rngs)
        rows = self.drop(jax.nn.relu(self.fc7(rows)), rngs)
        return self.fc8(rows.astype(jnp.float32))

    def stage(self, number, video):
        for name in self.config.stages()[number - 1]:
            video = getattr(self, name)(video)
            if self.config.batch_norm:
                video = getattr(self, "norm" + name[4:])(video)
            video = jax.nn.relu(video)
        window, padding = self.config.pool(number, video.shape[2])
        return convolution.max_pool(video, window, padding)


class C3D_from_the_shape_walk(nnx.Module):
    def __init__(self, config, *, rngs):
        walk = c3d.shape_walk(config)
        for before, layer in itertools.pairwise(walk):
            self._add(layer.name, before.shape, layer.shape[-1], config, rngs)
        self.config, self.rate = config, config.dropout
        if config.start == "authors":
            c3d.start_as_the_authors(self, rngs)

    def _add(self, name, inputs, width, config, rngs):
        how = dict(dtype=jnp.dtype(config.dtype), rngs=rngs)
        if name.startswith("conv"):
            norms = config.batch_norm
            conv = convolution.Conv3D(inputs[-1], width, bias=not norms, **how)
            setattr(self, name, conv)
            if norms:
                setattr(self, name.replace("conv", "norm"), convnet.batch_norm(width, **how))
        elif name.startswith("fc"):
            if name == "fc8":
                del how["dtype"]
            fc = nnx.Linear(math.prod(inputs), width, kernel_init=c3d.LINEAR_INIT, **how)
            setattr(self, name, fc)

    def __call__(self, inputs, mask=None, rngs=None):
        side = self.config.image_size
        if inputs.shape[1:] != (self.config.num_frames, side, side, 3):
            raise errors.UserError("set num_frames and image_size to those of the clip")
        numbers = range(1, len(self.config.depths) + 1)
        video = functools.reduce(lambda video, number: self.stage(number, video), numbers, inputs)
        features, drop = einops.rearrange(video, "b t h w c -> b (t h w c)"), nnx.Dropout(self.rate)
        for name in ("fc6", "fc7"):
            features = jax.nn.relu(getattr(self, name)(features))
            features = drop(features, deterministic=rngs is None, rngs=rngs)
        return self.fc8(features.astype(np.float32))

    def stage(self, number, video):
        walk = self.config.stages()[number - 1]
        video = functools.reduce(self._convolve, walk, video)
        return convolution.pool_native(video, *self.config.pool(number, video.shape[3]))

    def _convolve(self, video, name):
        video = getattr(self, name)(video)
        norm = getattr(self, name.replace("conv", "norm"), lambda video: video)
        return jnp.maximum(norm(video), 0)


class C3D_with_relu_behind_the_pool(nnx.Module):  # which is of fewer numbers, and the same
    def __init__(self, config, *, rngs):
        self.config, self.dropout = config, layers.Dropout(config.dropout)
        dtype, sizes = jnp.dtype(config.dtype), [3]
        for names, filters in zip(config.stages(), config.widths, strict=True):
            for name in names:
                conv = convolution.Conv3D(
                    sizes[-1], filters, bias=not config.batch_norm, dtype=dtype, rngs=rngs
                )
                setattr(self, name, conv)
                if config.batch_norm:
                    norm = convnet.batch_norm(filters, dtype=dtype, rngs=rngs)
                    setattr(self, name.replace("conv", "norm"), norm)
                sizes.append(filters)
        init, dim = c3d.LINEAR_INIT, config.fc_dim
        inputs = math.prod(next(x.shape for x in c3d.shape_walk(config)[::-1] if len(x.shape) > 1))
        self.fc8 = nnx.Linear(dim, config.num_classes, kernel_init=init, rngs=rngs)
        self.fc7 = nnx.Linear(dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc6 = nnx.Linear(inputs, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        if config.start == "authors":
            c3d.start_as_the_authors(self, rngs)

    def __call__(self, inputs, mask=None, rngs=None):
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)
        for number in range(len(self.config.widths)):
            inputs = self.stage(number + 1, inputs)
        features = inputs.reshape(inputs.shape[0], -1)
        features = jax.nn.relu(self.dropout(self.fc6(features), rngs=rngs))
        features = jax.nn.relu(self.dropout(self.fc7(features), rngs=rngs))
        return self.fc8(features.astype(jnp.float32))

    def stage(self, number, video):
        *before, last = self.config.stages()[number - 1]
        for name in before:
            video = jax.nn.relu(self.filtered(name, video))
        video = self.filtered(last, video)
        pool = self.config.pool(number, video.shape[2])
        return jax.nn.relu(convolution.max_pool(video, *pool))

    def filtered(self, name, video):
        video = getattr(self, name)(video)
        if self.config.batch_norm:
            return getattr(self, name.replace("conv", "norm"))(video)
        return video
