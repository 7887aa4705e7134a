"""What a patch sees, as grids: cells, colours one inside the other, the legend."""

import matplotlib
import numpy as np
import pytest

from flaxvid.figures import reach

matplotlib.use("Agg")

SKY, BLUE, ORANGE = [0x56, 0xB4, 0xE9], [0x00, 0x72, 0xB2], [0xE6, 0x9F, 0x00]


@pytest.fixture(autouse=True)
def close():
    yield
    matplotlib.pyplot.close("all")


def seen(*places):
    shown = np.zeros((3, 2, 4), bool)
    for place in places:
        shown[place] = True
    return shown


def middle_and_corner(cells, frame, row, column):
    cell = cells[frame, 15 * row : 15 * row + 15, 15 * column : 15 * column + 15]
    return cell[7, 7].tolist(), cell[0, 0].tolist()


def test_a_cell_has_the_colours_of_all_steps_that_see_it():
    """The first step fills the cell, later ones its inside; an unseen cell is grey."""
    shown = {
        "time": seen((1, 0, 3), (2, 1, 0)),
        "width": seen((1, 0, 3)),
        "height": seen((0, 1, 1)),
    }
    cells = reach.paint(shown)
    assert cells.shape == (3, 30, 60, 3)
    assert middle_and_corner(cells, 1, 0, 3) == (BLUE, SKY)
    assert middle_and_corner(cells, 2, 1, 0) == (SKY, SKY)
    assert middle_and_corner(cells, 0, 1, 1) == (ORANGE, [232] * 3)
    assert middle_and_corner(cells, 0, 0, 0) == ([232] * 3, [232] * 3)


def test_every_step_has_its_area():
    """15 x 15, 11 x 11 and 5 x 5 pixels of a cell that three steps see are of their colours."""
    cells = reach.paint(dict.fromkeys(("a", "b", "c"), seen((1, 1, 2))))
    counts = [int((cells == colour).all(-1).sum()) for colour in (SKY, BLUE, ORANGE)]
    assert counts == [225 - 121, 121 - 25, 25]


def test_the_legend_counts_what_a_step_shows():
    """Names in the order of steps, with the number of patches."""
    shown = {"time": seen((0, 1, 1), (2, 1, 1)), "space": seen((0, 1, 1))}
    axes = reach.film_strip(shown, token=(2, 1, 1), title="divided")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["time: 2", "space: 1"]
    (frame,) = axes.patches
    assert (frame.get_width(), frame.get_height()) == (15, 15)
    assert axes.get_title("left") == "divided"
