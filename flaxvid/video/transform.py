"""Decoded frames to what a model sees: resize, crop, flip on the host, normalise on the device.

Pixels stay uint8 until they are on the device: a quarter of the bytes to move, and one place where
channel order, scale, mean and standard deviation are applied, the same in training and prediction.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import cv2
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, UInt8

from flaxvid import errors, ranges
from flaxvid.video import augment

Frames = UInt8[np.ndarray, "time height width 3"]

TRAINING_ONLY = ("jitter", "flip", "augment", "magnitude")
"""Fields of `Preprocessing` that a clip for testing does not depend on."""
ADDED_LATER = {
    "augment",
    "magnitude",
    "sampling",
    "padding",
    "center",
}  # checkpoints from before them lack these: nothing changed


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """What happens between a decoded video and a model. It belongs to the model.

    It is stored in the checkpoint and read from there, so that training, evaluation and
    prediction cannot differ. The defaults are those of TimeSformer on Kinetics, without flips.
    """

    num_frames: int = 8
    """Frames in a clip; shorter videos are padded and masked."""
    stride: int | None = None
    """Frames from one sample to the next; None spreads the samples over the whole video."""
    sampling: Literal["spread", "interval"] = "spread"
    """Without a stride: the middles of equal parts, in training a random place in each; or, as
    tutorials do, every max(1, total // num_frames)-th frame from the first, in training too."""
    padding: Literal["repeat", "zeros", "zeros_unmasked"] = "repeat"
    """What fills up short clips: the last frame again, or black frames. Models ignore both, as the
    mask says, but for `zeros_unmasked`, which they take for frames."""
    crop_size: int = 224
    """Side of the square that the model sees, in pixels."""
    resize: int | tuple[int, int] = 256
    """Before the crop: the short side in pixels, or exactly (height, width) as C3D's (128, 171)."""
    jitter: tuple[int, int] | None = None
    """In training, the short side is drawn from this range, both ends included; None: `resize`."""
    flip: bool = False
    """In training, mirror every second clip. Not where left and right make different classes."""
    augment: int = 0
    """In training, so many random changes of colour or geometry; see `video.augment`."""
    magnitude: float = 0.3
    """How strong those may be, 0 to 1."""
    channel_order: Literal["rgb", "bgr"] = "rgb"
    """The order of the channels in the model's input, and in `mean` and `std`."""
    scale: float = 1 / 255
    """The pixels, 0 to 255, are multiplied by this first."""
    mean: tuple[float, float, float] = (0.45, 0.45, 0.45)
    """Subtracted from each channel after scaling."""
    std: tuple[float, float, float] = (0.225, 0.225, 0.225)
    """Each channel is divided by this at last."""
    center: Literal["none", "clip"] = "none"
    """`clip`: less the mean over the frames of each clip, so that of a place that stays as it is
    only what moves is left. Models see no scene then, to learn or to be misled by."""

    def __post_init__(self):
        short_side = self.resize if isinstance(self.resize, int) else min(self.resize)
        smallest, largest = self.jitter or (short_side, short_side)
        _require(self.num_frames >= 1, "num_frames", self.num_frames, "give 1 or more")
        _require(self.stride is None or self.stride >= 1, "stride", self.stride, "give 1 or more")
        interval = self.sampling == "interval"
        known = self.sampling in ("spread", "interval")
        _require(known, "sampling", self.sampling, "give spread or interval")
        _require(
            not (interval and self.stride is not None),
            "sampling",
            self.sampling,
            f"with a stride, {self.stride}, it says nothing; leave one of them out",
        )
        ways = ("repeat", "zeros", "zeros_unmasked")
        _require(self.padding in ways, "padding", self.padding, f"give one of {', '.join(ways)}")
        _require(self.crop_size >= 1, "crop_size", self.crop_size, "give 1 or more")
        fits = f"give no less than crop_size, {self.crop_size}, or lower that"
        _require(short_side >= self.crop_size, "resize", self.resize, fits)
        _require(smallest >= self.crop_size, "jitter", self.jitter, fits)
        _require(smallest <= largest, "jitter", self.jitter, "give the smaller size first")
        order = self.channel_order
        _require(self.augment >= 0, "augment", self.augment, "give 0 or more")
        _require(0 <= self.magnitude <= 1, "magnitude", self.magnitude, "give 0 to 1")
        _require(self.center in ("none", "clip"), "center", self.center, "give none or clip")
        _require(order in ("rgb", "bgr"), "channel_order", order, "give rgb or bgr")
        _require(self.scale > 0, "scale", self.scale, "give more than 0, 1/255 as a rule")
        _require(len(self.mean) == 3, "mean", self.mean, "give three numbers")
        _require(len(self.std) == 3, "std", self.std, "give three numbers")
        _require(min(self.std) > 0, "std", self.std, "give numbers above 0")

    def fitted(self, *, num_frames: int, stride: int | None, crop_size: int) -> "Preprocessing":
        """The same for clips of another length, stride or size, with margins in proportion.

        A model made for 224 pixels out of 256 gets 112 out of 128.
        """

        def scaled(size):
            return max(crop_size, round(size * crop_size / self.crop_size))

        resize, jitter = self.resize, self.jitter
        return dataclasses.replace(
            self,
            num_frames=num_frames,
            stride=stride,
            crop_size=crop_size,
            resize=scaled(resize) if isinstance(resize, int) else tuple(map(scaled, resize)),
            jitter=None if jitter is None else tuple(map(scaled, jitter)),
        )

    def coloured_as(self, other: "Preprocessing") -> "Preprocessing":
        """The same frames, their pixels in the channel order, scale, mean and standard deviation
        of another."""
        colours = ("channel_order", "scale", "mean", "std")
        return dataclasses.replace(self, **{name: getattr(other, name) for name in colours})

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them: tuples become lists."""
        fields = dataclasses.asdict(self)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in fields.items()
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Preprocessing":
        """The preprocessing that `to_dict` wrote down.

        Raises:
            UserError: if a field is unknown, missing or out of its range. A missing one has no
                default here: a model trained with another value would be silently wrong.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        missing = known - fields.keys() - ADDED_LATER
        differences = {"unknown": fields.keys() - known, "missing": missing}
        for problem, names in differences.items():
            if names:
                raise errors.UserError(
                    f"preprocessing has {problem} fields: {', '.join(sorted(names))}; "
                    f"its fields are {', '.join(sorted(known))}"
                )
        found = cls(
            **{
                name: tuple(value) if isinstance(value, list) else value
                for name, value in fields.items()
            }
        )
        ranges.check_kinds(found)
        return found


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
    frames: Frames, preprocessing: Preprocessing, rng: np.random.Generator
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
    preprocessing: Preprocessing,
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
    video: UInt8[Array, "*batch height width 3"], preprocessing: Preprocessing
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
    frames: Frames, preprocessing: Preprocessing
) -> UInt8[np.ndarray, "time new_height new_width 3"]:
    """The size that `preprocessing.resize` asks for, outside of training's jitter."""
    if isinstance(preprocessing.resize, int):
        return resize_short_side(frames, preprocessing.resize)
    return resize(frames, preprocessing.resize)


def _require(condition: bool, field: str, value: Any, remedy: str) -> None:
    if not condition:
        raise errors.UserError(f"preprocessing {field} is {value}: {remedy}")
