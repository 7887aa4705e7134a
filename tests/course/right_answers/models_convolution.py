"""Right answers for the exercises of flaxvid.models.convolution, in other ways."""

import math

import jax
import jax.numpy as jnp
import numpy as np


# --- output_size ------------------------------------------------------------------------
def output_size_by_counting(size, window, stride=1, padding=(0, 0)):
    return len(range(0, size + padding[0] + padding[1] - window + 1, stride))


def output_size_by_a_condition(size, window, stride=1, padding=(0, 0)):
    room = size + sum(padding) - window
    return 0 if room < 0 else room // stride + 1


def output_size_in_a_loop(size, window, stride=1, padding=(0, 0)):
    places, start = 0, -padding[0]
    while start + window <= size + padding[1]:
        places, start = places + 1, start + stride
    return places


# --- conv_by_frames ---------------------------------------------------------------------
def _images(frames, kernel):
    return jax.lax.conv_general_dilated(
        frames, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def conv_by_frames_tap_by_tap(video, kernel):
    taps, (batch, time, height, width, channel) = len(kernel), video.shape
    around = ((0, 0), ((taps - 1) // 2, taps // 2), (0, 0), (0, 0), (0, 0))
    padded = jnp.pad(video, around)
    total = 0
    for tap in range(taps):
        frames = padded[:, tap : tap + time].reshape(-1, height, width, channel)
        total = total + _images(frames, kernel[tap])
    return total.reshape(batch, time, height, width, -1)


def conv_by_frames_stacked_in_channels(video, kernel):
    taps, (batch, time, height, width, channel) = len(kernel), video.shape
    around = ((0, 0), ((taps - 1) // 2, taps // 2), (0, 0), (0, 0), (0, 0))
    padded = jnp.pad(video, around)
    neighbours = jnp.stack([padded[:, tap : tap + time] for tap in range(taps)], axis=-2)
    images = neighbours.reshape(batch * time, height, width, taps * channel)
    joined = jnp.moveaxis(kernel, 0, 2).reshape(*kernel.shape[1:3], taps * channel, -1)
    return _images(images, joined).reshape(batch, time, height, width, -1)


def conv_by_frames_after_all_taps(video, kernel):  # filtered first, then shifted and added
    taps, (batch, time, height, width, channel) = len(kernel), video.shape
    before = (taps - 1) // 2
    images = video.reshape(-1, height, width, channel)
    total = jnp.zeros((batch, time, height, width, kernel.shape[-1]), video.dtype)
    for tap in range(taps):
        filtered = _images(images, kernel[tap]).reshape(total.shape)
        shift = tap - before
        for t in range(time):
            if 0 <= t + shift < time:
                total = total.at[:, t].add(filtered[:, t + shift])
    return total


# --- he_normal --------------------------------------------------------------------------
def he_normal_by_hand(key, shape, dtype=jnp.float32):
    return jax.random.normal(key, shape, dtype) * math.sqrt(2 / math.prod(shape[:-1]))


def he_normal_cast_at_the_end(key, shape, dtype=jnp.float32):
    fan_in = int(np.prod(shape)) // shape[-1]
    return (jax.random.normal(key, shape) * (2 / fan_in) ** 0.5).astype(dtype)


def he_normal_by_orders(key, shape, dtype=jnp.float32):
    fan_in = 1
    for size in shape[:-1]:
        fan_in *= size
    return jnp.asarray((2 / fan_in) ** 0.5, dtype) * jax.random.normal(key, shape, dtype=dtype)
