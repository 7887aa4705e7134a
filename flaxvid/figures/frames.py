"""Frames as pictures: strips of film, and the frames of a video on its timeline."""

import itertools
from collections.abc import Mapping, Sequence

import matplotlib.axes
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Int, UInt8

# Okabe and Ito's palette: told apart by colour-blind eyes, and in print.
BLUE, VERMILLION, GREEN, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9"
COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, SKY)
GREY = "#999999"


def film_strip(
    frames: UInt8[np.ndarray, "time height width 3"],
    axes: matplotlib.axes.Axes | None = None,
    *,
    labels: Sequence[object] | None = None,
    mask: Bool[np.ndarray, "time"] | None = None,
    title: str = "",
) -> matplotlib.axes.Axes:
    """Draws frames side by side, a number under each, and crosses out the padded ones.

    Args:
        frames: RGB frames.
        axes: where to draw; None makes a figure as wide as the strip needs.
        labels: what stands under each frame; None counts from 0.
        mask: False where a frame is padding.
        title: what stands at the left, above the strip.
    """
    time, height, width, _ = frames.shape
    gap = max(1, width // 16)
    strip = np.full((height, time * (width + gap) - gap, 3), 255, np.uint8)
    lefts = (width + gap) * np.arange(time)
    for left, frame in zip(lefts, frames, strict=True):
        strip[:, left : left + width] = frame
    if axes is None:
        inches = min(12.0, 1.5 * time * width / height)
        size = (inches, inches * height / strip.shape[1] + 0.7)
        axes = plt.figure(figsize=size, layout="constrained").add_subplot()
    axes.imshow(strip, interpolation="nearest")
    axes.set_xticks(lefts + (width - 1) / 2, range(time) if labels is None else labels)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, loc="left")
    for left in [] if mask is None else lefts[~mask]:
        right, bottom = left + width - 1, height - 1
        axes.plot([left, right], [0, bottom], color=VERMILLION, linewidth=2)
        axes.plot([left, right], [bottom, 0], color=VERMILLION, linewidth=2)
    return axes


def timeline(
    num_frames: int,
    rows: Mapping[str, Int[np.ndarray, "samples"]],
    axes: matplotlib.axes.Axes | None = None,
    *,
    borders: Sequence[float | int] = (),
    event: tuple[float | int, float | int] | None = None,
) -> matplotlib.axes.Axes:
    """Draws which frames of a video each rule takes, one row for each rule.

    Args:
        num_frames: frames in the video.
        rows: from the name of a rule to the frames it takes; the first is drawn on top.
        axes: where to draw; None makes a figure as high as the rows need.
        borders: where segments meet, in frames from the start; drawn as thin lines.
        event: first and last frame of something that happens, shaded.
    """
    if axes is None:
        size = (9, 0.9 + 0.5 * len(rows))
        axes = plt.figure(figsize=size, layout="constrained").add_subplot()
    thick = max(0.8, num_frames / 300)  # of a mark: one frame, as long as that can be seen
    for row, (colour, indices) in enumerate(zip(itertools.cycle(COLOURS), rows.values())):
        axes.barh(row, num_frames, left=-0.5, height=0.5, color="#eeeeee", zorder=1)
        axes.bar(indices, 0.5, thick, bottom=row - 0.25, color=colour, zorder=3)
    for border in borders:
        axes.axvline(border - 0.5, color=GREY, linewidth=0.8, zorder=2)
    if event is not None:
        axes.axvspan(event[0] - 0.5, event[1] + 0.5, color=ORANGE, alpha=0.35, zorder=2)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlim(-0.5 - num_frames / 100, num_frames - 0.5 + num_frames / 100)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("frame")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return axes
