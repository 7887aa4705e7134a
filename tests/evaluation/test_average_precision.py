"""Average precision: as scikit-learn has it, by hand, and what intervals and thresholds promise."""

from pathlib import Path

import numpy as np
import pytest

from flaxvid import errors
from flaxvid.evaluation import average_precision

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "average_precision.npz")


def test_average_precision_of_scikit_learn():
    """60 clips of 7 classes with many equal scores; one class has a single clip."""
    found = average_precision.by_class(GOLDEN["scores"], GOLDEN["targets"])
    np.testing.assert_allclose(found, GOLDEN["by_class"], rtol=1e-12)
    assert average_precision.mean(GOLDEN["scores"], GOLDEN["targets"]) == pytest.approx(
        float(GOLDEN["mean"]), rel=1e-12
    )


def test_clips_drawn_several_times_are_those_of_scikit_learns_weights():
    """What the bootstrap counts: clips of weight 0 to 3."""
    found = average_precision._of_draws(GOLDEN["scores"], GOLDEN["targets"], GOLDEN["times"][None])
    np.testing.assert_allclose(found[0], GOLDEN["weighted"], rtol=1e-12)


def test_average_precision_by_hand():
    """Clips of the class first and third of four: (1/1 + 2/3) / 2. A class without one is NaN, and
    has no part in the mean."""
    scores = np.array([[0.9, 0.1], [0.8, 0.1], [0.7, 0.2], [0.6, 0.3]])
    targets = np.array([[1.0, 0], [0, 0], [1, 0], [0, 0]])
    found = average_precision.by_class(scores, targets)
    np.testing.assert_allclose(found, [5 / 6, np.nan])
    assert average_precision.mean(scores, targets) == pytest.approx(5 / 6)
    with pytest.raises(errors.UserError, match="none of these videos has a label"):
        average_precision.mean(scores, np.zeros((4, 2)))


def noisy(groups, size, seed=0, noise=1.0):
    """Scores of two classes that all clips of a group share, but for a little."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(rng.integers(0, 2, (groups, 2)).astype(np.float64), size, axis=0)
    own = np.repeat(rng.normal(size=(groups, 2)), size, axis=0)
    scores = targets + noise * own + 1e-3 * rng.normal(size=targets.shape)
    return scores, targets, np.repeat(np.arange(groups), size)


def test_an_interval_goes_by_groups():
    """Clips that stand together tell less than as many that stand alone; mAP lies inside."""
    scores, targets, groups = noisy(30, 8)
    together = average_precision.interval(scores, targets, groups, draws=300)
    alone = average_precision.interval(scores, targets, np.arange(len(groups)), draws=300)
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])
    assert together[0] < average_precision.mean(scores, targets) < together[1]


def test_nothing_is_known_where_all_draws_are_alike():
    """Every clip ranked right: an interval of 100% to 100% would be too sure."""
    targets = np.array([[1.0], [0], [1], [0]])
    assert average_precision.interval(targets, targets, np.arange(4), draws=50) is None


def test_a_difference_is_told_from_chance():
    """A model with a third of the noise is ahead; against itself there is nothing."""
    good, targets, groups = noisy(60, 2, noise=0.3)
    bad = noisy(60, 2, noise=1.5)[0]
    ahead, chance = average_precision.difference(good, bad, targets, groups, draws=300)
    assert ahead > 0.1
    assert chance <= 2 / 300
    assert average_precision.difference(good, good, targets, groups, draws=300) == (0.0, 1.0)


def test_thresholds_are_where_f1_is_highest():
    """Class 0: between 0.7 and 0.3, where both clips are said and one more. Class 1: all clips, so
    below the lowest. Class 2: none, so 0.5."""
    odds = np.array([[0.9, 0.8, 0.9], [0.8, 0.6, 0.1], [0.7, 0.4, 0.2], [0.3, 0.2, 0.3]])
    targets = np.array([[1.0, 1, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0]])
    limits = average_precision.thresholds(odds, targets)
    np.testing.assert_allclose(limits, [0.5, 0.1, 0.5])
    assert average_precision.said(odds, limits)[:, 0].tolist() == [1, 1, 1, 0]


def test_thresholds_of_every_cut():
    """No other cut has a higher F1: every one of 60 is tried."""
    odds, targets = GOLDEN["scores"], GOLDEN["targets"]
    limits = average_precision.thresholds(odds, targets)
    best = average_precision.counted(average_precision.said(odds, limits), targets)["f1"]
    for cut in np.arange(-0.05, 1.4, 0.1):
        taken = average_precision.said(odds, np.full(7, cut))
        assert np.all(average_precision.counted(taken, targets)["f1"] <= best + 1e-12)
