"""The pieces that the image networks share: convolution, BatchNorm, pooling; all `NHWC`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

Images = Float[Array, "batch height width channel"]
Maps = Float[Array, "batch new_height new_width new_channel"]

# He et al., "Delving Deep into Rectifiers" (2015), eq. 14, by fan-out as their ResNets start.
HE = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")


def conv(
    in_dim: int,
    out_dim: int,
    size: int,
    *,
    stride: int = 1,
    padding: str | None = None,
    dtype=None,
    rngs: nnx.Rngs,
) -> nnx.Conv:
    """A square convolution without bias, as a BatchNorm follows or precedes it.

    It is padded by `size // 2` on every side, as in PyTorch, or by `padding`: TensorFlow's `SAME`
    puts the odd pixel of a strided convolution at the bottom and right.
    """
    return (Pointwise if size == 1 else nnx.Conv)(
        in_dim,
        out_dim,
        (size, size),
        strides=stride,
        padding=padding or size // 2,
        use_bias=False,
        kernel_init=HE,
        dtype=dtype,
        rngs=rngs,
    )


class Pointwise(nnx.Conv):
    """A convolution of one pixel: the same matrix product for every place.

    Computed as that: on a CPU, XLA's convolution of DenseNet121's takes 1.3 to 4.5 times as long.
    """

    def __call__(self, images: Images) -> Maps:
        images, kernel = self.promote_dtype((images, self.kernel[...]), dtype=self.dtype)
        places = images[:, :: self.strides, :: self.strides]
        rows = places.reshape(-1, places.shape[-1]) @ kernel[0, 0]
        return rows.reshape(*places.shape[:-1], rows.shape[-1])


class Depthwise(nnx.Module):
    """A filter of its own for every channel, padded as TensorFlow's SAME.

    On a CPU it is a sum over the places of the kernel: XLA's own takes 7 to 100 times as long there
    (EfficientNet-Lite0's layers at 112 pixels, two cores).
    """

    def __init__(self, dim: int, size: int, *, stride: int = 1, dtype=None, rngs: nnx.Rngs):
        self.kernel = nnx.Param(HE(rngs.params(), (size, size, 1, dim)))
        self.stride, self.dtype = stride, dtype

    def __call__(self, images: Images) -> Float[Array, "batch new_height new_width channel"]:
        kernel = self.kernel[...]
        if self.dtype is not None:
            images, kernel = images.astype(self.dtype), kernel.astype(self.dtype)
        by_places = functools.partial(depthwise_by_places, stride=self.stride)
        by_xla = functools.partial(depthwise_by_xla, stride=self.stride)
        return jax.lax.platform_dependent(images, kernel, cpu=by_places, default=by_xla)


def depthwise_by_places(
    images: Images, kernel: Float[Array, "size size 1 channel"], stride: int
) -> Float[Array, "batch new_height new_width channel"]:
    """A depthwise convolution as the sum of the moved images, each times its weights."""
    height, width = images.shape[1:3]
    size, strides = kernel.shape[:2], (stride, stride)
    padding = jax.lax.padtype_to_pads((height, width), size, strides, "SAME")
    padded = jnp.pad(images, ((0, 0), *padding, (0, 0)))
    tall, wide = (stride * (-(-length // stride) - 1) + 1 for length in (height, width))
    return sum(
        padded[:, row : row + tall : stride, column : column + wide : stride]
        * kernel[row, column][None, None]
        for row, column in np.ndindex(size)
    )


def depthwise_by_xla(
    images: Images, kernel: Float[Array, "size size 1 channel"], stride: int
) -> Float[Array, "batch new_height new_width channel"]:
    """The same as one grouped convolution."""
    return jax.lax.conv_general_dilated(
        images,
        kernel,
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=images.shape[-1],
    )


def batch_norm(
    dim: int, *, momentum: float = 0.9, epsilon: float = 1e-5, dtype=None, rngs: nnx.Rngs
) -> nnx.BatchNorm:
    """BatchNorm over all axes but the last, with PyTorch's constants unless others are given.

    `momentum` is the share of the running statistics that a training step keeps: PyTorch counts
    the other way, so that its 0.1 is 0.9 here.

    Source: Ioffe and Szegedy, "Batch Normalization" (2015), algorithm 1.
    """
    return nnx.BatchNorm(
        dim,
        momentum=momentum,
        epsilon=epsilon,
        use_fast_variance=False,
        dtype=dtype,
        rngs=rngs,
    )


def max_pool(images: Images) -> Float[Array, "batch new_height new_width channel"]:
    """The largest of every 3x3 square, two pixels apart, one pixel over the edge."""
    return nnx.max_pool(images, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))


def global_average_pool(
    images: Float[Array, "batch height width channel"],
) -> Float[Array, "batch channel"]:
    """The mean of every channel over all places: what is there, and no longer where.

    Source: Lin et al., "Network In Network" (2014), section 3.2.
    """
    return jnp.mean(images, axis=(1, 2))


def grid_average_pool(
    images: Float[Array, "batch height width channel"], grid: int
) -> Float[Array, "batch places_channel"]:
    """The mean of every channel in each cell of a grid: what is there, and roughly where.

    Cells go row by row, and in each its channels stand together (`places_channel` = grid x grid x
    channel). Where the places do not divide into the cells, neighbouring cells share some, as in
    PyTorch's adaptive pooling; a grid finer than the maps repeats places.
    """
    rows, columns = (_cells(size, grid) for size in images.shape[1:3])
    pooled = jnp.einsum("gh,bhwc,kw->bgkc", rows, images, columns)
    return pooled.reshape(len(images), -1)


def _cells(size, grid):
    """For each cell, the share of every place in its mean: `grid size`."""
    shares = np.zeros((grid, size), np.float32)
    for cell in range(grid):
        first, stop = cell * size // grid, -(-(cell + 1) * size // grid)
        shares[cell, first:stop] = 1 / (stop - first)
    return shares
