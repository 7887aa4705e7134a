"""Right answers for the exercises of flaxvid.video.transform, in other ways."""

import jax.numpy as jnp
import numpy as np

from flaxvid.video import transform


# --- center_crop ------------------------------------------------------------------------
def center_crop_by_slices(frames, size):
    _, height, width, _ = frames.shape
    if height < size or width < size:
        raise ValueError(f"no square of {size} in {height} x {width}")
    top, left = (height - size) // 2, (width - size) // 2
    return frames[:, top : top + size, left : left + size, :]


def center_crop_by_take(frames, size):
    starts = [(length - size) // 2 for length in frames.shape[1:3]]
    if min(starts) < 0 or min(frames.shape[1:3]) < size:
        raise ValueError(f"the frames are smaller than {size}")
    rows, columns = (start + np.arange(size) for start in starts)
    return frames[:, rows[:, None], columns[None, :]]


def center_crop_by_crop(frames, size):
    top, left = (int(np.floor((side - size) / 2)) for side in frames.shape[1:3])
    return transform.crop(frames, top, left, size)


# --- normalise --------------------------------------------------------------------------
def _refuse(video):
    if video.dtype != np.uint8:
        raise TypeError(f"uint8 is wanted, not {video.dtype}")


def normalise_by_broadcasting(video, preprocessing):
    _refuse(video)
    pixels = video[..., ::-1] if preprocessing.channel_order == "bgr" else video
    mean, std = jnp.asarray(preprocessing.mean), jnp.asarray(preprocessing.std)
    return (pixels.astype(jnp.float32) * preprocessing.scale - mean) / std


def normalise_channel_by_channel(video, preprocessing):
    _refuse(video)
    order = (2, 1, 0) if preprocessing.channel_order == "bgr" else (0, 1, 2)
    channels = [
        (video[..., source].astype(jnp.float32) * preprocessing.scale - mean) / std
        for source, mean, std in zip(order, preprocessing.mean, preprocessing.std, strict=True)
    ]
    return jnp.stack(channels, axis=-1)


def normalise_by_flip_and_where(video, preprocessing):
    _refuse(video)
    if preprocessing.channel_order != "rgb":
        video = jnp.flip(video, axis=-1)
    values = preprocessing.scale * jnp.asarray(video, jnp.float32)
    values = jnp.subtract(values, jnp.array(preprocessing.mean, jnp.float32))
    return jnp.divide(values, jnp.array(preprocessing.std, jnp.float32))


# --- three_crops ------------------------------------------------------------------------
def three_crops_by_linspace(frames, size):
    height, width = frames.shape[1:3]
    tops = [(height - size) // 2] * 3
    lefts = [0, (width - size) // 2, width - size]
    if height > width:
        tops, lefts = [0, (height - size) // 2, height - size], [(width - size) // 2] * 3
    crops = [transform.crop(frames, *corner, size) for corner in zip(tops, lefts, strict=True)]
    return np.stack(crops)


def three_crops_turned_on_their_side(frames, size):
    if frames.shape[1] > frames.shape[2]:
        turned = three_crops_turned_on_their_side(frames.swapaxes(1, 2), size)
        return turned.swapaxes(2, 3)
    top = (frames.shape[1] - size) // 2
    room = frames.shape[2] - size
    return np.stack([transform.crop(frames, top, left, size) for left in (0, room // 2, room)])


def three_crops_by_slices(frames, size):
    time, height, width, channels = frames.shape
    if min(height, width) < size:
        raise ValueError(f"a crop of {size} pixels fits in no frame of {height}x{width}")
    out = np.empty((3, time, size, size, channels), np.uint8)
    for place in range(3):
        down, right = ((side - size) * place // 2 for side in (height, width))
        top = down if height > width else (height - size) // 2
        left = (width - size) // 2 if height > width else right
        out[place] = frames[:, top : top + size, left : left + size]
    return out
