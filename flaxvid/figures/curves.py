"""Learning curves: how loss and accuracy went over the steps of a run."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.axes
import matplotlib.figure

# Okabe and Ito's palette: told apart by colour-blind eyes, and in print.
TRAIN, VALIDATION = "#0072B2", "#D55E00"


def draw(rows: Sequence[dict[str, int | float]], quantity: str, axes: matplotlib.axes.Axes):
    """Draws `quantity` ("loss" or "accuracy") of a run's journal on `axes`, and returns them."""
    for key, label, colour, marker in (
        (quantity, "training", TRAIN, ""),
        (f"validation_{quantity}", "validation", VALIDATION, "o"),
    ):
        points = [(row["step"], row[key]) for row in rows if key in row]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, color=colour, marker=marker)
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats)" if quantity == "loss" else "accuracy")
    if quantity == "accuracy":
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(lambda value, _position: f"{value:.0%}")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right" if quantity == "loss" else "lower right")
    return axes


def save(rows: Sequence[dict[str, int | float]], path: Path) -> None:
    """Writes loss and accuracy side by side as a PNG."""
    figure = matplotlib.figure.Figure(figsize=(10, 4), layout="constrained")
    for quantity, axes in zip(("loss", "accuracy"), figure.subplots(1, 2), strict=True):
        draw(rows, quantity, axes)
    figure.savefig(path, dpi=120)
