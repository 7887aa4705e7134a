"""Learning curves: every value of metrics.jsonl at its step."""

import cv2
import matplotlib.figure
import numpy as np

from flaxvid.figures import curves

ROWS = [
    {"step": 10, "loss": 2.0, "accuracy": 0.25},
    {"step": 20, "loss": 1.0, "accuracy": 0.5},
    {"step": 20, "validation_loss": 1.5, "validation_accuracy": 0.375},
]


def test_points_are_those_of_the_metrics():
    """Training as a line over its steps, validation with its own."""
    axes = curves.draw(ROWS, "loss", matplotlib.figure.Figure().subplots())
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert lines == {"training": [[10, 2.0], [20, 1.0]], "validation": [[20, 1.5]]}


def test_runs_are_drawn_from_step_1():
    """A line for each run under its name, and levels across, with theirs at the right height."""
    losses = {"A": np.array([2.0, 1.0, 0.5]), "B": np.array([2.0, 3.0])}
    axes = matplotlib.figure.Figure().subplots()
    curves.compare(losses, axes, levels={"chance": 2.3})
    runs = {line.get_label(): line.get_xydata().tolist() for line in axes.lines[:2]}
    assert runs == {"A": [[1, 2.0], [2, 1.0], [3, 0.5]], "B": [[1, 2.0], [2, 3.0]]}
    assert list(axes.lines[2].get_ydata()) == [2.3, 2.3]
    assert [(text.get_text(), text.get_position()[1]) for text in axes.texts] == [("chance", 2.3)]


def test_picture_is_written(tmp_path):
    """Loss and accuracy side by side, 1200 x 480 pixels."""
    curves.save(ROWS, tmp_path / "curves.png")
    assert cv2.imread(str(tmp_path / "curves.png")).shape == (480, 1200, 3)
