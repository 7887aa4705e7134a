"""Attention as pictures: heat laid over the frames, a grid of frames over frames, a GIF."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib
import matplotlib.axes
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float, UInt8

from flaxvid.figures import frames as films
from flaxvid.video import write

# From dark to bright in one direction, so that it reads in grey and to colour-blind eyes.
COLOURS = "inferno"


def overlay(
    frames: UInt8[np.ndarray, "time height width 3"],
    heat: Float[np.ndarray, "time rows columns"],
    *,
    opacity: float = 0.6,
) -> UInt8[np.ndarray, "time height width 3"]:
    """Lays heat over the frames: bright where it is highest, clear where there is none.

    Args:
        frames: RGB frames, of the whole picture that `heat` stands for.
        heat: not negative, one number for every patch; the highest of the clip is the brightest.
        opacity: of the brightest place, in [0, 1].
    """
    height, width = frames.shape[1:3]
    highest = heat.max()
    relative = heat / highest if highest > 0 else heat
    # Smooth between the middles of the patches.
    relative = [
        cv2.resize(one.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        for one in relative
    ]
    relative = np.stack(relative)[..., None]
    colours = 255 * matplotlib.colormaps[COLOURS](relative[..., 0])[..., :3]
    blend = opacity * relative
    return np.round((1 - blend) * frames + blend * colours).astype(np.uint8)


def film_strip(
    frames: UInt8[np.ndarray, "time height width 3"],
    heat: Float[np.ndarray, "time rows columns"],
    axes: matplotlib.axes.Axes | None = None,
    *,
    labels: Sequence[object] | None = None,
    title: str = "",
) -> matplotlib.axes.Axes:
    """Draws the frames side by side with heat over them, and under each its share in percent.

    Args:
        frames: RGB frames.
        heat: one number for every patch, as `rollout.rollout` gives it.
        axes: where to draw; None makes a figure as wide as the strip needs.
        labels: what stands under each frame; None: its share of all heat.
        title: what stands at the left, above the strip.
    """
    if labels is None:
        labels = [f"{share:.0%}" for share in heat.sum((1, 2)) / max(heat.sum(), 1e-12)]
    return films.film_strip(overlay(frames, heat), axes, labels=labels, title=title)


def grid(
    weights: Float[np.ndarray, "time time"],
    frames: UInt8[np.ndarray, "time height width 3"],
    axes: matplotlib.axes.Axes | None = None,
    *,
    title: str = "",
) -> matplotlib.axes.Axes:
    """Draws what every frame takes from every other: a row for each frame that asks.

    Args:
        weights: the share that a row's frame takes from a column's; a row sums to 1.
        frames: RGB frames, drawn at the left and above.
        axes: where to draw; None makes a square figure.
        title: what stands above.
    """
    if axes is None:
        axes = plt.figure(figsize=(4.5, 4.5), layout="constrained").add_subplot()
    axes.imshow(weights, cmap=COLOURS, vmin=0, vmax=1)
    near, far = -0.6, -1.5  # of a frame, from the grid that begins at -0.5
    for t, frame in enumerate(frames):
        axes.imshow(frame, extent=(t - 0.45, t + 0.45, near, far))
        axes.imshow(frame, extent=(far, near, t + 0.45, t - 0.45))
    end = len(frames) - 0.5
    axes.set(xlim=(far - 0.1, end), ylim=(end, far - 0.1), xticks=[], yticks=[])
    axes.set_xlabel("frame looked at")
    axes.set_ylabel("frame that looks")
    axes.spines[:].set_visible(False)
    axes.set_title(title, loc="left")
    return axes


def write_gif(
    path: Path,
    frames: UInt8[np.ndarray, "time height width 3"],
    heat: Float[np.ndarray, "time rows columns"],
    fps: float | int = 4,
) -> None:
    """Writes the frames, and beside them the same with heat over them, as a GIF that repeats.

    Raises:
        VideoError: if there is no such folder, or the path does not end in `.gif`.
    """
    write.write_gif(path, np.concatenate([frames, overlay(frames, heat)], axis=2), fps)
