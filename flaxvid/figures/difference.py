"""What was given beside what was expected, and where the two differ."""

from collections.abc import Sequence

import matplotlib.colors
import matplotlib.figure
import numpy as np
from jaxtyping import Bool, Shaped

from flaxvid.figures import frames

MARK = matplotlib.colors.ListedColormap(["#eeeeee", frames.VERMILLION])


def draw(
    given: Shaped[np.ndarray, "*axes"],
    due: Shaped[np.ndarray, "*axes"],
    wrong: Bool[np.ndarray, "*axes"],
    axes: Sequence[str] = (),
) -> matplotlib.figure.Figure:
    """Draws a plane of two arrays side by side, and in red where they differ.

    The plane is that of the last two axes which has the first difference in it, or a frame, where
    the last axis is one of three colours. Both have the colours of one scale, that of what was
    expected.

    Args:
        given: the learner's array.
        due: what was expected, of the same shape.
        wrong: True where they differ.
        axes: what the axes are called; none if that is not known.
    """
    coloured = given.ndim >= 3 and given.shape[-1] == 3 and given.dtype == np.uint8
    leading = max(0, given.ndim - (3 if coloured else 2))
    first = tuple(int(i) for i in np.argwhere(wrong)[0][:leading])
    planes = [np.asarray(array)[first] for array in (given, due, wrong)]
    if given.ndim == 1:
        planes = [plane[None] for plane in planes]
    if coloured:
        planes[2] = planes[2].any(axis=-1)
    figure = matplotlib.figure.Figure(figsize=(9, 2.9), layout="constrained")
    seen = figure.subplots(1, 3)
    names = list(axes) if len(axes) == given.ndim else [f"axis {i}" for i in range(given.ndim)]
    vertical, horizontal = ["", *names][-3:-1] if coloured else ["", *names][-2:]
    told = ", ".join(f"{name} {place}" for name, place in zip(names, first, strict=False))
    titles = ("yours", "expected", f"different at {int(planes[2].sum())} of {planes[2].size}")
    for panel, plane, title in zip(seen, planes, titles, strict=True):
        panel.set_title(title, fontsize=10)
        panel.set_xlabel(horizontal, fontsize=9)
        panel.set_ylabel(vertical, fontsize=9)
        panel.tick_params(labelsize=8)
        panel.locator_params(integer=True)
        if given.ndim == 1:
            panel.set_yticks([])
        look = dict(interpolation="nearest", aspect="auto")
        if plane is planes[2]:
            panel.imshow(plane, cmap=MARK, vmin=0, vmax=1, **look)
        elif coloured:
            panel.imshow(plane, **look)
        else:
            numbers, scale = plane.astype(np.float64), planes[1].astype(np.float64)
            scale = scale[np.isfinite(scale)]
            low, high = (scale.min(), scale.max()) if scale.size else (0.0, 1.0)
            image = panel.imshow(numbers, vmin=low, vmax=high if high > low else low + 1, **look)
            if plane is planes[1]:
                figure.colorbar(image, ax=panel, fraction=0.05)
    if told:
        figure.suptitle(told, fontsize=10)
    return figure
