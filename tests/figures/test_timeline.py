"""The timeline: the likeliest classes first, each moment the nearest window."""

import numpy as np

from flaxvid.figures import timeline


def test_stripes():
    """Windows 0-2, 1-3 and 3-5 s meet at 1.5 and 3; the class that is said first is on top."""
    edges = np.array([[0.0, 2.0], [1.0, 3.0], [3.0, 5.0]])
    odds = np.array([[0.1, 0.9, 0.0], [0.3, 0.6, 0.1], [0.7, 0.2, 0.1]])
    axes = timeline.draw(edges, odds, ["sit", "jump", "run"], title="a.mp4")
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["jump", "sit"]
    (stripes,) = [c for c in axes.collections if c.get_array() is not None]
    np.testing.assert_allclose(stripes.get_array(), odds[:, [1, 0]].T)
    assert sorted(set(stripes.get_coordinates()[0, :, 0])) == [0, 1.5, 3, 5]
    bottom, top = axes.get_ylim()
    assert bottom > top


def test_too_many_classes():
    """Those that are said in most windows stay."""
    edges = np.stack([np.arange(5.0), np.arange(1.0, 6.0)], axis=1)
    odds = np.eye(3)[[0, 1, 2, 2, 1]]
    axes = timeline.draw(edges, odds, ["sit", "jump", "run"], most=2)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["jump", "run"]


def test_of_several_labels_those_above_thresholds():
    """Two at once in the first window, and one that is never the likeliest; else the likeliest."""
    edges, odds = np.array([[0.0, 1.0], [1.0, 2.0]]), np.array([[0.6, 0.8, 0.4], [0.1, 0.2, 0.3]])

    def shown(*thresholds):
        axes = timeline.draw(edges, odds, ["sit", "jump", "run"], thresholds=np.array(thresholds))
        return [tick.get_text() for tick in axes.get_yticklabels()]

    assert shown(0.5, 0.5, 0.5) == ["sit", "jump"]
    assert shown(0.9, 0.9, 0.9) == ["jump", "run"]
