"""DenseNet121: images to 1024 features, or to logits.

Source: Huang et al., "Densely Connected Convolutional Networks" (2017), table 1; torchvision.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from flaxvid.models import convnet

STEM = 64  # channels after the first convolution
GROWTH = 32  # channels that every layer adds
BOTTLENECK = 4  # times as many between the two convolutions of a layer
BLOCKS = (6, 12, 24, 16)  # layers


@dataclasses.dataclass(frozen=True)
class DenseNetConfig:
    """DenseNet121: 7,978,856 parameters with the head of ImageNet, 6,953,856 without."""

    num_classes: int | None = None
    """None: no head; the model gives features."""
    last_relu: bool = True
    """Rectify the last norm's output before its mean over places is taken, as torchvision's and
    Keras' networks do; `densenet.features` of torchvision alone leaves that out."""
    dtype: str = "float32"
    """Type of the arithmetic; parameters stay float32."""

    @property
    def dim(self) -> int:
        """Features of an image."""
        return 1024


class Layer(nnx.Module):
    """GROWTH new channels from all the channels so far: norm, ReLU, 1x1, norm, ReLU, 3x3."""

    def __init__(self, in_dim: int, *, dtype=None, rngs: nnx.Rngs):
        settings = dict(dtype=dtype, rngs=rngs)
        self.norm1 = convnet.batch_norm(in_dim, **settings)
        self.conv1 = convnet.conv(in_dim, BOTTLENECK * GROWTH, 1, **settings)
        self.norm2 = convnet.batch_norm(BOTTLENECK * GROWTH, **settings)
        self.conv2 = convnet.conv(BOTTLENECK * GROWTH, GROWTH, 3, **settings)

    def __call__(self, maps: convnet.Images) -> convnet.Maps:
        narrow = self.conv1(jax.nn.relu(self.norm1(maps)))
        return self.conv2(jax.nn.relu(self.norm2(narrow)))


class Transition(nnx.Module):
    """Between two blocks: half the channels, half the height and width."""

    def __init__(self, in_dim: int, *, dtype=None, rngs: nnx.Rngs):
        self.norm = convnet.batch_norm(in_dim, dtype=dtype, rngs=rngs)
        self.conv = convnet.conv(in_dim, in_dim // 2, 1, dtype=dtype, rngs=rngs)

    def __call__(self, maps: convnet.Images) -> convnet.Maps:
        return nnx.avg_pool(self.narrow(maps), (2, 2), strides=(2, 2))

    def narrow(self, maps: convnet.Images) -> convnet.Maps:
        """Half the channels, every place."""
        return self.conv(jax.nn.relu(self.norm(maps)))


class DenseNet(nnx.Module):
    """Stem, four dense blocks with transitions between, mean over places, perhaps a head."""

    def __init__(self, config: DenseNetConfig, *, rngs: nnx.Rngs):
        self.config = config
        settings = dict(dtype=jnp.dtype(config.dtype), rngs=rngs)
        self.conv0 = convnet.conv(3, STEM, 7, stride=2, **settings)
        self.norm0 = convnet.batch_norm(STEM, **settings)
        self.blocks, self.transitions, dim = nnx.List(), nnx.List(), STEM
        for number, depth in enumerate(BLOCKS):
            layers = [Layer(dim + i * GROWTH, **settings) for i in range(depth)]
            self.blocks.append(nnx.List(layers))
            dim += depth * GROWTH
            if number < len(BLOCKS) - 1:
                self.transitions.append(Transition(dim, **settings))
                dim //= 2
        self.norm5 = convnet.batch_norm(dim, **settings)
        if config.num_classes is not None:
            self.head = nnx.Linear(dim, config.num_classes, rngs=rngs)

    def maps(
        self,
        images: Float[Array, "batch height width 3"],
        rngs: nnx.Rngs | None = None,
        stage: int | None = None,
    ) -> convnet.Maps:
        """What block `stage`, 1 to 4, makes of normalised images; None: the last.

        Of the first three, with the channels halved by their transition, and all their places.
        """
        del rngs  # nothing here is random
        maps = convnet.max_pool(jax.nn.relu(self.norm0(self.conv0(images))))
        for number, block in enumerate(self.blocks, start=1):
            for layer in block:
                maps = jnp.concatenate([maps, layer(maps)], axis=-1)
            if number <= len(self.transitions):
                transition = self.transitions[number - 1]
                if number == stage:
                    return transition.narrow(maps)
                maps = transition(maps)
        maps = self.norm5(maps)
        return jax.nn.relu(maps) if self.config.last_relu else maps

    def features(
        self, images: Float[Array, "batch height width 3"], rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch dim"]:
        """The 1024 pooled features of normalised images of 32 pixels or more."""
        return convnet.global_average_pool(self.maps(images, rngs)).astype(jnp.float32)

    def __call__(
        self, images: Float[Array, "batch height width 3"], rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch out"]:
        """Logits; without a head, features."""
        features = self.features(images, rngs)
        return features if self.config.num_classes is None else self.head(features)
