"""Decoded frames to what a model sees: resize, crop, flip on the host, normalise on the device.

Pixels stay uint8 until they are on the device: a quarter of the bytes to move, and one place where
channel order, scale, mean and standard deviation are applied, the same in training and prediction.
"""

import cv2
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, UInt8

from flaxvid import errors
from flaxvid.video import augment, preprocess

Frames = UInt8[np.ndarray, "time height width 3"]


def resize(
    frames: Frames, size: tuple[int, int]
) -> UInt8[np.ndarray, "time new_height new_width 3"]:
    """Resizes every frame to (height, width) pixels; frames of that size already come back as is.

    Smaller by averaging over areas (`cv2.INTER_AREA`), because interpolation would skip pixels
    and leave patterns that were not there; larger by linear interpolation (`cv2.INTER_LINEAR`).
    """
    time, old_height, old_width, _ = frames.shape
    height, width = size
    if (height, width) == (old_height, old_width):
        return frames
    smaller = height * width < old_height * old_width
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    resized = np.empty((time, height, width, 3), np.uint8)
    for frame, target in zip(frames, resized, strict=True):
        cv2.resize(frame, (width, height), dst=target, interpolation=interpolation)
    return resized


def resize_short_side(
    frames: Frames, size: int
) -> UInt8[np.ndarray, "time new_height new_width 3"]:
    """Resizes so that the shorter side has `size` pixels and the shape of things stays.

    The longer side is rounded down, as SlowFast and TimeSformer do.
    """
    height, width = frames.shape[1:3]
    short_side = min(height, width)
    return resize(frames, (height * size // short_side, width * size // short_side))


def crop(
    frames: Frames, top: int, left: int, size: int
) -> UInt8[np.ndarray, "time {size} {size} 3"]:
    """Cuts the same square of `size` pixels out of every frame, without copying.

    Raises:
        ValueError: if the square is not all inside the frame.
    """
    height, width = frames.shape[1:3]
    if not (0 <= top <= height - size and 0 <= left <= width - size):
        raise ValueError(
            f"a crop of {size} pixels at row {top}, column {left} is not in a frame of "
            f"{height}x{width}"
        )
    return frames[:, top : top + size, left : left + size]


def center_crop(frames: Frames, size: int) -> UInt8[np.ndarray, "time {size} {size} 3"]:
    """Cuts out the middle square; with an odd margin, the pixel over is at the bottom or right.

    Raises:
        ValueError: if the frames are smaller than `size`.
    """
    height, width = frames.shape[1:3]
    return crop(frames, (height - size) // 2, (width - size) // 2, size)


def random_crop(
    frames: Frames, size: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "time {size} {size} 3"]:
    """Cuts out a square at random, the same one in all frames: the camera must not jump.

    Raises:
        ValueError: if the frames are smaller than `size`.
    """
    height, width = frames.shape[1:3]
    if size > min(height, width):
        raise ValueError(f"no crop of {size} pixels fits in a frame of {height}x{width}")
    top = int(rng.integers(height - size + 1))
    left = int(rng.integers(width - size + 1))
    return crop(frames, top, left, size)


def three_crops(frames: Frames, size: int) -> UInt8[np.ndarray, "3 time {size} {size} 3"]:
    """Cuts out three squares along the longer side: first end, middle, other end.

    Left, centre and right of a wide video, top, centre and bottom of an upright one; centred
    on the shorter side. Class probabilities are averaged over the three.

    Raises:
        ValueError: if the frames are smaller than `size`.

    Source: Bertasius et al., "Is Space-Time Attention All You Need for Video Understanding?"
    (2021), section 4: testing with 3 spatial crops.
    """
    height, width = frames.shape[1:3]
    down, right = height - size, width - size
    if width >= height:
        corners = [(down // 2, left) for left in (0, right // 2, right)]
    else:
        corners = [(top, right // 2) for top in (0, down // 2, down)]
    return np.stack([crop(frames, top, left, size) for top, left in corners])


def flip_horizontal(frames: Frames) -> Frames:
    """Mirrors every frame, left to right, without copying."""
    return frames[:, :, ::-1]


def train_clip(
    frames: Frames, preprocessing: preprocess.Preprocessing, rng: np.random.Generator
) -> UInt8[np.ndarray, "time size size 3"]:
    """One clip as training sees it: resized, cropped and perhaps mirrored at random.

    Every choice is drawn once for the whole clip: what moves in it moved in the video.
    """
    if preprocessing.jitter is None:
        frames = _resized(frames, preprocessing)
    else:
        smallest, largest = preprocessing.jitter
        frames = resize_short_side(frames, int(rng.integers(smallest, largest + 1)))
    frames = random_crop(frames, preprocessing.crop_size, rng)
    if preprocessing.flip and rng.random() < 0.5:
        frames = flip_horizontal(frames)
    return augment.random_changes(frames, rng, preprocessing.augment, preprocessing.magnitude)


def test_clips(
    frames: Frames,
    preprocessing: preprocess.Preprocessing,
    num_crops: int = 1,
) -> UInt8[np.ndarray, "{num_crops} time size size 3"]:
    """The clips of which evaluation averages the probabilities: the centre crop, or `three_crops`.

    Args:
        frames: decoded frames.
        preprocessing: the model's.
        num_crops: 1 or 3.

    Raises:
        UserError: if `num_crops` is another number.
    """
    frames = _resized(frames, preprocessing)
    if num_crops == 1:
        return center_crop(frames, preprocessing.crop_size)[None]
    if num_crops == 3:
        return three_crops(frames, preprocessing.crop_size)
    raise errors.UserError(f"num_crops is {num_crops}: give 1 or 3")


def normalise(
    video: UInt8[Array, "*batch height width 3"], preprocessing: preprocess.Preprocessing
) -> Float32[Array, "*batch height width 3"]:
    """RGB pixels to the numbers a model expects, (pixel * scale - mean) / std, on the device.

    It can be traced: `preprocessing` is static and is part of the compiled program.

    Args:
        video: RGB pixels, 0 to 255; any axes before the last three.
        preprocessing: channel order, scale, mean and std are used.
    """
    if video.dtype != jnp.uint8:
        raise TypeError(f"normalise takes uint8 pixels, not {video.dtype}: was it done already?")
    if preprocessing.channel_order == "bgr":
        video = video[..., ::-1]
    other_axes = tuple(range(video.ndim - 1))
    mean = jnp.expand_dims(jnp.array(preprocessing.mean, jnp.float32), other_axes)
    std = jnp.expand_dims(jnp.array(preprocessing.std, jnp.float32), other_axes)
    return (video.astype(jnp.float32) * preprocessing.scale - mean) / std


def less_clip_mean(
    clips: Float32[Array, "batch time height width 3"], mask: Bool[Array, "batch time"]
) -> Float32[Array, "batch time height width 3"]:
    """Each pixel less its mean over the real frames of its clip; padding becomes 0."""
    real = mask[:, :, None, None, None]
    mean = jnp.mean(clips, axis=1, keepdims=True, where=real)
    return jnp.where(real, clips - mean, 0)


def _resized(
    frames: Frames, preprocessing: preprocess.Preprocessing
) -> UInt8[np.ndarray, "time new_height new_width 3"]:
    """The size that `preprocessing.resize` asks for, outside of training's jitter."""
    if isinstance(preprocessing.resize, int):
        return resize_short_side(frames, preprocessing.resize)
    return resize(frames, preprocessing.resize)
