"""A leaderboard as a picture: accuracy against cost, and what of it is left without order."""

from collections.abc import Sequence
from typing import Any

import matplotlib.axes
import matplotlib.figure

from flaxvid.figures import frames


def draw(
    lines: Sequence[Any], axes: matplotlib.axes.Axes | None = None, *, title: str = ""
) -> matplotlib.axes.Axes:
    """Draws each model's top-1 over its multiply-adds, joined to its top-1 on shuffled frames.

    Args:
        lines: of `flaxvid.compare`: `model`, `top1`, `interval`, `shuffled`, `multiply_adds`.
        axes: where to draw; None makes a figure.
        title: what stands above.
    """
    if axes is None:
        axes = matplotlib.figure.Figure(figsize=(8, 5), layout="constrained").subplots()
    for number, line in enumerate(lines):
        colour = frames.COLOURS[number % len(frames.COLOURS)]
        cost = max(line.multiply_adds, 1) / 1e9
        low, high = line.interval
        error = [[max(line.top1 - low, 0)], [max(high - line.top1, 0)]]
        axes.errorbar(cost, line.top1, error, fmt="o", color=colour, capsize=3)
        axes.annotate(line.model, (cost, line.top1), (6, 4), textcoords="offset points", fontsize=9)
        if line.shuffled is not None:
            axes.plot([cost, cost], [line.shuffled, line.top1], ":", color=colour, linewidth=1)
            axes.plot(cost, line.shuffled, "x", color=colour)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.05)
    axes.margins(x=0.2)
    axes.yaxis.set_major_formatter(lambda value, _position: f"{value:.0%}")
    axes.set_xlabel("multiply-adds of a clip, in G")
    axes.set_ylabel("top-1; × with the frames shuffled")
    axes.grid(alpha=0.3)
    axes.set_title(title, loc="left", fontsize=10)
    return axes
