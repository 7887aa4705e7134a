"""Confusion as a picture: which class is taken for which."""

from collections.abc import Sequence

import matplotlib.axes
import matplotlib.figure
import numpy as np
from jaxtyping import Int

NAMED = 40  # classes; with more, names would be too small to read


def draw(
    counts: Int[np.ndarray, "classes classes"],
    labels: Sequence[str],
    axes: matplotlib.axes.Axes | None = None,
    *,
    title: str = "",
) -> matplotlib.axes.Axes:
    """Draws the share of each row's clips in every column, in percent where there is room.

    Args:
        counts: clips of the class of a row taken for the class of a column.
        labels: names of the classes.
        axes: where to draw; None makes a figure of fitting size.
        title: what stands above.
    """
    classes = len(labels)
    if axes is None:
        side = float(np.clip(1.5 + 0.5 * classes, 4, 14))
        figure = matplotlib.figure.Figure(figsize=(side + 1, side), layout="constrained")
        axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if classes <= NAMED:
        axes.set_xticks(range(classes), labels, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(classes), labels)
        for row, column in zip(*np.nonzero(shares >= 0.005), strict=True):
            share = shares[row, column]
            colour = "white" if share > 0.5 else "black"
            text = f"{100 * share:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xlabel("taken for")
    axes.set_ylabel("is")
    axes.set_title(title, loc="left")
    return axes
