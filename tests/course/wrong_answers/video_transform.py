"""Wrong answers for the exercises of flaxvid.video.transform."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from flaxvid.video import transform


# --- center_crop --------------------------------------------------------------------------
def center_crop_of_the_corner(frames, size):
    return frames[:, :size, :size]


def center_crop_axes_swapped(frames, size):
    height, width = frames.shape[1:3]
    return transform.crop(frames, (width - size) // 2, (height - size) // 2, size)


def center_crop_rounded_up(frames, size):
    height, width = frames.shape[1:3]
    return transform.crop(frames, (height - size + 1) // 2, (width - size + 1) // 2, size)


def center_crop_without_an_error(frames, size):
    height, width = frames.shape[1:3]
    top, left = max(0, (height - size) // 2), max(0, (width - size) // 2)
    return frames[:, top : top + size, left : left + size]


def center_crop_of_what_is_high_enough(frames, size):  # an upright frame may be too narrow
    height, width = frames.shape[1:3]
    if size > height:
        raise ValueError(f"{size} pixels do not fit in {height}")
    top, left = (height - size) // 2, max(0, (width - size) // 2)
    return frames[:, top : top + size, left : left + size]


# --- normalise --------------------------------------------------------------------------
def _normalise(video, preprocessing, turn=True, scale=True):
    if video.dtype != jnp.uint8:
        raise TypeError(f"uint8 pixels are wanted, not {video.dtype}")
    if turn and preprocessing.channel_order == "bgr":
        video = video[..., ::-1]
    axes = tuple(range(video.ndim - 1))
    mean, std = (
        jnp.expand_dims(jnp.array(numbers, jnp.float32), axes)
        for numbers in (preprocessing.mean, preprocessing.std)
    )
    return (video.astype(jnp.float32) * (preprocessing.scale if scale else 1 / 255) - mean) / std


def normalise_always_rgb(video, preprocessing):
    return _normalise(video, preprocessing, turn=False)


def normalise_always_by_255(video, preprocessing):  # C3D's pixels are not scaled
    return _normalise(video, preprocessing, scale=False)


def normalise_divided_before_it_is_shifted(video, preprocessing):  # pixel / std - mean
    zero = dataclasses.replace(preprocessing, mean=(0.0,) * 3)
    means = preprocessing.mean
    return _normalise(video, zero) - jnp.expand_dims(jnp.array(means), tuple(range(video.ndim - 1)))


def normalise_turned_at_last(video, preprocessing):  # with red's mean taken from blue
    output = _normalise(video, preprocessing, turn=False)
    return output[..., ::-1] if preprocessing.channel_order == "bgr" else output


def normalise_turned_along_all_axes(video, preprocessing):  # clips in each other's place
    turned = jnp.flip(video) if preprocessing.channel_order == "bgr" else video
    return _normalise(turned, preprocessing, turn=False)


def normalise_with_deviations_turned_round(video, preprocessing):
    if preprocessing.channel_order == "bgr":
        preprocessing = dataclasses.replace(preprocessing, std=preprocessing.std[::-1])
    return _normalise(video, preprocessing)


def normalise_by_the_first_mean(video, preprocessing):  # as if grey
    if video.dtype != jnp.uint8:
        raise TypeError
    scaled = video.astype(jnp.float32) * preprocessing.scale
    return (scaled - preprocessing.mean[0]) / preprocessing.std[0]


# --- three_crops ------------------------------------------------------------------------
def _three(frames, size, corners):
    return np.stack([transform.crop(frames, top, left, size) for top, left in corners])


def three_crops_always_left_to_right(frames, size):  # an upright video loses its ends
    height, width = frames.shape[1:3]
    top, right = (height - size) // 2, width - size
    return _three(frames, size, [(top, left) for left in (0, right // 2, right)])


def three_crops_along_the_shorter_side(frames, size):
    height, width = frames.shape[1:3]
    down, right = height - size, width - size
    if width < height:
        return _three(frames, size, [(down // 2, left) for left in (0, right // 2, right)])
    return _three(frames, size, [(top, right // 2) for top in (0, down // 2, down)])


def three_crops_at_the_top(frames, size):  # not in the middle of the height
    right = frames.shape[2] - size
    return _three(frames, size, [(0, left) for left in (0, right // 2, right)])


def three_crops_in_thirds(frames, size):  # neither end is seen
    height, width = frames.shape[1:3]
    down, right = height - size, width - size
    if width >= height:
        corners = [(down // 2, right * part // 4) for part in (1, 2, 3)]
    else:
        corners = [(down * part // 4, right // 2) for part in (1, 2, 3)]
    return _three(frames, size, corners)


def three_crops_without_an_error(frames, size):
    height, width = frames.shape[1:3]
    down, right = max(0, height - size), max(0, width - size)
    if width >= height:
        corners = [(down // 2, left) for left in (0, right // 2, right)]
    else:
        corners = [(top, right // 2) for top in (0, down // 2, down)]
    return np.stack([frames[:, top : top + size, left : left + size] for top, left in corners])


def three_crops_of_what_is_clearly_upright(frames, size):
    _, height, width, _ = frames.shape
    if min(height, width) < size:
        raise ValueError(f"a crop of {size} does not fit into {width}x{height}")
    down, across = height - size, width - size
    if height > 1.2 * width:
        places = [(0, across // 2), (down // 2, across // 2), (down, across // 2)]
    else:
        places = [(down // 2, 0), (down // 2, across // 2), (down // 2, across)]
    return np.stack([frames[:, a : a + size, b : b + size] for a, b in places])


# --- normalise, again -------------------------------------------------------------------
def normalise_of_anything(video, preprocessing):  # floats too: what is normalised, once more
    return _normalise(
        (video * (255 if video.dtype != jnp.uint8 else 1)).astype(jnp.uint8), preprocessing
    )


def normalise_of_all_whole_numbers(video, preprocessing):  # 16 bits taken for 8
    if jnp.issubdtype(video.dtype, jnp.floating):
        raise TypeError(f"uint8 pixels are wanted, not {video.dtype}")
    return _normalise(video.astype(jnp.uint8), preprocessing)


def normalise_of_batches_of_clips(video, preprocessing):  # five axes, no others
    output = _normalise(video, dataclasses.replace(preprocessing, channel_order="rgb"))
    if preprocessing.channel_order == "bgr":
        turned = _normalise(
            video[:, :, :, :, ::-1], dataclasses.replace(preprocessing, channel_order="rgb")
        )
        return turned
    return output


def normalise_in_numpy(video, preprocessing):  # cannot be traced
    if video.dtype != jnp.uint8:
        raise TypeError(f"uint8 pixels are wanted, not {video.dtype}")
    return _normalise(jnp.asarray(np.asarray(video)), preprocessing)


def normalise_with_five_axes(video, preprocessing):  # an image gets one that it did not have
    output = _normalise(video, preprocessing)
    return output if video.ndim > 3 else output[None]


def normalise_turned_along_axis_3(video, preprocessing):  # width, where there is a batch
    if preprocessing.channel_order == "bgr":
        axis = min(3, video.ndim - 1)
        return _normalise(jnp.flip(video, axis), preprocessing, turn=False)
    return _normalise(video, preprocessing)


def three_crops_twice_the_middle(frames, size):  # a pixel before the end, of an odd margin
    height, width = frames.shape[1:3]
    down, right = (height - size) // 2, (width - size) // 2
    if width >= height:
        return _three(frames, size, [(down, part * right) for part in (0, 1, 2)])
    return _three(frames, size, [(part * down, right) for part in (0, 1, 2)])


def normalise_along_an_axis_of_three(video, preprocessing):  # the rows of a frame, at times
    if video.dtype != jnp.uint8:
        raise TypeError(f"uint8 pixels are wanted, not {video.dtype}")
    if preprocessing.channel_order == "bgr":
        video = video[..., ::-1]
    mean, std = (jnp.array(numbers) for numbers in (preprocessing.mean, preprocessing.std))
    if video.shape[-3] == 3:
        mean, std = mean[:, None, None], std[:, None, None]
    return (video.astype(jnp.float32) * preprocessing.scale - mean) / std


def three_crops_rounded_up(frames, size):  # as round() and PyTorch's center_crop may
    height, width = frames.shape[1:3]
    down, right = height - size, width - size
    if width >= height:
        corners = [((down + 1) // 2, left) for left in (0, (right + 1) // 2, right)]
    else:
        corners = [(top, (right + 1) // 2) for top in (0, (down + 1) // 2, down)]
    return np.stack([transform.crop(frames, top, left, size) for top, left in corners])
