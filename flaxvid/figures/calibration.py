"""Calibration as a picture: how often a model is right when it says that it is sure."""

from collections.abc import Mapping

import matplotlib.axes
import matplotlib.figure
import numpy as np

from flaxvid.figures import frames


def draw(
    found: Mapping[str, np.ndarray],
    axes: matplotlib.axes.Axes | None = None,
    *,
    title: str = "",
) -> matplotlib.axes.Axes:
    """Draws accuracy over confidence, a point a bin, as large as its share of the clips.

    Args:
        found: `confidence`, `accuracy` and `share` of the bins (`scores.calibration`).
        axes: where to draw; None makes a square figure.
        title: what stands above.
    """
    if axes is None:
        axes = matplotlib.figure.Figure(figsize=(4.5, 4.5), layout="constrained").subplots()
    axes.plot([0, 1], [0, 1], color=frames.GREY, linestyle="--", linewidth=1)
    filled = found["share"] > 0
    confidence, accuracy = found["confidence"][filled], found["accuracy"][filled]
    axes.plot(confidence, accuracy, color=frames.BLUE, linewidth=1)
    sizes = 20 + 400 * found["share"][filled]
    # A point at the edge is drawn whole.
    axes.scatter(confidence, accuracy, s=sizes, color=frames.BLUE, clip_on=False)
    axes.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), xlabel="confidence", ylabel="accuracy")
    axes.xaxis.set_major_formatter(lambda value, _position: f"{value:.0%}")
    axes.yaxis.set_major_formatter(lambda value, _position: f"{value:.0%}")
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    axes.set_title(title, loc="left")
    return axes
