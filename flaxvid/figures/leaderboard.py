"""A leaderboard as a picture: accuracy, what of it is left without order, and what it costs."""

from collections.abc import Sequence
from typing import Any

import matplotlib.figure

from flaxvid.figures import frames


def draw(lines: Sequence[Any], *, title: str = "") -> matplotlib.figure.Figure:
    """Draws a row for each model, in the order given, the first on top.

    On the left its top-1 or mAP with the interval, joined to that on shuffled frames; on the right
    its multiply-adds, as a power of ten.

    Args:
        lines: one or more, each with its `model`, `top1`, `interval`, `shuffled`, `multiply_adds`
            and `measure`.
        title: what stands above.
    """
    height = 1.3 + 0.4 * len(lines)
    figure = matplotlib.figure.Figure(figsize=(9, height), layout="constrained")
    accuracy, cost = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    for row, line in enumerate(lines):
        low, high = line.interval or (line.top1, line.top1)
        if line.shuffled is not None:
            accuracy.plot([line.shuffled, line.top1], [row, row], ":", color=frames.GREY)
            accuracy.plot(line.shuffled, row, "x", color=frames.VERMILLION)
        error = [[max(line.top1 - low, 0)], [max(high - line.top1, 0)]]
        accuracy.errorbar(line.top1, row, xerr=error, fmt="o", color=frames.BLUE, capsize=3)
        cost.plot(max(line.multiply_adds, 1) / 1e9, row, "s", color=frames.GREEN)
    accuracy.set_yticks(range(len(lines)), [line.model for line in lines])
    accuracy.set_ylim(len(lines) - 0.5, -0.5)
    accuracy.set_xlim(0, 1.03)
    accuracy.xaxis.set_major_formatter(lambda value, _position: f"{value:.0%}")
    accuracy.set_xlabel(f"{lines[0].measure}: ● as filmed, × frames shuffled")
    cost.set_xscale("log")
    cost.margins(x=0.2)
    cost.set_xlabel("billion multiply-adds a clip")
    for axes in (accuracy, cost):
        axes.grid(alpha=0.3)
    accuracy.set_title(title, loc="left", fontsize=10)
    return figure
