"""Random changes of colour and geometry, the same for every frame of a clip.

Source: Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search
space" (2020). Nothing here moves from frame to frame: what moves in a clip moved in the video.
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from jaxtyping import UInt8

Clip = UInt8[np.ndarray, "time height width 3"]

GREY = (0.299, 0.587, 0.114)  # of red, green and blue, by ITU-R BT.601
# How far `another_view` goes: factors, degrees, shares of a side, of light and of a colour's light,
# and levels of 255.
ZOOM, ASPECT, TILT, MOVE, GAIN, COLOUR, OFFSET = 1.2, 1.1, 8.0, 0.1, 0.2, 0.1, 20.0
LARGEST_ANGLE, LARGEST_SLANT, LARGEST_MOVE = 30.0, 0.3, 0.3  # degrees; shares of a side


def random_changes(clip: Clip, rng: np.random.Generator, count: int, magnitude: float) -> Clip:
    """`count` operations of `OPERATIONS`, drawn again for each clip, one after another.

    Args:
        clip: RGB pixels.
        rng: draws the operations and how strong each is, from -magnitude to magnitude.
        count: of operations; 0 leaves the clip as it is.
        magnitude: 0 (nothing changes) to 1 (as far as it goes).
    """
    for name in rng.choice(sorted(OPERATIONS), size=count):
        clip = OPERATIONS[name](clip, float(rng.uniform(-magnitude, magnitude)))
    return clip


def another_view(
    clip: Clip, size: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "time {size} {size} 3"]:
    """The clip as another camera might have filmed it, in squares of `size` pixels.

    Zoom, aspect, rotation and place are drawn within `ZOOM`, `ASPECT`, `TILT` and `MOVE`, gain,
    offset and the gain of each colour within `GAIN`, `OFFSET` and `COLOUR`; once for the whole
    clip. It is never mirrored: left and right may make different classes.

    Args:
        clip: RGB pixels of whole frames, squeezed into a square or not, larger than `size` at best.
        size: height and width of the result.
        rng: draws.
    """
    height, width = clip.shape[1:3]
    zoom = np.exp(rng.uniform(-1, 1) * np.log(ZOOM))
    wider = np.exp(rng.uniform(-1, 1) * np.log(ASPECT) / 2)
    angle = np.radians(rng.uniform(-TILT, TILT))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn * zoom * size / np.array([width / wider, height * wider])
    middle = (np.array([width, height]) - 1) / 2
    target = (size - 1) / 2 + size * rng.uniform(-MOVE, MOVE, 2)
    matrix = np.column_stack([linear, target - linear @ middle])
    moved = np.stack(
        [
            cv2.warpAffine(
                frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            for frame in clip
        ]
    )
    gain = rng.uniform(1 - GAIN, 1 + GAIN) * rng.uniform(1 - COLOUR, 1 + COLOUR, 3)
    levels = np.arange(256)[:, None] * gain + rng.uniform(-OFFSET, OFFSET)
    tables = np.clip(np.round(levels), 0, 255).astype(np.uint8)
    return np.stack([tables[moved[..., channel], channel] for channel in range(3)], axis=-1)


def brightness(clip: Clip, strength: float) -> Clip:
    """All light times 1 + strength."""
    return _look_up(clip, np.arange(256) * (1 + strength))


def contrast(clip: Clip, strength: float) -> Clip:
    """The distance of every pixel to the clip's mean grey, times 1 + strength."""
    mean = float(np.mean(clip.reshape(-1, 3).mean(axis=0) @ np.array(GREY)))
    return _look_up(clip, mean + (np.arange(256) - mean) * (1 + strength))


def saturation(clip: Clip, strength: float) -> Clip:
    """The distance of every pixel to its own grey, times 1 + strength; -1 leaves no colour."""
    grey = np.array(GREY)[None, :].repeat(3, axis=0)
    matrix = (1 + strength) * np.eye(3) - strength * grey
    return np.stack([cv2.transform(frame, matrix) for frame in clip])


def sharpness(clip: Clip, strength: float) -> Clip:
    """The distance of every pixel to its blurred self, times 1 + strength; -1 is a blur."""
    return np.stack(
        [
            cv2.addWeighted(frame, 1 + strength, cv2.blur(frame, (3, 3)), -strength, 0)
            for frame in clip
        ]
    )


def posterise(clip: Clip, strength: float) -> Clip:
    """Fewer levels of each colour: all eight bits at 0, four at a strength of 1 or -1."""
    step = 2 ** round(4 * abs(strength))
    return _look_up(clip, np.arange(256) // step * step)


def rotate(clip: Clip, strength: float) -> Clip:
    """About the centre, by up to 30 degrees."""
    height, width = clip.shape[1:3]
    centre = ((width - 1) / 2, (height - 1) / 2)
    return _warp(clip, cv2.getRotationMatrix2D(centre, LARGEST_ANGLE * strength, 1.0))


def slant(clip: Clip, strength: float) -> Clip:
    """Rows pushed sideways against each other, about the middle one."""
    slope = LARGEST_SLANT * strength
    middle = (clip.shape[1] - 1) / 2
    return _warp(clip, np.array([[1, slope, -slope * middle], [0, 1, 0]], float))


def shift_across(clip: Clip, strength: float) -> Clip:
    """To the right, by up to 0.3 of the width."""
    return _warp(clip, np.array([[1, 0, LARGEST_MOVE * strength * clip.shape[2]], [0, 1, 0]]))


def shift_down(clip: Clip, strength: float) -> Clip:
    """Downwards, by up to 0.3 of the height."""
    return _warp(clip, np.array([[1, 0, 0], [0, 1, LARGEST_MOVE * strength * clip.shape[1]]]))


OPERATIONS: Mapping[str, Callable[[Clip, float], Clip]] = {
    function.__name__: function
    for function in (
        brightness,
        contrast,
        saturation,
        sharpness,
        posterise,
        rotate,
        slant,
        shift_across,
        shift_down,
    )
}


def _look_up(clip, table):
    table = np.clip(np.round(table), 0, 255).astype(np.uint8)
    return table[clip]


def _warp(clip, matrix):
    size = clip.shape[2], clip.shape[1]
    # What comes in from outside is the edge drawn out: black would be a shape of its own.
    return np.stack(
        [
            cv2.warpAffine(
                frame, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            for frame in clip
        ]
    )
