"""What a unit deep in a network sees of a clip: how much each place moves it, and its bounds."""

import matplotlib.axes
import matplotlib.patches
import matplotlib.pyplot as plt
import matplotlib.ticker
import numpy as np
from jaxtyping import Float

from flaxvid.figures import frames


def over_time(
    influence: Float[np.ndarray, "time width"],
    field: tuple[tuple[int, int], tuple[int, int]],
    axes: matplotlib.axes.Axes | None = None,
    *,
    title: str = "",
) -> matplotlib.axes.Axes:
    """Draws the influence of a clip's places on one unit, time downwards, and frames its field.

    The darker, the larger; drawn as square roots, because the rim of a field has little.

    Args:
        influence: of every frame and column, 0 or more.
        field: first frame and how many, first column and how many; what is past the clip is not
            drawn.
        axes: where to draw; None makes a figure.
        title: what stands above it.
    """
    time, width = influence.shape
    if axes is None:
        axes = plt.figure(figsize=(3, 3), layout="constrained").add_subplot()
    shown = np.sqrt(influence / max(influence.max(), np.finfo(np.float32).tiny))
    axes.imshow(shown, cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    (top, frames_seen), (left, columns_seen) = field
    corner = left - 0.5, top - 0.5
    settings = dict(fill=False, edgecolor=frames.VERMILLION, linewidth=2)
    axes.add_patch(matplotlib.patches.Rectangle(corner, columns_seen, frames_seen, **settings))
    axes.set_xlim(-1, width)
    axes.set_ylim(time, -1)
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    axes.set(xlabel="column", ylabel="frame", title=title)
    return axes
