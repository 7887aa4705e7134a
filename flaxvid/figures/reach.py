"""What one patch sees of a clip, step by step: frames as grids of cells."""

from collections.abc import Mapping

import matplotlib.axes
import matplotlib.patches
import numpy as np
from jaxtyping import Bool, UInt8

from flaxvid.figures import frames as films
from flaxvid.figures import patches

CELL = 15  # pixels, height and width
UNSEEN = 232  # light grey
COLOURS = (films.SKY, films.BLUE, films.ORANGE)


def paint(
    seen: Mapping[str, Bool[np.ndarray, "time rows columns"]],
) -> UInt8[np.ndarray, "time height width 3"]:
    """Fills every cell with the colour of the step that sees it, the first step's outermost.

    Steps lie inside each other: the first fills its cells, the second the inner two thirds, the
    third the inner third, so that a cell seen by several shows them all.
    """
    time, rows, columns = next(iter(seen.values())).shape
    cells = np.full((time, rows, CELL, columns, CELL, 3), UNSEEN, np.uint8)
    for number, (colour, cells_seen) in enumerate(zip(COLOURS, seen.values(), strict=False)):
        margin = number * CELL // 6
        inner = slice(margin, CELL - margin)
        rgb = np.round(255 * np.array(matplotlib.colors.to_rgb(colour))).astype(np.uint8)
        target = cells[:, :, inner, :, inner]
        target[:] = np.where(cells_seen[:, :, None, :, None, None], rgb, target)
    return cells.reshape(time, rows * CELL, columns * CELL, 3)


def film_strip(
    seen: Mapping[str, Bool[np.ndarray, "time rows columns"]],
    axes: matplotlib.axes.Axes | None = None,
    *,
    token: tuple[int, int, int] | None = None,
    title: str = "",
) -> matplotlib.axes.Axes:
    """Draws the frames of a clip side by side as grids, with the steps' names at the right.

    Args:
        seen: from the name of a step to the patches that it shows; up to three steps.
        axes: where to draw; None makes a figure as wide as the strip needs.
        token: frame, row and column of the patch that looks, to be framed.
        title: what stands at the left, above the strip.
    """
    axes = patches.film_strip(paint(seen), CELL, axes, token=token, title=title)
    handles = [
        matplotlib.patches.Patch(color=colour, label=f"{name}: {shown.sum()}")
        for colour, (name, shown) in zip(COLOURS, seen.items(), strict=False)
    ]
    axes.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        handlelength=1,
    )
    return axes
