"""Places to film in, and a hand to film: drawn, for videos of which the truth is known.

A scene is a picture of textures and shapes; who acts in it has a hand of one colour and size.
"""

import dataclasses

import cv2
import numpy as np
from jaxtyping import Float, UInt8

FINGERS = (-0.62, -0.2, 0.2, 0.6)  # their angles from the middle of the hand, in radians


@dataclasses.dataclass(frozen=True)
class Scene:
    """A place and a person: what all clips of one recording share."""

    picture: UInt8[np.ndarray, "side side 3"]
    skin: Float[np.ndarray, " 3"]
    sleeve: Float[np.ndarray, " 3"]
    hand: float
    """Radius of the palm, in pixels."""


@dataclasses.dataclass(frozen=True)
class Pose:
    """A hand at one moment."""

    x: float
    y: float
    size: float
    """Radius of the palm, in pixels."""
    tilt: float
    """Radians, clockwise from upright."""
    light: float
    """Share of its colours' brightness."""


def scene(rng: np.random.Generator, side: int) -> Scene:
    """A scene of `side` pixels: noise of several scales, light from one side, and shapes."""
    palette = _dull(rng.uniform(20, 230, (2, 3)))
    blend, pattern = _noise(rng, side), _noise(rng, side)
    image = palette[0] * (1 - blend) + palette[1] * blend
    image = image + (pattern - 0.5) * rng.uniform(0, 120) * rng.uniform(0.6, 1, 3)
    for _ in range(rng.integers(2, 9)):
        image = _shape(image, rng)
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.8) * (np.cos(angle) * columns + np.sin(angle) * rows)
    image = cv2.GaussianBlur(image * light[..., None], (0, 0), rng.uniform(0.5, 1.8))
    return Scene(
        np.clip(image, 0, 255).astype(np.uint8),
        skin=_skin(rng),
        sleeve=rng.uniform(20, 230, 3),
        hand=rng.uniform(6.5, 9.5),
    )


def _dull(colours):
    """The colours, nearer to grey: as those of rooms are."""
    grey = colours.mean(axis=-1, keepdims=True)
    return grey + 0.5 * (colours - grey)


def _noise(rng, side):
    """Values of 0 to 1 that change over some of the scales from the whole side to a few pixels."""
    total = np.zeros((side, side, 1))
    for cells in (2, 4, 8, 16, 32):
        values = rng.normal(0, rng.uniform(0, 1), (cells, cells))
        total[..., 0] += cv2.resize(values, (side, side), interpolation=cv2.INTER_CUBIC)
    return 1 / (1 + np.exp(-total))


def _shape(image, rng):
    """A rectangle, disc or row of stripes, as windows, plates and shelves are."""
    side, layer = len(image), image.copy()
    colour, centre = _dull(rng.uniform(0, 250, 3)), rng.uniform(0, side, 2)
    width, height = rng.uniform(0.1, 0.5, 2) * side
    match rng.choice(["box", "disc", "stripes"], p=[0.6, 0.3, 0.1]):
        case "box":
            box = cv2.boxPoints((tuple(centre), (width, height), rng.normal(0, 8)))
            cv2.fillPoly(layer, [box.astype(np.int32)], colour.tolist())
        case "disc":
            cv2.circle(layer, tuple(map(int, centre)), int(width / 3), colour.tolist(), -1)
        case "stripes":
            gap, thick = rng.uniform(0.05, 0.15) * side, int(rng.integers(1, 5))
            slope = rng.uniform(-0.3, 0.3) * side
            for place in np.arange(0, side, gap):
                ends = ((0, int(place)), (side, int(place + slope)))
                if centre[0] > side / 2:
                    ends = tuple(end[::-1] for end in ends)
                cv2.line(layer, *ends, colour.tolist(), thick, cv2.LINE_AA)
    seen = rng.uniform(0.4, 1)
    return (1 - seen) * image + seen * layer


def _skin(rng):
    """From dark to light brown; a third of the people wear gloves of some colour."""
    if rng.random() < 1 / 3:
        return rng.uniform(40, 240, 3)
    return rng.uniform(0.45, 1) * np.array([235, rng.uniform(170, 195), rng.uniform(130, 165)])


def draw(
    shown: Scene, picture: UInt8[np.ndarray, "side side 3"], pose: Pose, elbow: tuple[float, float]
) -> None:
    """Draws the person's arm and hand into a picture of the scene."""
    centre = np.array([pose.x, pose.y])
    skin = np.clip(shown.skin * pose.light, 0, 255)
    sleeve = np.clip(shown.sleeve * pose.light, 0, 255)
    arm = np.array(elbow) - centre
    wrist = centre + arm * min(1, 1.6 * pose.size / max(1, np.hypot(*arm)))
    _limb(picture, np.array(elbow), wrist, 0.62 * pose.size, sleeve)
    _limb(picture, wrist, centre, 0.5 * pose.size, skin)
    for angle, length in zip((*FINGERS, 1.35), (1.9, 2.1, 2.05, 1.8, 1.6), strict=True):
        turned = pose.tilt + angle
        tip = centre + length * pose.size * np.array([np.sin(turned), -np.cos(turned)])
        _limb(picture, centre, tip, 0.24 * pose.size, 0.9 * skin)
    _disc(picture, centre, pose.size, skin)


def _limb(picture, start, end, radius, colour):
    across = np.array([[0, -1], [1, 0]]) @ (end - start)
    across *= radius / max(np.hypot(*across), 1e-6)
    corners = np.stack([start + across, end + across, end - across, start - across])
    # Four fractional bits, so that slow motion does not jump from pixel to pixel.
    fixed = np.round(corners * 16).astype(np.int32)
    cv2.fillPoly(picture, [fixed], colour.tolist(), lineType=cv2.LINE_AA, shift=4)
    _disc(picture, end, radius, colour)


def _disc(picture, centre, radius, colour):
    place = tuple(round(value * 16) for value in centre)
    cv2.circle(picture, place, round(radius * 16), colour.tolist(), -1, cv2.LINE_AA, 4)
