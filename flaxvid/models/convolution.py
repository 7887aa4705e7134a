"""Convolution and max-pooling over time, height and width, fast on every platform.

XLA's convolution over three axes is several times too slow on a CPU, and in half precision on an
NVIDIA GPU it is slower than over two. There the same sum is taken by convolutions over fewer axes.
A training step of C3D in bfloat16, batch 32, on an H200: 24.8 ms over three axes, 15.2 ms by frames
(tests/benchmarks/accelerator.py). Which one runs is settled when a program is lowered for its
platform; all give the same numbers. Pooling is the same everywhere.
"""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

Video = Float[Array, "batch time height width channel"]
Kernel = Float[Array, "kernel_time kernel_height kernel_width channel filter"]
Filtered = Float[Array, "batch time height width filter"]
Pooled = Float[Array, "batch new_time new_height new_width channel"]
Padding = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
NO_PADDING: Padding = ((0, 0), (0, 0), (0, 0))


def output_size(size: int, window: int, stride: int = 1, padding: tuple[int, int] = (0, 0)) -> int:
    """How many places a window of a convolution or a pooling takes along one axis.

    The window starts at the first place and moves on by `stride` as long as all of it is inside;
    what is left over at the end is dropped.

    Args:
        size: of the axis, in frames or pixels.
        window: of the kernel or the pool, likewise; at least 1.
        stride: from one place of the window to the next; at least 1.
        padding: added before the first and after the last.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016),
    relationships 5 and 6.
    """
    return max(0, (size + sum(padding) - window) // stride + 1)


def he_normal(key: Array, shape: tuple[int, ...], dtype=jnp.float32) -> Array:
    """Draws a kernel whose layer keeps the size of its activations through a ReLU.

    Normal, with mean 0 and variance 2 / fan_in, where fan_in is how many numbers make one output:
    all axes of the kernel but the last, multiplied. The 2 makes up for the half that a ReLU takes.

    Source: He et al., "Delving Deep into Rectifiers" (2015), eq. 10; PyTorch's `kaiming_normal_`.
    """
    return nnx.initializers.variance_scaling(2.0, "fan_in", "normal")(key, shape, dtype)


def as_matrix(init: Callable) -> Callable:
    """A start by fan-in whose kernels are drawn as matrices, fan_in x filters, and then shaped.

    The numbers are the same. But XLA takes eight times as long to compile a draw over five axes as
    one over two, more than two seconds for each shape on one core, and four times over four axes.
    """

    def shaped(key: Array, shape: tuple[int, ...], dtype=jnp.float32) -> Array:
        return init(key, (math.prod(shape[:-1]), shape[-1]), dtype).reshape(shape)

    return shaped


def conv_by_frames(video: Video, kernel: Kernel) -> Filtered:
    """A convolution over time, height and width as one over height and width of single frames.

    Every frame gets its neighbours in time laid beside it in the channels, zeros where the clip
    has none; the kernel gets the same order. The result is as long, high and wide as `video`:
    of the zeros around it, the one over stands at the end if a kernel is even.
    """
    batch, time, height, width, _ = video.shape
    neighbours = jnp.concatenate(_shifted(video, kernel.shape[0], axis=1), axis=-1)
    frames = neighbours.reshape(batch * time, height, width, -1)
    taps = jnp.concatenate(list(kernel), axis=-2)
    filtered = _convolve(frames, taps, "NHWC", "HWIO")
    return filtered.reshape(batch, time, height, width, -1)


def conv_by_rows(video: Video, kernel: Kernel) -> Filtered:
    """The same with the neighbours in time and in height laid beside every row of pixels."""
    batch, time, height, width, _ = video.shape
    neighbours = [
        rows
        for frames in _shifted(video, kernel.shape[0], axis=1)
        for rows in _shifted(frames, kernel.shape[1], axis=2)
    ]
    rows = jnp.concatenate(neighbours, axis=-1).reshape(batch * time * height, width, -1)
    taps = jnp.concatenate([tap for taps in kernel for tap in taps], axis=-2)
    return _convolve(rows, taps, "NWC", "WIO").reshape(batch, time, height, width, -1)


def conv_native(video: Video, kernel: Kernel) -> Filtered:
    """The same as one convolution of XLA over three axes."""
    return _convolve(video, kernel, "NDHWC", "DHWIO")


@jax.custom_vjp
def conv3d(video: Video, kernel: Kernel) -> Filtered:
    """Convolves over time, height and width, with stride 1 and zeros around.

    As in all deep learning, the kernel is not turned round: this is a cross-correlation. The
    result is as long, high and wide as `video`. It has a gradient, but no forward-mode one.

    Source: Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks" (2015),
    section 3.1.
    """
    return jax.lax.platform_dependent(
        video, kernel, cpu=conv_by_frames, cuda=_on_nvidia(video), default=conv_native
    )


def _on_nvidia(video):
    return conv_by_frames if video.dtype.itemsize == 2 else conv_native


def _conv3d_forward(video, kernel):
    return conv3d(video, kernel), (video, kernel)


def _conv3d_backward(inputs, cotangent):
    def gradient_of(conv):
        return lambda video, kernel, cotangent: jax.vjp(conv, video, kernel)[1](cotangent)

    # By rows, because a kernel's gradient over whole frames is twice as slow where they are large.
    return jax.lax.platform_dependent(
        *inputs,
        cotangent,
        cpu=gradient_of(conv_by_rows),
        cuda=gradient_of(_on_nvidia(inputs[0])),
        default=gradient_of(conv_native),
    )


conv3d.defvjp(_conv3d_forward, _conv3d_backward)


class Conv3D(nnx.Module):
    """A convolution of 3 frames by 3 x 3 pixels that keeps the size of a clip."""

    def __init__(self, channels: int, filters: int, *, bias: bool = True, dtype=None, rngs):
        self.dtype = dtype
        start = as_matrix(he_normal)
        self.kernel = nnx.Param(start(rngs.params(), (3, 3, 3, channels, filters)))
        self.bias = nnx.Param(jnp.zeros(filters)) if bias else None

    def __call__(self, video: Video) -> Filtered:
        return self.shift(self.filter(video))

    def filter(self, video: Video) -> Filtered:
        """The convolution without its bias."""
        video = video.astype(self.dtype)
        return conv3d(video, self.kernel.astype(video.dtype))

    def shift(self, filtered: Filtered) -> Filtered:
        """Adds the bias, if there is one."""
        if self.bias is None:
            return filtered
        return filtered + jnp.expand_dims(self.bias.astype(filtered.dtype), (0, 1, 2, 3))


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def max_pool(video: Video, window: tuple[int, int, int], padding: Padding = NO_PADDING) -> Pooled:
    """The largest value of every window of (time, height, width), windows side by side.

    Padding never wins; what does not fill a window at the end is dropped; NaN wins. Of equal
    values the first gets the gradient, as in PyTorch: for the backward pass each window keeps
    one byte, which of its places it was. It has a gradient, but no forward-mode one.

    XLA's own pooling looks for the winners again in the backward pass. In a step of C3D that takes
    longer than this on a CPU (where comparing axis by axis does too) and on an H200.
    """
    return _first_largest(_windows(video, window, padding))[0]


def _max_pool_forward(video, window, padding):
    pooled, winner = _first_largest(_windows(video, window, padding))
    return pooled, (winner, jnp.zeros((0, *video.shape[1:4])))


def _max_pool_backward(window, padding, kept, cotangent):
    winner, like = kept
    spread = (slice(None), slice(None), None, slice(None), None, slice(None), None)
    place = np.arange(math.prod(window), dtype=np.int8).reshape(1, 1, *_between(window), 1)
    slope = jnp.where(winner[spread] == place, cotangent[spread], 0)
    whole = tuple(n * k for n, k in zip(winner.shape[1:4], window, strict=True))
    slope = slope.reshape(winner.shape[0], *whole, winner.shape[-1])
    # What no window took has no gradient; what the padding has is nobody's.
    sides = zip(like.shape[1:4], whole, padding, strict=True)
    around = [(-before, size + before - taken) for size, taken, (before, _) in sides]
    zero = jnp.zeros((), slope.dtype)
    return (jax.lax.pad(slope, zero, [(0, 0, 0), *((*side, 0) for side in around), (0, 0, 0)]),)


max_pool.defvjp(_max_pool_forward, _max_pool_backward)


def _between(window):
    """(2, 3, 4) as (2, 1, 3, 1, 4): a window's axes stand behind those they are cut from."""
    time, height, width = window
    return time, 1, height, 1, width


def _windows(video, window, padding):
    """Every window's values, one array for each place in it, from the first to the last."""
    video = jnp.pad(video, ((0, 0), *padding, (0, 0)), constant_values=-jnp.inf)
    sizes = zip(video.shape[1:4], window, strict=True)
    time, height, width = (output_size(size, k, stride=k) for size, k in sizes)
    batch, channel = video.shape[0], video.shape[-1]
    whole = video[:, : time * window[0], : height * window[1], : width * window[2]]
    cut = whole.reshape(batch, time, window[0], height, window[1], width, window[2], channel)
    return [cut[:, :, t, :, h, :, w] for t, h, w in np.ndindex(*window)]


def _first_largest(candidates):
    """The largest of several arrays, place by place, and which it was: of equals the first."""
    largest, winner = candidates[0], jnp.zeros(candidates[0].shape, jnp.int8)
    for number, candidate in enumerate(candidates[1:], start=1):
        stays = (largest >= candidate) | jnp.isnan(largest)
        largest = jnp.where(stays, largest, candidate)
        winner = jnp.where(stays, winner, jnp.int8(number))
    return largest, winner


def pool_native(video: Video, window: tuple[int, int, int], padding: Padding) -> Pooled:
    """`max_pool` as one operation of XLA."""
    size, around = (1, *window, 1), ((0, 0), *padding, (0, 0))
    return jax.lax.reduce_window(video, -jnp.inf, jax.lax.max, size, size, around)


def _shifted(video, window, axis):
    """`window` copies, in each of which another neighbour along `axis` stands at every place."""
    size = video.shape[axis]
    around = [(0, 0)] * video.ndim
    around[axis] = ((window - 1) // 2, window // 2)
    padded = jnp.pad(video, around)
    return [jax.lax.slice_in_dim(padded, i, i + size, axis=axis) for i in range(window)]


def _convolve(inputs, kernel, inputs_axes, kernel_axes):
    strides = (1,) * (inputs.ndim - 2)
    axes = (inputs_axes, kernel_axes, inputs_axes)
    return jax.lax.conv_general_dilated(inputs, kernel, strides, "SAME", dimension_numbers=axes)
