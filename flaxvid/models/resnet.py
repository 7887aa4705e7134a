"""ResNet18: images to 512 features, or to logits.

Source: He et al., "Deep Residual Learning for Image Recognition" (2016), table 1; torchvision.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from flaxvid.models import convnet

STEM = 64  # channels after the first convolution
STAGES = (64, 128, 256, 512)  # channels; from one stage to the next the image is halved
BLOCKS = 2  # in every stage


@dataclasses.dataclass(frozen=True)
class ResNetConfig:
    """ResNet18: 11,689,512 parameters with the head of ImageNet, 11,176,512 without."""

    num_classes: int | None = None
    """None: no head; the model gives features."""
    dtype: str = "float32"
    """Type of the arithmetic; parameters stay float32."""

    @property
    def dim(self) -> int:
        """Features of an image."""
        return STAGES[-1]


class Block(nnx.Module):
    """Two 3x3 convolutions beside a shortcut, which is projected where the shape changes."""

    def __init__(self, in_dim: int, dim: int, stride: int, *, dtype=None, rngs: nnx.Rngs):
        settings = dict(dtype=dtype, rngs=rngs)
        self.conv1 = convnet.conv(in_dim, dim, 3, stride=stride, **settings)
        self.bn1 = convnet.batch_norm(dim, **settings)
        self.conv2 = convnet.conv(dim, dim, 3, **settings)
        self.bn2 = convnet.batch_norm(dim, **settings)
        self.projects = stride != 1 or in_dim != dim
        if self.projects:
            self.shortcut_conv = convnet.conv(in_dim, dim, 1, stride=stride, **settings)
            self.shortcut_bn = convnet.batch_norm(dim, **settings)

    def __call__(self, images: convnet.Images) -> convnet.Maps:
        branch = jax.nn.relu(self.bn1(self.conv1(images)))
        branch = self.bn2(self.conv2(branch))
        if self.projects:
            images = self.shortcut_bn(self.shortcut_conv(images))
        return jax.nn.relu(images + branch)


class ResNet(nnx.Module):
    """Stem, four stages of residual blocks, mean over all places, and perhaps a linear head."""

    def __init__(self, config: ResNetConfig, *, rngs: nnx.Rngs):
        self.config = config
        settings = dict(dtype=jnp.dtype(config.dtype), rngs=rngs)
        self.conv1 = convnet.conv(3, STEM, 7, stride=2, **settings)
        self.bn1 = convnet.batch_norm(STEM, **settings)
        dims = (STEM, *STAGES)
        self.stages = nnx.List(
            nnx.List(
                Block(dims[i] if b == 0 else dim, dim, 2 if i and b == 0 else 1, **settings)
                for b in range(BLOCKS)
            )
            for i, dim in enumerate(STAGES)
        )
        if config.num_classes is not None:
            self.head = nnx.Linear(config.dim, config.num_classes, rngs=rngs)

    def maps(
        self,
        images: Float[Array, "batch height width 3"],
        rngs: nnx.Rngs | None = None,
        stage: int | None = None,
    ) -> convnet.Maps:
        """What stage `stage`, 1 to 4, makes of normalised images; None: the last."""
        del rngs  # nothing here is random
        maps = convnet.max_pool(jax.nn.relu(self.bn1(self.conv1(images))))
        for blocks in self.stages[:stage]:
            for block in blocks:
                maps = block(maps)
        return maps

    def features(
        self, images: Float[Array, "batch height width 3"], rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch dim"]:
        """The 512 pooled features of normalised images of 32 pixels or more."""
        return convnet.global_average_pool(self.maps(images, rngs)).astype(jnp.float32)

    def __call__(
        self, images: Float[Array, "batch height width 3"], rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch out"]:
        """Logits; without a head, features."""
        features = self.features(images, rngs)
        return features if self.config.num_classes is None else self.head(features)
