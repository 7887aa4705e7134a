"""McNemar's test: against sums of coin tosses, and where groups or many tests matter."""

import math

import numpy as np
import pytest

from flaxvid.evaluation import paired


def by_hand(wins, losses):
    """Two-sided: twice the chance of so few heads, or fewer, in fair tosses; 1 at most."""
    tosses, few = wins + losses, min(wins, losses)
    tail = sum(math.comb(tosses, heads) for heads in range(few + 1)) / 2**tosses
    return min(1.0, 2 * tail)


@pytest.mark.parametrize(("wins", "losses"), [(0, 1), (5, 5), (1, 9), (8, 2), (20, 7), (0, 12)])
def test_single_videos_are_coin_tosses(wins, losses):
    """Videos that both have right, or both wrong, count for nothing."""
    first = np.array([True] * wins + [False] * losses + [True] * 30 + [False] * 4)
    second = np.array([False] * wins + [True] * losses + [True] * 30 + [False] * 4)
    found = paired.compare(first, second, np.arange(len(first)))
    assert (found.first, found.second) == (wins, losses)
    assert found.p == pytest.approx(by_hand(wins, losses))


def test_equal_models_are_equal():
    """Nothing to count: a probability of 1, and no division by zero."""
    right = np.array([True, False, True])
    assert paired.compare(right, right, np.arange(3)) == paired.Paired(0, 0, 1.0)


def test_a_group_counts_for_whoever_has_more_of_it():
    """Two groups for the first, one for the second, one even; however many videos they have."""
    first = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0], bool)
    second = np.array([0, 0, 0, 1, 0, 0, 0, 1, 0], bool)
    groups = np.array(["a", "a", "a", "b", "c", "c", "d", "d", "c"])
    found = paired.compare(first, second, groups)
    assert (found.first, found.second) == (2, 1)
    assert found.p == 1.0


def test_the_test_is_rarely_wrong_where_nobody_is_better():
    """Recordings decide alike for all their videos: below 5% in 5% of the cases at most."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    found = []
    for _ in range(300):
        first, second = (np.repeat(rng.random(40) < 0.7, 10) for _ in range(2))
        found.append(paired.compare(first, second, groups).p < 0.05)
    assert np.mean(found) < 0.06


def test_many_tests_are_corrected():
    """Holm: the smallest of three times 3, the next times 2, never smaller than the one before."""
    assert paired.corrected([0.02, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert paired.corrected([0.5, 0.9]) == [1.0, 1.0]
    assert paired.corrected([]) == []
