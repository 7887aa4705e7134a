"""A clip as a Transformer sees it: frames cut into patches, and which of them have a say."""

from collections.abc import Sequence

import matplotlib.axes
import matplotlib.patches
import numpy as np
from jaxtyping import Bool, UInt8

from flaxvid.figures import frames as films

FADED = 0.15  # of its colour, that an unseen patch keeps


def film_strip(
    frames: UInt8[np.ndarray, "time height width 3"],
    patch_size: int,
    axes: matplotlib.axes.Axes | None = None,
    *,
    seen: Bool[np.ndarray, "time rows columns"] | None = None,
    token: tuple[int, int, int] | None = None,
    labels: Sequence[object] | None = None,
    title: str = "",
) -> matplotlib.axes.Axes:
    """Draws frames side by side with lines between their patches.

    Args:
        frames: RGB frames, a whole number of patches high and wide.
        patch_size: height and width of a patch, in pixels.
        axes: where to draw; None makes a figure as wide as the strip needs.
        seen: False for patches that are to fade; None leaves all as they are.
        token: frame, row and column of a patch to frame.
        labels: what stands under each frame; None counts from 0.
        title: what stands at the left, above the strip.
    """
    _, height, width, _ = frames.shape
    if seen is not None:
        by_pixel = seen.repeat(patch_size, axis=1).repeat(patch_size, axis=2)[..., None]
        faded = 255 - FADED * (255 - frames.astype(np.float32))
        frames = np.where(by_pixel, frames, np.round(faded).astype(np.uint8))
    axes = films.film_strip(frames, axes, labels=labels, title=title)
    lefts = axes.get_xticks() - width / 2  # edges of pixels lie at halves
    for left in lefts:
        for x in range(0, width + 1, patch_size):
            axes.plot([left + x] * 2, [-0.5, height - 0.5], color="white", linewidth=0.8)
        for y in range(0, height + 1, patch_size):
            axes.plot([left, left + width], [y - 0.5] * 2, color="white", linewidth=0.8)
    if token is not None:
        frame, row, column = token
        corner = lefts[frame] + column * patch_size, row * patch_size - 0.5
        settings = dict(fill=False, edgecolor=films.VERMILLION, linewidth=3, zorder=3)
        axes.add_patch(matplotlib.patches.Rectangle(corner, patch_size, patch_size, **settings))
    return axes
