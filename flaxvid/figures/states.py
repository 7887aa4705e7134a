"""A recurrent network's state as a picture: one row for each number, one column for each frame."""

import matplotlib.axes
import matplotlib.patches
import numpy as np
from jaxtyping import Float

# White at zero, and read by colour-blind eyes: orange below, purple above.
COLOURS = "PuOr"


def draw(
    states: Float[np.ndarray, "time hidden"],
    axes: matplotlib.axes.Axes,
    *,
    length: int | None = None,
    highest: float = 1.0,
    title: str = "",
) -> matplotlib.axes.Axes:
    """Draws a state after every frame, time from left to right, and frames the padding.

    Args:
        states: the state after every frame, padded frames included.
        axes: where to draw.
        length: real frames, which stand first; None: all are real.
        highest: the value, above zero or below, that has the full colour.
        title: what stands at the left, above the picture.
    """
    time, hidden = states.shape
    axes.imshow(
        states.T, cmap=COLOURS, vmin=-highest, vmax=highest, aspect="auto", interpolation="nearest"
    )
    if length is not None and length < time:
        corner, size = (length - 0.5, -0.5), (time - length, hidden)
        settings = dict(fill=False, edgecolor="0.5", linewidth=1, hatch="/")
        axes.add_patch(matplotlib.patches.Rectangle(corner, *size, **settings))
    axes.set_xticks(range(0, time, max(1, time // 8)))
    axes.set_yticks([])
    axes.set_xlabel("frame")
    axes.set_ylabel(f"{hidden} numbers")
    axes.set_title(title, loc="left")
    return axes
