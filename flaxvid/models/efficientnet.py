"""EfficientNet-Lite0: images to 1280 features, or to logits, for little arithmetic.

The Lite form has no squeeze-and-excitation, and ReLU6 in place of swish.

Source: Tan and Le, "EfficientNet" (2019), table 1; the TensorFlow implementation of its Lite0.
"""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from flaxvid.models import convnet, layers

STEM = 32  # channels after the first convolution
# (blocks, size of the kernel, stride of the first block, expansion, channels)
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
NUM_BLOCKS = sum(stage[0] for stage in STAGES)
# TensorFlow's constants, which the published weights were made with.
NORM = dict(momentum=0.99, epsilon=1e-3)


@dataclasses.dataclass(frozen=True)
class EfficientNetConfig:
    """EfficientNet-Lite0: 4,652,008 parameters with the head of ImageNet."""

    num_classes: int | None = None
    """None: no head; the model gives features."""
    dropout: float = 0.2
    """Before the head, in training."""
    drop_path: float = 0.2
    """Stochastic depth in training, growing from zero to this over the blocks."""
    dtype: str = "float32"
    """Type of the arithmetic; parameters stay float32."""

    @property
    def dim(self) -> int:
        """Features of an image."""
        return 1280


class Block(nnx.Module):
    """Inverted bottleneck: widen, one filter for every channel, narrow; a shortcut if it fits.

    Source: Sandler et al., "MobileNetV2" (2018), section 3.4.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int,
        *,
        size: int,
        stride: int,
        expansion: int,
        drop_path: float,
        dtype=None,
        rngs: nnx.Rngs,
    ):
        settings, wide = dict(dtype=dtype, rngs=rngs), expansion * in_dim
        self.expands = expansion != 1
        if self.expands:
            self.expand = convnet.conv(in_dim, wide, 1, **settings)
            self.expand_norm = convnet.batch_norm(wide, **NORM, **settings)
        self.depthwise = convnet.Depthwise(wide, size, stride=stride, **settings)
        self.depthwise_norm = convnet.batch_norm(wide, **NORM, **settings)
        self.project = convnet.conv(wide, dim, 1, **settings)
        self.project_norm = convnet.batch_norm(dim, **NORM, **settings)
        self.has_shortcut = stride == 1 and in_dim == dim
        self.drop_path = layers.Dropout(drop_path, broadcast_dims=(1, 2, 3))

    def __call__(self, images: convnet.Images, rngs: nnx.Rngs | None = None) -> convnet.Maps:
        branch = images
        if self.expands:
            branch = jax.nn.relu6(self.expand_norm(self.expand(branch)))
        branch = jax.nn.relu6(self.depthwise_norm(self.depthwise(branch)))
        branch = self.project_norm(self.project(branch))
        return images + self.drop_path(branch, rngs=rngs) if self.has_shortcut else branch


class EfficientNet(nnx.Module):
    """Stem, seven stages of inverted bottlenecks, 1280 channels, mean over places, perhaps a head.

    Image sizes other than 224 pixels do: everything before the mean is a convolution.
    """

    def __init__(self, config: EfficientNetConfig, *, rngs: nnx.Rngs):
        self.config = config
        settings = dict(dtype=jnp.dtype(config.dtype), rngs=rngs)
        self.stem = convnet.conv(3, STEM, 3, stride=2, padding="SAME", **settings)
        self.stem_norm = convnet.batch_norm(STEM, **NORM, **settings)
        self.blocks, in_dim, number = nnx.List(), STEM, itertools.count()
        for repeats, size, stride, expansion, dim in STAGES:
            for repeat in range(repeats):
                block = Block(
                    in_dim,
                    dim,
                    size=size,
                    stride=stride if repeat == 0 else 1,
                    expansion=expansion,
                    drop_path=config.drop_path * next(number) / NUM_BLOCKS,
                    **settings,
                )
                self.blocks.append(block)
                in_dim = dim
        self.top = convnet.conv(in_dim, config.dim, 1, **settings)
        self.top_norm = convnet.batch_norm(config.dim, **NORM, **settings)
        self.dropout = layers.Dropout(config.dropout)
        if config.num_classes is not None:
            self.head = nnx.Linear(config.dim, config.num_classes, rngs=rngs)

    def maps(
        self,
        images: Float[Array, "batch height width 3"],
        rngs: nnx.Rngs | None = None,
        stage: int | None = None,
    ) -> convnet.Maps:
        """What stage `stage`, 1 to 7, makes of normalised images; None: the 1280 at the top."""
        maps = jax.nn.relu6(self.stem_norm(self.stem(images)))
        for block in self.blocks[: sum(repeats for repeats, *_ in STAGES[:stage])]:
            maps = block(maps, rngs)
        return maps if stage else jax.nn.relu6(self.top_norm(self.top(maps)))

    def features(
        self, images: Float[Array, "batch height width 3"], rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch dim"]:
        """The 1280 pooled features of normalised images of 32 pixels or more."""
        return convnet.global_average_pool(self.maps(images, rngs)).astype(jnp.float32)

    def __call__(
        self, images: Float[Array, "batch height width 3"], rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch out"]:
        """Logits; without a head, features."""
        features = self.features(images, rngs)
        if self.config.num_classes is None:
            return features
        return self.head(self.dropout(features, rngs=rngs))
