"""Learning curves: how loss and accuracy went over the steps of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.axes
import matplotlib.figure
import numpy as np
from jaxtyping import Float

from flaxvid import files
from flaxvid.figures import frames

TRAIN, VALIDATION = frames.BLUE, frames.VERMILLION


def draw(rows: Sequence[dict[str, int | float]], quantity: str, axes: matplotlib.axes.Axes):
    """Draws `quantity` ("loss", "accuracy", "map") of a run's metrics on `axes`; returns them."""
    for key, label, colour, marker in (
        (quantity, "training", TRAIN, ""),
        (f"validation_{quantity}", "validation", VALIDATION, "o"),
    ):
        points = [(row["step"], row[key]) for row in rows if key in row]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, color=colour, marker=marker)
    axes.set_xlabel("step")
    axes.set_ylabel({"loss": "loss (nats)", "map": "mAP"}.get(quantity, quantity))
    if quantity != "loss":
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(lambda value, _position: f"{value:.0%}")
    axes.grid(alpha=0.3)
    axes.legend(loc="best")  # where it covers no line
    return axes


def compare(
    losses: Mapping[str, Float[np.ndarray, " steps"]],
    axes: matplotlib.axes.Axes,
    *,
    levels: Mapping[str, float] | None = None,
):
    """Draws the losses of several runs on `axes`, and returns them.

    Args:
        losses: from the name of a run to its loss at every step, in nats; five runs at most.
        axes: where to draw.
        levels: from a name to a loss that is drawn as a line across all steps, named at its end.
    """
    for (name, values), colour in zip(losses.items(), frames.COLOURS, strict=False):
        axes.plot(np.arange(1, len(values) + 1), values, color=colour, label=name)
    for name, level in (levels or {}).items():
        axes.axhline(level, color=frames.GREY, linestyle=":", zorder=1)
        axes.text(1.01, level, name, transform=axes.get_yaxis_transform(), va="center")
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats)")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", ncols=len(losses))
    return axes


def save(rows: Sequence[dict[str, int | float]], path: Path) -> None:
    """Writes loss and accuracy side by side as a PNG."""
    figure = matplotlib.figure.Figure(figsize=(10, 4))
    # Drawn at each evaluation: a constrained layout takes as long again as all the rest.
    figure.subplots_adjust(left=0.08, right=0.99, top=0.96, bottom=0.12, wspace=0.18)
    score = "map" if any("validation_map" in row for row in rows) else "accuracy"
    for quantity, axes in zip(("loss", score), figure.subplots(1, 2), strict=True):
        draw(rows, quantity, axes)
    files.save_figure(path, figure)
