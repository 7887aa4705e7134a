"""Wrong answers for the exercises of flaxvid.models.convolution."""

import jax
import jax.numpy as jnp
import numpy as np


# --- output_size --------------------------------------------------------------------------
def output_size_without_padding(size, window, stride=1, padding=(0, 0)):
    return max(0, (size - window) // stride + 1)


def output_size_padded_once(size, window, stride=1, padding=(0, 0)):
    return max(0, (size + padding[0] - window) // stride + 1)


def output_size_one_too_few(size, window, stride=1, padding=(0, 0)):
    return max(0, (size + sum(padding) - window) // stride)


def output_size_rounded_up(size, window, stride=1, padding=(0, 0)):  # as Caffe's pools do
    return max(0, -(-(size + sum(padding) - window) // stride) + 1)


def output_size_below_nothing(size, window, stride=1, padding=(0, 0)):
    return (size + sum(padding) - window) // stride + 1


def output_size_stride_alone(size, window, stride=1, padding=(0, 0)):
    return (size + sum(padding)) // stride


# --- conv_by_frames -----------------------------------------------------------------------
def _convolve(frames, kernel):
    axes = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(frames, kernel, (1, 1), "SAME", dimension_numbers=axes)


def _sum(video, kernel, shifted):
    batch, time, height, width, _ = video.shape
    total = sum(
        _convolve(shifted(i).reshape(batch * time, height, width, -1), tap)
        for i, tap in enumerate(kernel)
    )
    return total.reshape(batch, time, height, width, -1)


def _padded(video, size):
    return jnp.pad(video, ((0, 0), ((size - 1) // 2, size // 2), (0, 0), (0, 0), (0, 0)))


def conv_by_frames_with_time_turned_round(video, kernel):  # a convolution, as mathematics has it
    padded = _padded(video, len(kernel))
    return _sum(video, kernel[::-1], lambda i: padded[:, i : i + video.shape[1]])


def conv_by_frames_in_a_circle(video, kernel):
    return _sum(video, kernel, lambda i: jnp.roll(video, (len(kernel) - 1) // 2 - i, axis=1))


def conv_by_frames_looking_back(video, kernel):
    before = ((0, 0), (len(kernel) - 1, 0), (0, 0), (0, 0), (0, 0))
    padded = jnp.pad(video, before)
    return _sum(video, kernel, lambda i: padded[:, i : i + video.shape[1]])


def conv_by_frames_across_clips(video, kernel):  # all frames of the batch in one row
    batch, time, height, width, _ = video.shape
    frames = video.reshape(1, batch * time, height, width, -1)
    padded = _padded(frames, len(kernel))
    joined = _sum(frames, kernel, lambda i: padded[:, i : i + batch * time])
    return joined.reshape(batch, time, height, width, -1)


def conv_by_frames_of_single_frames(video, kernel):
    return _sum(video, kernel, lambda i: video)


def conv_by_frames_repeating_the_ends(video, kernel):
    size = len(kernel)
    around = ((0, 0), ((size - 1) // 2, size // 2), (0, 0), (0, 0), (0, 0))
    padded = jnp.pad(video, around, mode="edge")
    return _sum(video, kernel, lambda i: padded[:, i : i + video.shape[1]])


def conv_by_frames_only_whole_windows(video, kernel):
    batch, time, height, width, _ = video.shape
    inside = time - len(kernel) + 1
    total = sum(
        _convolve(video[:, i : i + inside].reshape(batch * inside, height, width, -1), tap)
        for i, tap in enumerate(kernel)
    )
    return total.reshape(batch, inside, height, width, -1)


def conv_by_frames_of_zeros_and_slices(video, kernel):  # longer where the clip is shorter
    before, shifted = (len(kernel) - 1) // 2, []
    for shift in range(-before, len(kernel) - before):
        zeros = jnp.repeat(jnp.zeros_like(video[:, :1]), abs(shift), axis=1)
        parts = [zeros, video[:, :shift]] if shift < 0 else [video[:, shift:], zeros]
        shifted.append(jnp.concatenate(parts, axis=1))
    return _sum(video, kernel, lambda i: shifted[i])


def conv_by_frames_in_float32(video, kernel):
    padded = _padded(video.astype(jnp.float32), len(kernel))
    kernel = kernel.astype(jnp.float32)
    return _sum(video, kernel, lambda i: padded[:, i : i + video.shape[1]])


# --- he_normal ----------------------------------------------------------------------------
def he_normal_with_its_tails_cut(key, shape, dtype=jnp.float32):
    return jax.nn.initializers.he_normal()(key, shape, dtype)


def he_normal_by_fan_out(key, shape, dtype=jnp.float32):
    return jax.random.normal(key, shape, dtype) * np.sqrt(2 / shape[-1]).astype(dtype)


def he_normal_by_channels(key, shape, dtype=jnp.float32):  # without the window
    return jax.random.normal(key, shape, dtype) * np.sqrt(2 / shape[-2]).astype(dtype)


def he_normal_without_the_two(key, shape, dtype=jnp.float32):  # LeCun's
    return jax.random.normal(key, shape, dtype) * np.sqrt(1 / np.prod(shape[:-1])).astype(dtype)


def he_normal_variance_for_deviation(key, shape, dtype=jnp.float32):
    return jax.random.normal(key, shape, dtype) * np.asarray(2 / np.prod(shape[:-1]), dtype)


def he_normal_always_the_same(key, shape, dtype=jnp.float32):
    noise = jax.random.normal(jax.random.key(0), shape, dtype)
    return noise * np.sqrt(2 / np.prod(shape[:-1])).astype(dtype)


def he_normal_always_float32(key, shape, dtype=jnp.float32):
    return jax.random.normal(key, shape) * float(np.sqrt(2 / np.prod(shape[:-1])))


def he_normal_of_filters_alike(key, shape, dtype=jnp.float32):
    drawn = jax.random.normal(key, (*shape[:-1], 1), dtype)
    return jnp.broadcast_to(drawn, shape) * float(np.sqrt(2 / np.prod(shape[:-1])))


def he_normal_made_to_fit(key, shape, dtype=jnp.float32):  # as if a sample were its distribution
    drawn = jax.random.normal(key, shape)
    drawn = (drawn - drawn.mean()) / drawn.std()
    return (drawn * float(np.sqrt(2 / np.prod(shape[:-1])))).astype(dtype)


def he_normal_cut_far_out(key, shape, dtype=jnp.float32):
    noise = jnp.clip(jax.random.normal(key, shape, dtype), -3.5, 3.5)
    return noise * np.sqrt(2 / np.prod(shape[:-1])).astype(dtype)
