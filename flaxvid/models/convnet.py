"""The pieces that the image networks share: convolution, BatchNorm, pooling; all `NHWC`."""

import jax.numpy as jnp
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
    groups: int = 1,
    padding: str | None = None,
    dtype=None,
    rngs: nnx.Rngs,
) -> nnx.Conv:
    """A square convolution without bias, as a BatchNorm follows or precedes it.

    It is padded by `size // 2` on every side, as in PyTorch, or by `padding`: TensorFlow's `SAME`
    puts the odd pixel of a strided convolution at the bottom and right.
    """
    return nnx.Conv(
        in_dim,
        out_dim,
        (size, size),
        strides=stride,
        padding=padding or size // 2,
        feature_group_count=groups,
        use_bias=False,
        kernel_init=HE,
        dtype=dtype,
        rngs=rngs,
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
