"""Which part of an array lies on which devices."""

import collections

import jax
import matplotlib.axes
import matplotlib.patches
import matplotlib.pyplot as plt
from matplotlib import colormaps

from flaxvid.figures import frames

COLOURS = "viridis"  # dark to light: told apart by colour-blind eyes, and in print


def placement(
    array: jax.Array, axes: matplotlib.axes.Axes | None = None, *, title: str = ""
) -> matplotlib.axes.Axes:
    """Draws an array of one or two axes as its parts, each named by the devices that hold it.

    A part that one device holds has that device's colour; one that several hold is grey.

    Args:
        array: on devices; an array of more axes is drawn by its first two.
        axes: where to draw; None makes a figure.
        title: what stands at the left, above the array.
    """
    rows, columns = (*array.shape, 1, 1)[:2]
    holders = collections.defaultdict(list)
    for shard in array.global_shards:
        down, across = (*shard.index, slice(None), slice(None))[:2]
        part = *down.indices(rows)[:2], *across.indices(columns)[:2]
        holders[part].append(shard.device.id)
    if axes is None:
        axes = plt.figure(figsize=(3, 3), layout="constrained").add_subplot()
    last = max(max(ids) for ids in holders.values())
    for (top, bottom, left, right), ids in holders.items():
        alone = len(ids) == 1
        shade = ids[0] / max(last, 1)
        colour = colormaps[COLOURS](shade) if alone else frames.GREY
        axes.add_patch(
            matplotlib.patches.Rectangle(
                (left, top), right - left, bottom - top, facecolor=colour, edgecolor="white"
            )
        )
        axes.text(
            (left + right) / 2,
            (top + bottom) / 2,
            str(ids[0]) if alone else f"{min(ids)}–{max(ids)}",
            color="black" if alone and shade > 0.5 else "white",
            ha="center",
            va="center",
        )
    axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=[0, columns], yticks=[0, rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, loc="left")
    return axes
