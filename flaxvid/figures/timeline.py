"""What is said of a long video, over its time: one stripe for each class that is said somewhere."""

import collections
from collections.abc import Sequence

import matplotlib.axes
import matplotlib.figure
import numpy as np
from jaxtyping import Float

from flaxvid.figures import attention


def draw(
    edges: Float[np.ndarray, "windows 2"],
    probabilities: Float[np.ndarray, "windows classes"],
    names: Sequence[str],
    axes: matplotlib.axes.Axes | None = None,
    *,
    most: int = 12,
    title: str = "",
    thresholds: Float[np.ndarray, " classes"] | None = None,
) -> matplotlib.axes.Axes:
    """Draws the probability of every class that is the likeliest somewhere, bright over time.

    The class that is likeliest first is on top. With `thresholds`, those are drawn that are above
    theirs somewhere; if none is, the likeliest. Where windows overlap, a moment shows the window
    whose middle is nearest.

    Args:
        edges: start and end of each window in seconds, starts ascending.
        probabilities: 0 to 1.
        names: of the classes.
        axes: where to draw; None makes a figure as high as the classes need.
        most: classes to draw, at most: those that are the likeliest in most windows.
        title: what stands above, at the left.
        thresholds: of every class, where several may be said at once.
    """
    found = probabilities.argmax(axis=1)
    if thresholds is not None and np.any(probabilities > thresholds):
        found = np.nonzero(probabilities > thresholds)[1]
    said = collections.Counter(found.tolist())  # in order of appearance
    chosen = {number for number, _ in said.most_common(most)}
    order = [number for number in said if number in chosen]
    if axes is None:
        size = (9, 1.3 + 0.4 * len(order))
        axes = matplotlib.figure.Figure(figsize=size, layout="constrained").subplots()
    middles = edges.mean(axis=1)
    borders = np.concatenate([edges[:1, 0], (middles[1:] + middles[:-1]) / 2, edges[-1:, 1]])
    rows = np.arange(len(order) + 1) - 0.5
    stripes = axes.pcolormesh(
        borders, rows, probabilities[:, order].T, vmin=0, vmax=1, cmap=attention.COLOURS
    )
    axes.set_yticks(range(len(order)), [names[index] for index in order])
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xlabel("seconds")
    axes.tick_params(axis="y", length=0)
    axes.hlines(rows[1:-1], borders[0], borders[-1], color="white", linewidth=2)
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(stripes, ax=axes, format=lambda value, _position: f"{value:.0%}")
    bar.outline.set_visible(False)
    axes.set_title(title, loc="left", fontsize=10)
    return axes
