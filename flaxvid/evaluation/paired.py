"""Which of two models is better, video by video: McNemar's test.

Two accuracies on the same videos are not independent: most videos are easy for both models, or
hard for both, and tell nothing about which is better. Only those count that one has right and the
other wrong; if neither model is better, such a video falls to either as a coin does.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Shaped
from scipy import stats


@dataclasses.dataclass(frozen=True)
class Paired:
    """How two models differ on the same videos."""

    first: int
    """Videos, or groups of them, that speak for the first model."""
    second: int
    """And for the second."""
    p: float
    """How likely so uneven a count, or one more so, would be if neither were better."""


def compare(
    first: Bool[np.ndarray, " videos"],
    second: Bool[np.ndarray, " videos"],
    groups: Shaped[np.ndarray, " videos"],
) -> Paired:
    """McNemar's test, exact and two-sided, over groups.

    A group counts for the model that has more of its videos right: clips of one recording are right
    or wrong together, and counted singly they would make the test too sure. Where each video is its
    own group, this is McNemar's test as published.

    Args:
        first: whether the first model is right about each video.
        second: the same of the second model.
        groups: the group of each video.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages" (1947); exact as a binomial test of 1/2.
    """
    _, group = np.unique(groups, return_inverse=True)
    ahead = np.bincount(group, weights=first.astype(int) - second.astype(int))
    wins, losses = int(np.sum(ahead > 0)), int(np.sum(ahead < 0))
    if wins + losses == 0:
        return Paired(0, 0, 1.0)
    return Paired(wins, losses, float(stats.binomtest(wins, wins + losses).pvalue))


def corrected(p: Sequence[float]) -> list[float]:
    """Holm's correction: of several tests, how likely it is to be wrong about any.

    Source: Holm, "A simple sequentially rejective multiple test procedure" (1979).
    """
    found, highest = [0.0] * len(p), 0.0
    for done, number in enumerate(sorted(range(len(p)), key=lambda number: p[number])):
        highest = max(highest, min(1.0, (len(p) - done) * p[number]))
        found[number] = highest
    return found
