"""The picture of a leaderboard says what its table says."""

import dataclasses
import itertools

import pytest

from flaxvid.figures import leaderboard


@dataclasses.dataclass
class Line:
    model: str
    top1: float
    interval: tuple[float, float]
    shuffled: float | None
    multiply_adds: int
    measure: str = "top-1"


LINES = [
    Line("conv_lstm tiny", 0.99, (0.97, 1.0), 0.34, 7_000_000),
    Line("bert tiny", 0.98, (0.96, 0.99), 0.36, 846_000_000),
    Line("embedding_transformer tiny", 0.9, (0.9, 0.9), None, 846_000_000),
]


@pytest.fixture
def figure():
    figure = leaderboard.draw(LINES, title="motion, test split")
    figure.canvas.draw()
    return figure


def test_models_stand_one_below_the_other(figure):
    """The best on top, and no name over another, equal as their costs may be."""
    labels = figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == [line.model for line in LINES]
    boxes = [label.get_window_extent() for label in labels]
    assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(boxes))


def test_values_stand_where_they_belong(figure):
    """Top-1 and shuffled on the left, cost in billions on the right; no mark for no value."""
    accuracy, cost = figure.axes
    assert {(mark.get_xdata()[0], *mark.get_ydata()) for mark in cost.lines} == {
        (0.007, 0),
        (0.846, 1),
        (0.846, 2),
    }
    crosses = [mark for mark in accuracy.lines if mark.get_marker() == "x"]
    assert [(*cross.get_xdata(), *cross.get_ydata()) for cross in crosses] == [(0.34, 0), (0.36, 1)]
    dots = [mark for mark in accuracy.lines if mark.get_marker() == "o"]
    assert [(*dot.get_xdata(), *dot.get_ydata()) for dot in dots] == [
        (0.99, 0),
        (0.98, 1),
        (0.9, 2),
    ]
