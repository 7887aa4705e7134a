"""C3D: convolutions of 3 x 3 x 3 over time and space, pooled to one vector for a clip.

Source: Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks" (2015),
arXiv 1412.0767, section 3.2; the padding of pool5 after its ports to PyTorch.
"""

import dataclasses
import math
import string
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import errors, ranges
from flaxvid.models import convnet, convolution, layers


@dataclasses.dataclass(frozen=True)
class C3DConfig:
    """What a C3D is made of; `base` is the published one."""

    # These three follow from the data and its preprocessing, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 16
    image_size: tyro.conf.Suppress[int] = 112
    """Height and width of a frame, in pixels."""
    widths: Annotated[tuple[int, ...], ranges.WIDTH] = (64, 128, 256, 512, 512)
    """Filters of a convolution in each stage; a stage ends in a pool."""
    depths: Annotated[tuple[int, ...], ranges.between(1, 26)] = (1, 1, 2, 2, 2)
    """Convolutions in each stage."""
    fc_dim: Annotated[int, ranges.WIDTH] = 4096
    """Width of the two fully connected layers before the last."""
    dropout: Annotated[float, ranges.PROBABILITY] = 0.5
    """Share of fc6's and fc7's outputs that training drops."""
    batch_norm: bool = False
    """Normalise after every convolution, which then needs no bias."""
    start: Literal["he", "authors"] = "he"
    """How weights start: convolutions after He et al. and the rest as PyTorch does, which is the
    PyTorch port's start; or from the normal distributions of the authors' own training."""
    last_padding: Literal["around", "end"] = "around"
    """Where the last pool pads height and width: by 1 on all sides, as the ports to PyTorch do, or
    at the end and only what the last window lacks, as Caffe does."""
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""

    @classmethod
    def tiny(cls, **overrides):
        """A laptop's: 8 frames of 32 pixels, 4 convolutions."""
        tiny = dict(num_frames=8, image_size=32, widths=(16, 32, 64, 64), depths=(1, 1, 1, 1))
        return cls(**tiny | dict(fc_dim=128, last_padding="end") | overrides)

    @classmethod
    def small(cls, **overrides):
        """For two cores or a small GPU: all 8 convolutions at a quarter of their width."""
        small = dict(widths=(16, 32, 64, 128, 128), fc_dim=512, batch_norm=True)
        return cls(**small | overrides)

    @classmethod
    def base(cls, **overrides):
        """16 frames of 112 pixels, 8 convolutions."""
        return cls(**overrides)

    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The names of the convolutions in each stage: conv1, conv2, then conv3a and conv3b.

        Raises:
            UserError: if `widths` and `depths` do not speak of the same stages.
        """
        if len(self.widths) != len(self.depths):
            raise errors.UserError(
                f"widths {self.widths} and depths {self.depths} have to be of one length"
            )
        return tuple(
            tuple(
                f"conv{stage}{letter if depth > 1 else ''}"
                for letter in string.ascii_lowercase[:depth]
            )
            for stage, depth in enumerate(self.depths, start=1)
        )

    def pool(self, stage: int, size: int) -> tuple[tuple[int, int, int], convolution.Padding]:
        """Window and padding of the pool after `stage`, from 1, on frames of `size` pixels.

        The first one leaves time alone, and the later ones halve it.
        """
        window = (1, 2, 2) if stage == 1 else (2, 2, 2)
        sides = (0, 0)
        if stage == len(self.widths):
            sides = (1, 1) if self.last_padding == "around" else (0, size % 2)
        return window, ((0, 0), sides, sides)


@dataclasses.dataclass(frozen=True)
class Layer:
    """What one layer gives for one clip, and what it learns."""

    name: str
    shape: tuple[int, ...]
    """(time, height, width, channel), or (dim,) once the clip is one vector."""
    parameters: int = 0


def shape_walk(config: C3DConfig) -> tuple[Layer, ...]:
    """Every layer from the clip to the logits, with its output's shape and its parameters.

    Raises:
        UserError: if a clip is too short or too small to be pooled so often.
    """
    shape = (config.num_frames, config.image_size, config.image_size, 3)
    walk = [Layer("clip", shape)]
    for stage, names in enumerate(config.stages(), start=1):
        filters = config.widths[stage - 1]
        for name in names:
            weights = 27 * shape[-1] * filters
            shape = (*shape[:3], filters)
            # A bias, or scale and bias of the norm.
            walk.append(Layer(name, shape, weights + filters * (1 + config.batch_norm)))
        window, padding = config.pool(stage, shape[1])
        sizes = zip(shape[:3], window, padding, strict=True)
        shape = (*(convolution.output_size(n, k, k, p) for n, k, p in sizes), filters)
        walk.append(Layer(f"pool{stage}", shape))
        if 0 in shape:
            raise errors.UserError(
                f"{config.num_frames} frames of {config.image_size} pixels are nothing after "
                f"pool{stage}: {shape}; give more, or the model fewer stages (widths and depths)"
            )
    dim = math.prod(shape)
    for name, width in (
        ("fc6", config.fc_dim),
        ("fc7", config.fc_dim),
        ("fc8", config.num_classes),
    ):
        walk.append(Layer(name, (width,), (dim + 1) * width))
        dim = width
    return tuple(walk)


# PyTorch's own start of a linear layer, which the port leaves as it is.
LINEAR_INIT = nnx.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
# The authors' own: facebookarchive/C3D, examples/c3d_train_ucf101/conv3d_ucf101_train.prototxt.
AUTHORS_DEVIATIONS = {"fc6": 0.005, "fc7": 0.005}
AUTHORS_DEVIATION = 0.01  # of every other layer
WITHOUT_BIAS = ("conv1", "fc8")  # at the start; every other bias is 1


def start_as_the_authors(model: nnx.Module, rngs: nnx.Rngs) -> None:
    """Draws the weights of a C3D anew, as its authors' own training started."""
    for name in (layer.name for layer in shape_walk(model.config) if layer.parameters):
        layer = getattr(model, name)
        shape = layer.kernel.shape
        rows = (math.prod(shape[:-1]), shape[-1])
        deviation = AUTHORS_DEVIATIONS.get(name, AUTHORS_DEVIATION)
        kernel = deviation * jax.random.normal(rngs.params(), rows)
        layer.kernel[...] = kernel.reshape(shape)
        if layer.bias is not None and not name.startswith(WITHOUT_BIAS):
            layer.bias[...] = jnp.ones_like(layer.bias[...])


class C3D(nnx.Module):
    """Clips to logits: stages of convolutions, each of which ends in a pool, then three linear
    layers.

    Its attributes have the names that the layers have in Caffe: the convolutions
    (convolution.Conv3D) those of `config.stages()`; `fc6`, `fc7` and `fc8` (nnx.Linear). With
    `config.batch_norm` no convolution has a bias, and each has a norm (convnet.batch_norm) of its
    number: `norm3a` for `conv3a`. And `config`, which says what it is made of.
    """

    def __init__(self, config: C3DConfig, *, rngs: nnx.Rngs):
        """Linear layers start as LINEAR_INIT says, convolutions and norms as they do by themselves;
        if `config.start` is "authors", `start_as_the_authors` has the last word. `config.dtype` is
        the type of the arithmetic up to fc7.

        Raises:
            UserError: if a clip is too short or too small to be pooled so often.
        """
        self.config = config
        dtype, walk = jnp.dtype(config.dtype), shape_walk(config)
        channels = 3
        for names, filters in zip(config.stages(), config.widths, strict=True):
            for name in names:
                conv = convolution.Conv3D(
                    channels, filters, bias=not config.batch_norm, dtype=dtype, rngs=rngs
                )
                setattr(self, name, conv)
                if config.batch_norm:
                    norm = convnet.batch_norm(filters, dtype=dtype, rngs=rngs)
                    setattr(self, _norm_of(name), norm)
                channels = filters
        settings = dict(kernel_init=LINEAR_INIT, rngs=rngs)
        features = math.prod(walk[-4].shape)
        self.fc6 = nnx.Linear(features, config.fc_dim, dtype=dtype, **settings)
        self.fc7 = nnx.Linear(config.fc_dim, config.fc_dim, dtype=dtype, **settings)
        self.fc8 = nnx.Linear(config.fc_dim, config.num_classes, **settings)
        self.dropout = layers.Dropout(config.dropout)
        if config.start == "authors":
            start_as_the_authors(self, rngs)

    def __call__(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of normalised clips, in float32: all stages, then fc6 and fc7, each with ReLU and
        dropout behind it, then fc8.

        What the last pool leaves of a clip is one vector for fc6, place after place, the channels
        of a place together. The mask is ignored: a convolution sees whole stretches of time. Frames
        that pad a short clip repeat its last one, so that they are seen as a clip that has come to
        rest.

        Raises:
            UserError: if the clip is not `num_frames` long or not `image_size` pixels wide and
                high, which fc6 was made for.
        """
        del mask
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)
        video = inputs
        for number in range(1, len(self.config.widths) + 1):
            video = self.stage(number, video)
        features = video.reshape(video.shape[0], -1)
        for layer in (self.fc6, self.fc7):
            features = self.dropout(jax.nn.relu(layer(features)), rngs=rngs)
        return self.fc8(features.astype(jnp.float32))

    def stage(
        self, number: int, video: Float[Array, "batch time height width channel"]
    ) -> Float[Array, "batch new_time new_height new_width filter"]:
        """The convolutions of a stage, the first stage being 1, each with its norm, if there is
        one, and ReLU; then the pool, `config.pool`.
        """
        *before, last = self.config.stages()[number - 1]
        for name in before:
            video = jax.nn.relu(self._normalise(name, getattr(self, name)(video)))
        window, padding = self.config.pool(number, video.shape[2])
        # Bias and ReLU come after the pool, of fewer numbers: the largest stays the largest when
        # all get the same bias, and through ReLU. A norm may turn the order round: it comes first.
        layer = getattr(self, last)
        filtered = self._normalise(last, layer.filter(video))
        return jax.nn.relu(layer.shift(convolution.max_pool(filtered, window, padding)))

    def _normalise(self, name, video):
        return getattr(self, _norm_of(name))(video) if self.config.batch_norm else video


def _norm_of(conv):
    return conv.replace("conv", "norm")


def create(config: C3DConfig, *, rngs: nnx.Rngs) -> nnx.Module:
    """A fresh model: of the class that bears the name C3D when this is called, a learner's too."""
    return C3D(config, rngs=rngs)
